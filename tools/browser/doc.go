// Package browser opens what the lab draws in a real browser: its tests drive a headless Chromium.
//
//	go test ./...                        from this folder
//	go test ./... -screenshots DIR       keeps what the browser shows
//
// The tests skip where no Chromium is installed, and fail there if CI is true.
package browser
