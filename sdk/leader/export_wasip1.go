package leader

import (
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/internal/guest"
)

// request is decoded into again and again. It has room from initialisation on for what all but
// the largest networks ask, so that a call allocates nothing: some 60 sets of voters would
// cost more than most algorithms.
var request = prepare()

func prepare() hook.LeaderRequest {
	const validators, words = 128, 128 / 64
	window := make([]hook.WindowBlock, hook.WindowMax)
	voters := make([]uint64, words*len(window))
	for i := range window {
		window[i].Voters = voters[words*i : words*i : words*(i+1)]
	}
	return hook.LeaderRequest{Validators: make([]hook.Validator, 0, validators), Window: window[:0]}
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
