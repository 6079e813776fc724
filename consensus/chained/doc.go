// Package chained is two-chain HotStuff as a consensus.Machine.
package chained
