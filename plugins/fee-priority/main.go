// The module of the fee priority: see package fee.
package main

import (
	"quoin.dev/quoin/plugins/fee-priority/fee"
	"quoin.dev/quoin/sdk/priority"
)

func main() {}

func init() { priority.Serve(fee.Priority) }
