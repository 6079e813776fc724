package leader

import (
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/internal/guest"
)

// request is decoded into again and again: it has room from initialisation on, so that a call
// for a small network allocates nothing.
var request = hook.LeaderRequest{
	Validators: make([]hook.Validator, 0, 16),
	Window:     make([]hook.WindowBlock, 0, hook.WindowMax),
}

//go:wasmexport leader.v1
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
