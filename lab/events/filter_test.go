package events

import (
	"errors"
	"testing"
)

func TestFilter(t *testing.T) {
	e := Event{Index: 7, AtUS: 3_500_000, Node: 2, Verb: Certified, Peer: All, Height: 10, Kind: "notarize", Text: "a b"}
	for _, c := range []struct {
		terms string
		holds bool
	}{
		{"", true}, {"certifies", true}, {"enters", false}, {"verb!=enters node=v2", true}, {"node=v1", false},
		{"height>=10 height<=10", true}, {"height>10", false}, {"height<11 height!=9", true}, {"kind~tari", true}, {"kind~x", false},
		{"at>=3.5", true}, {"at>3.5", false}, {"at<3.500001s", true}, {"i=7 peer=all", true}, {"text~b", true},
	} {
		f, err := ParseFilter(c.terms)
		if err != nil {
			t.Fatalf("%q: %v", c.terms, err)
		}
		if f.Match(&e) != c.holds {
			t.Errorf("%q: %v", c.terms, !c.holds)
		}
	}
	for _, bad := range []string{"jumps", "height~1", "node>v2", "weight=3", "height=x", "height=-1", "at=1.0000001", "=", "~", "verb=none", "at=99999999999", "at>=", "at=s", "at=.5"} {
		if _, err := ParseFilter(bad); !errors.Is(err, ErrFilter) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
