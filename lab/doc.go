// Package lab plays whole networks in one deterministic world.
package lab
