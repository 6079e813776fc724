package mark

import "testing"

func TestSet(t *testing.T) {
	seen := Mark{Name: "a/seen", Kind: Sometimes}
	never := Mark{Name: "a/never", Kind: Sometimes}
	holds := Mark{Name: "b/holds", Kind: Always}
	var s, other Set
	s.Sometimes(&seen, false)
	other.Sometimes(&seen, true)
	other.Reach(&Mark{Name: "c/unlisted", Kind: Reachable})
	s.Always(&holds, true)
	s.Add(&other)
	s.Add(nil)
	counts := s.Counts([]Mark{seen, never}, []Mark{holds})
	if len(counts) != 4 || counts[0].Name != "a/never" || counts[1].Reached != 1 || counts[3].Name != "c/unlisted" {
		t.Errorf("%+v", counts)
	}
	missed, broken := Missed(counts)
	if len(missed) != 1 || missed[0].Name != "a/never" || len(broken) != 0 {
		t.Errorf("%+v, %+v", missed, broken)
	}
	s.Always(&holds, false)
	if _, broken := Missed(s.Counts()); len(broken) != 1 || broken[0].Reached != 2 || broken[0].Broken != 1 {
		t.Errorf("%+v", broken)
	}
}

// TestNil: production code has no set.
func TestNil(t *testing.T) {
	var s *Set
	m := Mark{Name: "a/x", Kind: Always}
	s.Reach(&m)
	s.Sometimes(&m, true)
	s.Always(&m, false)
	if c := s.Counts([]Mark{m}); len(c) != 1 || c[0].Reached != 0 {
		t.Errorf("%+v", c)
	}
}
