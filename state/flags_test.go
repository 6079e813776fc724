package state

import "flag"

var (
	seedFlag  = flag.Uint64("seed", 1, "first seed of the random tests")
	seedsFlag = flag.Uint64("seeds", 8, "how many seeds the random tests play")
)
