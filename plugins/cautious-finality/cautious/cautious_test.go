package cautious

import (
	"testing"

	"quoin.dev/quoin/hook"
)

func TestDelay(t *testing.T) {
	three := []byte{3, 0, 0, 0, 9, 0, 0, 0}
	for _, c := range []struct {
		gap    uint64
		params []byte
		want   hook.FinalityResponse
	}{
		{0, nil, hook.FinalityResponse{}},
		{1, nil, hook.FinalityResponse{Blocks: 2, Milliseconds: 5000}},
		{4, three, hook.FinalityResponse{Blocks: 12, Milliseconds: 9}},
		{40, three, hook.FinalityResponse{Blocks: 64, Milliseconds: 9}},
		{1<<64 - 1, three, hook.FinalityResponse{Blocks: 64, Milliseconds: 9}},
		{4, make([]byte, 8), hook.FinalityResponse{}},
	} {
		if got := Delay(&hook.FinalityRequest{ViewGap: c.gap, Params: c.params}); got != c.want {
			t.Errorf("a gap of %d with %v: %v, want %v", c.gap, c.params, got, c.want)
		}
	}
}
