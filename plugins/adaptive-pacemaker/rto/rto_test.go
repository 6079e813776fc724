package rto

import (
	"testing"

	"quoin.dev/quoin/hook"
)

// window returns views that took so many milliseconds, newest first; those below zero were given up.
func window(ms ...int64) []hook.PacemakerView {
	var w []hook.PacemakerView
	for i, n := range ms {
		v := hook.PacemakerView{View: uint64(100 - i), MS: uint32(max(n, -n)), Notarized: n >= 0}
		w = append(w, v)
	}
	return w
}

func request(failed uint64, w []hook.PacemakerView, params ...byte) *hook.PacemakerRequest {
	return &hook.PacemakerRequest{View: 101, CertifiedView: 100 - failed, BaseMS: 500, MaxMS: 20_000, BuiltinMS: min(uint64(500)<<min(failed, 20), 20_000), Window: w, Params: params}
}

func TestTimeout(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *hook.PacemakerRequest
		want uint64
	}{
		{"nothing measured", request(0, nil), 500},
		{"nothing but views given up", request(1, window(-900, -900)), 1000},
		{"one view", request(0, window(100)), 300},                                   // 100 + 4·50
		{"doubled", request(2, window(100)), 1200},                                   //
		{"two views", request(0, window(200, 100)), 362},                             // S 112.5, V 62.5
		{"what was given up does not count", request(0, window(-5000, 100)), 300},    //
		{"fewer deviations", request(0, window(100), 1), 150},                        //
		{"no deviations", request(0, window(100), 0), 100},                           //
		{"parameters that say nothing", request(0, window(100), 1, 2), 300},          //
		{"a view that took no time", request(0, window(0)), 1},                       // the host makes more of it
		{"very many views given up", request(100, window(1<<32-1)), 20_000},          //
		{"the longest views that there are", request(0, window(1<<32-1)), 3<<32 - 3}, // the host makes less of it
	} {
		if got := Timeout(c.r).TimeoutMS; got != c.want {
			t.Errorf("%s: %d ms, want %d", c.name, got, c.want)
		}
	}
}

// Steady views bring the time-out down to them, and each view that fails doubles it.
func TestSettlesAndGrows(t *testing.T) {
	steady := make([]int64, hook.PacemakerWindowMax)
	for i := range steady {
		steady[i] = 80
	}
	steady[len(steady)-1] = 700 // one slow view, long ago
	if got := Timeout(request(0, window(steady...))).TimeoutMS; got < 80 || got > 200 {
		t.Errorf("after 31 views of 80 ms: %d ms", got)
	}
	before := uint64(0)
	for failed := range uint64(70) {
		r := request(failed, window(steady...))
		got := Timeout(r).Bounded(r)
		if got < before || got > r.MaxMS {
			t.Fatalf("after %d views without a certificate: %d ms, then %d", failed, before, got)
		}
		before = got
	}
	if before != 20_000 {
		t.Errorf("time-outs end at %d ms, want the chain's maximum", before)
	}
}
