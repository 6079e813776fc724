// Package state is authenticated key-value state.
package state
