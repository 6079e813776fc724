package main

import (
	"testing"

	"quoin.dev/quoin/governance"
)

// TestEveryRefusalHasAdvice wants what to do of every code of governance.
func TestEveryRefusalHasAdvice(t *testing.T) {
	for _, c := range governance.Codes() {
		if _, ok := refusalAdvice[c]; !ok && c != governance.OK {
			t.Errorf("%v: %s: what is to be done?", c, c.Meaning())
		}
	}
}
