// Package browser opens what the lab draws, and a node's dashboard, in a real browser: its tests drive a headless Chromium.
//
//	go test ./...                        from this folder
//	go test ./... -screenshots DIR       keeps what the browser shows
//
//	go test -run Dashboard -minute       wants the demo's five acts within a minute
//
// The tests skip where no Chromium is installed, and fail there if CI is true.
package browser
