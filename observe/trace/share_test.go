package trace

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/observe/otlp"
)

func TestShares(t *testing.T) {
	for text, want := range map[string]Share{"1/100": {1, 100}, "1/1": {1, 1}, "0": {0, 1}, "0/7": {0, 7}, "1": {1, 1}} {
		if s, err := ParseShare(text); err != nil || s != want {
			t.Errorf("%q is %+v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "2/1", "1/0", "0/0", "-1/2", "1/2/3", "a", "0.5", "2", "1/10000000000", " 1/2"} {
		if s, err := ParseShare(text); err == nil {
			t.Errorf("%q is %+v, want an error", text, s)
		}
	}
	if s := (Share{3, 4}).String(); s != "3/4" {
		t.Error(s)
	}
	if s := (Share{}).String(); s != "0" {
		t.Error(s)
	}
	if _, err := New(Config{Endpoint: "http://127.0.0.1:1", Share: Share{2, 1}}); err == nil {
		t.Error("two of one are a share")
	}
}

// The threshold is exact: the trace that just reaches it is taken, the one below is not.
func TestThresholdIsExact(t *testing.T) {
	for _, x := range []struct {
		share  Share
		least  uint64 // whose last 56 bits are taken
		digits string
	}{
		{Share{1, 1}, 0, "0"},
		{Share{1, 2}, 1 << 55, "8"},
		{Share{1, 4}, 3 << 54, "c"},
		{Share{1, 100}, 1<<56 - (1<<56)/100, "fd70a3d70a3d71"}, // as OpenTelemetry's specification has it
		{Share{1, shareMax}, 1<<56 - (1<<56)/shareMax, "fffffffbb47d06"},
	} {
		limit, err := x.share.threshold()
		if err != nil {
			t.Fatal(err)
		}
		id := func(n uint64) (id otlp.TraceID) {
			binary.BigEndian.PutUint64(id[8:], n|0xab<<56) // what stands above does not count
			return id
		}
		if !limit.takes(id(x.least)) || x.least > 0 && limit.takes(id(x.least-1)) {
			t.Errorf("%s: the threshold is %x, want %x", x.share, uint64(limit), x.least)
		}
		if got := limit.state(); got != "ot=th:"+x.digits {
			t.Errorf("%s: the tracestate says %s, want th:%s", x.share, got, x.digits)
		}
	}
	if none, _ := (Share{}).threshold(); none.takes(otlp.TraceID{15: 0xff, 14: 0xff, 13: 0xff, 12: 0xff, 11: 0xff, 10: 0xff, 9: 0xff}) {
		t.Error("a share of none takes something")
	}
}

// Who traces less traces nothing that others do not; and a share is about what it says.
func TestSharesNest(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	small, _ := Share{1, 50}.threshold()
	large, _ := Share{1, 10}.threshold()
	const n = 100_000
	taken := 0
	for range n {
		var id quoin.Hash
		for at := 0; at < len(id); at += 8 {
			binary.LittleEndian.PutUint64(id[at:], random.Uint64())
		}
		name := ofTransaction(id)
		if small.takes(name.trace) && !large.takes(name.trace) {
			t.Fatalf("seed %d: %s is taken by 1/50 and not by 1/10", seed, id)
		}
		if large.takes(name.trace) {
			taken++
		}
	}
	if taken < n/10-n/100 || taken > n/10+n/100 { // ten standard deviations
		t.Errorf("seed %d: %d of %d are taken, want a tenth", seed, taken, n)
	}
}

// The names are part of what nodes of different builds have to agree on.
func TestNamesAreStable(t *testing.T) {
	x := ofTransaction(quoin.Hash{1, 2, 3, 15: 4, 5, 23: 6, 7})
	if got := x.trace.String() + " " + x.root.String(); got != "01020300000000000000000000000004 0500000000000006" {
		t.Error(got)
	}
	r := ofRelease("acme.example/main", 7)
	if got := r.trace.String() + " " + r.root.String(); got != "b23b7925927f4d3a399214daf6b922bd 35f2f6c6701317fb" {
		t.Error(got)
	}
	if ofRelease("acme.example/other", 7) == r || ofRelease("acme.example/main", 8) == r {
		t.Error("two proposals have one trace")
	}
}
