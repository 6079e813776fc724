package pacemaker

import (
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/internal/guest"
)

// request has room for the longest window from initialisation on, so that a call allocates nothing.
var request = hook.PacemakerRequest{Window: make([]hook.PacemakerView, 0, hook.PacemakerWindowMax)}

//go:wasmexport pacemaker.v1
func export() int32 {
	if served == nil {
		return guest.StatusUnserved
	}
	if request.Decode(guest.Input()) != nil {
		return guest.StatusRequest
	}
	response := served(&request)
	b, _ := response.Append(guest.Response())
	guest.Output(b)
	return guest.StatusOK
}
