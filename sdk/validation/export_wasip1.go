package validation

import (
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/internal/guest"
)

var request hook.ValidationRequest

//go:wasmexport validation.v1.validate
func export() int32 {
	if served == nil {
		return guest.StatusUnserved
	}
	return answer()
}

//go:wasmexport validation.v1.validate_batch
func exportBatch() int32 {
	if served == nil {
		return guest.StatusUnserved
	}
	for guest.Next() {
		if status := answer(); status != guest.StatusOK {
			return status
		}
	}
	return guest.StatusOK
}

func answer() int32 {
	if request.Decode(guest.Input()) != nil {
		return guest.StatusRequest
	}
	response := served.Validate(&request, guest.State{})
	b, _ := response.Append(guest.Response())
	guest.Output(b)
	return guest.StatusOK
}
