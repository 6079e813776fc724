package fee

import (
	"encoding/binary"
	"math"
	"testing"

	"quoin.dev/quoin/hook"
)

// offer returns a payload of n bytes with a fee at the offset.
func offer(fee uint64, offset, n int) []byte {
	b := make([]byte, n)
	binary.LittleEndian.PutUint64(b[offset:], fee)
	return b
}

func TestPriority(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		params  []byte
		want    uint64
	}{
		{"a fee of one for each byte", offer(100, 0, 100), nil, Scale},
		{"half of it", offer(50, 0, 100), nil, Scale / 2},
		{"no fee", offer(0, 0, 100), nil, 0},
		{"too short for a fee", make([]byte, Bytes-1), nil, 0},
		{"no payload", nil, nil, 0},
		{"at an offset", offer(100, 20, 100), Params(20, ""), Scale},
		{"at the end", offer(100, 92, 100), Params(92, "bank"), Scale},
		{"beyond the end", offer(100, 92, 100), Params(93, ""), 0},
		{"far beyond the end", offer(100, 92, 100), Params(math.MaxUint32, ""), 0},
		{"of the namespace", offer(100, 0, 100), Params(0, "bank"), Scale},
		{"of another namespace", offer(100, 0, 100), Params(0, "shop"), 0},
		{"parameters that say nothing", offer(100, 0, 100), []byte{1, 2, 3}, Scale},
		{"more than a priority holds", offer(math.MaxUint64, 0, 100), nil, math.MaxUint64},
	} {
		r := &hook.PriorityRequest{Namespace: []byte("bank"), Payload: c.payload, Params: c.params}
		if got := Priority(r).Priority; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// A higher fee is never worth less, and neither is a shorter payload.
func TestMorePaysMore(t *testing.T) {
	ask := func(fee uint64, n int) uint64 {
		return Priority(&hook.PriorityRequest{Payload: offer(fee, 0, n)}).Priority
	}
	for shift := range 63 {
		fee := uint64(1) << shift
		for _, n := range []int{Bytes, 100, 1000, hook.PayloadMax} {
			if ask(2*fee, n) < ask(fee, n) || ask(fee+1, n) < ask(fee, n) || n > Bytes && ask(fee, n-1) < ask(fee, n) {
				t.Errorf("a fee of %d for %d bytes", fee, n)
			}
		}
	}
}
