package events

import (
	"strings"
	"testing"
)

func TestChart(t *testing.T) {
	log := []Event{
		{AtUS: 1, Node: 0, Verb: Entered, View: 1},
		{AtUS: 1, Node: 0, Verb: Sent, Peer: All, Flight: 7, Kind: "propose", View: 1, Block: "abcd0123"},
		{AtUS: 2, Node: 1, Verb: Received, Peer: 0, Flight: 7, Kind: "propose", View: 1, Block: "abcd0123"},
		{AtUS: 2, Node: 2, Verb: Received, Peer: 0, Flight: 7, Kind: "propose", View: 1, Block: "abcd0123"},
		{AtUS: 3, Node: 2, Verb: Lost, Peer: 1, Flight: 8, Kind: "notarize", View: 1},
		{AtUS: 4, Node: 1, Verb: Certified, Height: 1, View: 1, Block: "abcd0123"},
		{AtUS: 5, Node: World, Verb: Broken, Kind: "I1", Text: "two blocks at height 1"},
		{AtUS: 6, Node: 9, Verb: Received, Peer: -5, Kind: "odd"},
	}
	var b strings.Builder
	if err := Chart(&b, 3, log); err != nil {
		t.Fatal(err)
	}
	want := `               0             1             2
         1     ●             │             │      enters view 1
         2     ├────────────▶│             │      propose view 1 abcd0123
               ├─────────────┼────────────▶│      propose view 1 abcd0123
         3     │             │×────────────┤      lost: notarize view 1
         4     │             ●             │      certifies height 1 view 1 abcd0123
         5     │             │             │      broken I1 two blocks at height 1
         6     │             │             │      receives odd
`
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, n := range []int{0, 17} {
		if Chart(&b, n, log) == nil {
			t.Errorf("a chart of %d replicas", n)
		}
	}
}
