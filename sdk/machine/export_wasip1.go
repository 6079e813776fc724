package machine

import (
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/internal/guest"
)

//go:wasmexport machine.v1.apply
func exportApply() int32 {
	if served == nil {
		return guest.StatusUnserved
	}
	var request hook.ApplyRequest
	if request.Decode(guest.Input()) != nil {
		return guest.StatusRequest
	}
	response := served.Apply(&request, guest.State{})
	b, err := response.Append(guest.Response())
	output(b, err)
	return guest.StatusOK
}

// batched is the request of a batch, which would otherwise be made anew for each transaction.
var batched hook.ApplyRequest

//go:wasmexport machine.v1.apply_batch
func exportApplyBatch() int32 {
	if served == nil {
		return guest.StatusUnserved
	}
	for guest.Next() {
		if batched.Decode(guest.Input()) != nil {
			return guest.StatusRequest
		}
		response := served.Apply(&batched, guest.State{})
		b, err := response.Append(guest.Response())
		output(b, err)
	}
	return guest.StatusOK
}

//go:wasmexport machine.v1.query
func exportQuery() int32 {
	if served == nil {
		return guest.StatusUnserved
	}
	var request hook.QueryRequest
	if request.Decode(guest.Input()) != nil {
		return guest.StatusRequest
	}
	response := served.Query(&request, guest.State{})
	b, err := response.Append(guest.Response())
	output(b, err)
	return guest.StatusOK
}

// output hands the response over. One beyond its limits becomes the empty one, which is no
// response and so gives the fault that native code would get: output.
func output(b []byte, err error) {
	if err != nil {
		b = nil
	}
	guest.Output(b)
}
