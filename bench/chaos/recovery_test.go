package chaos

import (
	"testing"
	"time"
)

const second = time.Second

// A client has recovered with the first operation that it began after the moment; clients bound to the
// struck node are counted apart.
func TestRecoveries(t *testing.T) {
	operations := []Operation{
		{Client: 0, Call: 9 * second, Return: 15 * second}, // begun before the fault: says nothing
		{Client: 0, Call: 15 * second, Return: 16 * second},
		{Client: 1, Call: 11 * second, Return: 12 * second},
		{Client: 1, Call: 13 * second}, // unknown: says nothing
		{Client: 1, Call: 14 * second, Return: 17 * second},
		{Client: 2, Call: 1 * second, Return: 2 * second}, // nothing after the fault
	}
	struck := []Struck{{Fault: Fault{Kind: Kill, Nodes: []int{3}}, Began: 10 * second, Ended: 13 * second, Whole: 14 * second}}
	list := recoveries(struck, operations, func(c int) (int, bool) { return 3, c == 0 })
	if len(list) != 1 {
		t.Fatalf("%d kinds, want 1", len(list))
	}
	r := list[0]
	if r.Kind != Kill || r.Faults != 1 || r.Never != 1 {
		t.Errorf("%+v", r)
	}
	if r.Began.Count != 1 || r.Began.Max != 2*second {
		t.Errorf("others from the beginning: %+v, want 2 s of client 1", r.Began)
	}
	if r.Ended.Count != 2 || r.Ended.P50 != 3*second || r.Ended.Max != 4*second {
		t.Errorf("from the end: %+v, want 3 s and 4 s", r.Ended)
	}
	if r.Bound.Count != 1 || r.Bound.Max != 3*second {
		t.Errorf("bound: %+v, want 3 s of client 0", r.Bound)
	}
	if r.Whole.Max != second {
		t.Errorf("whole: %+v, want 1 s", r.Whole)
	}
}

func TestTimes(t *testing.T) {
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(200-i))
	}
	if x := timesOf(all); x.P50 != 100 || x.P99 != 198 || x.Max != 200 || x.Count != 200 {
		t.Errorf("%+v", x)
	}
	if x := timesOf(nil); x.Count != 0 || x.Max != 0 {
		t.Errorf("of nothing: %+v", x)
	}
}

func TestAvailability(t *testing.T) {
	at := func(ms int) Operation {
		return Operation{Call: time.Duration(ms-1) * time.Millisecond, Return: time.Duration(ms) * time.Millisecond}
	}
	// Slots of 100 ms from 1 s to 2 s: three are served, and nothing is acknowledged from 1.25 s to 1.9 s.
	a := availability([]Operation{at(500), at(1010), at(1090), at(1250), at(1900), {Call: 1500 * time.Millisecond}, at(2100)}, second, 2*second)
	if a.Slots != 10 || a.Served != 3 || a.Longest != 650*time.Millisecond {
		t.Errorf("%+v", a)
	}
}
