package api

//go:generate go tool -modfile=../tools/proto/go.mod buf generate
