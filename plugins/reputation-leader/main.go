// The module of the reputation leader: see package reputation.
package main

import (
	"quoin.dev/quoin/plugins/reputation-leader/reputation"
	"quoin.dev/quoin/sdk/leader"
)

func main() {}

func init() { leader.Serve(reputation.Lead) }
