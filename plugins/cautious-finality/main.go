// The module of the cautious finality: see package cautious.
package main

import (
	"quoin.dev/quoin/plugins/cautious-finality/cautious"
	"quoin.dev/quoin/sdk/finality"
)

func main() {}

func init() { finality.Serve(cautious.Delay) }
