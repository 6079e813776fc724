// The module of the bank: see package smallbank.
package main

import (
	"quoin.dev/quoin/plugins/bank/smallbank"
	"quoin.dev/quoin/sdk/machine"
)

func main() {}

func init() { machine.Serve(smallbank.Machine{}) }
