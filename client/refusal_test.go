package client

import (
	"errors"
	"fmt"
	"testing"
)

func TestRefusalsHaveCodes(t *testing.T) {
	for want, err := range map[string]error{"anchor": ErrAnchor, "epoch-unknown": ErrEpochUnknown, "fork": ErrFork, "proof": ErrProof, "": errors.New("no refusal")} {
		if got := RefusalCode(fmt.Errorf("because: %w", err)); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
