package main

import (
	"quoin.dev/quoin/sdk/internal/mover"
	"quoin.dev/quoin/sdk/machine"
	"quoin.dev/quoin/sdk/machine/migration"
)

func main() {}

func init() {
	machine.Serve(mover.Machine{})
	migration.Serve(mover.Machine{})
}
