package priority

import (
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/internal/guest"
)

var request hook.PriorityRequest

//go:wasmexport priority.v1
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
