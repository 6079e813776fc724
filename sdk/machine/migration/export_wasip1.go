package migration

import (
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/internal/guest"
)

//go:wasmexport machine.v1.migrate
func exportMigrate() int32 {
	if served == nil {
		return guest.StatusUnserved
	}
	var request hook.MigrateRequest
	if request.Decode(guest.Input()) != nil {
		return guest.StatusRequest
	}
	response := served.Migrate(&request, guest.State{})
	b, err := response.Append(guest.Response())
	if err != nil {
		b = nil // no response: the fault is output
	}
	guest.Output(b)
	return guest.StatusOK
}
