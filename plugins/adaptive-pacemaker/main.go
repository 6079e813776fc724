// The module of the adaptive pacemaker: see package rto.
package main

import (
	"quoin.dev/quoin/plugins/adaptive-pacemaker/rto"
	"quoin.dev/quoin/sdk/pacemaker"
)

func main() {}

func init() { pacemaker.Serve(rto.Timeout) }
