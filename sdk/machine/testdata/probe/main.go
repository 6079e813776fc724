package main

import (
	"quoin.dev/quoin/sdk/internal/probe"
	"quoin.dev/quoin/sdk/machine"
)

func main() {}

func init() { machine.Serve(probe.Machine{}) }
