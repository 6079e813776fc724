package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
)

// story builds a history whose times are milliseconds and whose ledger has its operations in the order
// in which they are told.
type story struct {
	h      History
	ledger Ledger
}

func newStory() *story { return &story{ledger: Ledger{}} }

// op adds an operation on the key k with the result that the client was told; an end of 0 is an
// unknown outcome.
func (s *story) op(client int, a Action, x, y int64, from, to int, code uint32, value int64) *Operation {
	n := len(s.h.Operations)
	s.h.Operations = append(s.h.Operations, Operation{Client: client, Key: "k", Action: a, A: x, B: y, ID: quoin.Hash{byte(n + 1)},
		Call: time.Duration(from) * time.Millisecond, Return: time.Duration(to) * time.Millisecond, Code: code, Value: value})
	o := &s.h.Operations[n]
	if o.Known() {
		o.Entry, o.Height = uint64(n), quoin.Height(n+1)
	}
	return o
}

// land puts an operation into the ledger, with its result.
func (s *story) land(entry int, o *Operation) {
	r := quoin.Result{Code: o.Code}
	if o.Code == plugin.KVDone && (o.Action == Read || o.Action == Add) {
		r.Output = number(o.Value)
	}
	s.ledger[uint64(entry)] = LedgerEntry{ID: o.ID, Height: quoin.Height(entry + 1), Result: r}
}

// landed puts all known operations into the ledger, each at its own entry.
func (s *story) landed() *story {
	for i := range s.h.Operations {
		if o := &s.h.Operations[i]; o.Known() {
			s.land(int(o.Entry), o)
		}
	}
	return s
}

// good is a history with every action, in which everything is right.
func good() *story {
	s := newStory()
	s.op(0, Read, 0, 0, 1, 2, plugin.KVDone, 0)
	s.op(1, Create, 5, 0, 3, 4, plugin.KVMismatch, 0) // reading has left it at 0
	s.op(0, Delete, 0, 0, 5, 6, plugin.KVDone, 0)
	s.op(1, Create, 7, 0, 7, 9, plugin.KVDone, 0)
	s.op(0, Swap, 7, 8, 8, 10, plugin.KVDone, 0)
	s.op(1, Swap, 7, 9, 11, 12, plugin.KVMismatch, 0)
	s.op(0, Add, 2, 0, 13, 14, plugin.KVDone, 10)
	s.op(1, Write, 20, 0, 13, 15, plugin.KVDone, 0)
	s.op(0, Read, 0, 0, 16, 17, plugin.KVDone, 20)
	return s.landed()
}

func TestGoodHistoryPasses(t *testing.T) {
	s := good()
	s.h.Reads = []StateRead{{Client: 0, Key: "k", Return: 20, Height: 4, Present: true, Value: 7}, {Client: 0, Key: "k", Return: 21, Height: 5, Least: 5, Present: true, Value: 8},
		{Client: 1, Key: "k", Return: 22, Height: 3}}
	if c := CheckHistory(s.h.Operations, time.Minute); len(c.Findings) > 0 || c.Keys != 1 {
		t.Errorf("Porcupine: %+v", c)
	}
	if f := s.ledger.Check(&s.h); len(f) > 0 {
		t.Errorf("the ledger: %v", f)
	}
}

// Each history is wrong in one way. Porcupine sees only what clients saw; the ledger sees more.
func TestBadHistoriesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name      string
		spoil     func(s *story) *story
		porcupine bool   // refuses it
		ledger    string // is part of what the ledger's check says
	}{
		{"an acknowledged write is lost", func(s *story) *story {
			s.op(0, Write, 5, 0, 1, 2, plugin.KVDone, 0)
			read := s.op(1, Read, 0, 0, 3, 4, plugin.KVDone, 0)
			read.Entry = 0
			s.land(0, read)
			return s
		}, true, "acknowledged and lost"},
		{"a read is stale", func(s *story) *story {
			s.op(0, Write, 5, 0, 1, 2, plugin.KVDone, 0)
			s.op(0, Write, 6, 0, 3, 4, plugin.KVDone, 0)
			s.op(1, Read, 0, 0, 5, 6, plugin.KVDone, 5)
			return s.landed()
		}, true, "the model"},
		{"a key is created twice", func(s *story) *story {
			s.op(0, Create, 5, 0, 1, 4, plugin.KVDone, 0)
			s.op(1, Create, 6, 0, 2, 5, plugin.KVDone, 0)
			return s.landed()
		}, true, "the model"},
		{"two swaps of one value both succeed", func(s *story) *story {
			s.op(0, Write, 1, 0, 1, 2, plugin.KVDone, 0)
			s.op(0, Swap, 1, 5, 3, 6, plugin.KVDone, 0)
			s.op(1, Swap, 1, 6, 4, 7, plugin.KVDone, 0)
			return s.landed()
		}, true, "the model"},
		{"an increment is lost", func(s *story) *story {
			s.op(0, Add, 1, 0, 1, 4, plugin.KVDone, 1)
			s.op(1, Add, 1, 0, 2, 5, plugin.KVDone, 1)
			return s.landed()
		}, true, "the model"},
		{"a write comes back after it was deleted", func(s *story) *story {
			s.op(0, Write, 5, 0, 1, 2, plugin.KVDone, 0)
			s.op(0, Delete, 0, 0, 3, 4, plugin.KVDone, 0)
			s.op(1, Read, 0, 0, 5, 6, plugin.KVDone, 5)
			return s.landed()
		}, true, "the model"},
		{"the ledger orders an operation before one that had ended", func(s *story) *story {
			late := s.op(0, Write, 5, 0, 3, 4, plugin.KVDone, 0)
			early := s.op(1, Write, 6, 0, 1, 2, plugin.KVDone, 0)
			late.Entry, late.Height, early.Entry, early.Height = 0, 1, 1, 2
			return s.landed()
		}, false, "contradicts the clock"},
		{"a transaction takes effect twice", func(s *story) *story {
			o := s.op(0, Add, 1, 0, 1, 2, plugin.KVDone, 1)
			s.land(0, o)
			s.land(1, o)
			return s
		}, false, "twice"},
		{"what nobody submitted is there", func(s *story) *story {
			s.ledger[0] = LedgerEntry{ID: quoin.Hash{9}}
			return s
		}, false, "nobody submitted"},
		{"the final ledger has another result than the receipt", func(s *story) *story {
			o := s.op(0, Add, 1, 0, 1, 2, plugin.KVDone, 1)
			wrong := *o
			wrong.Value = 2
			s.land(0, &wrong)
			return s
		}, false, "not what the client was told"},
		{"a receipt moved", func(s *story) *story {
			o := s.op(0, Write, 1, 0, 1, 2, plugin.KVDone, 0)
			s.land(3, o)
			return s
		}, false, "at entry 3"},
		{"the state at a height is not the ledger's", func(s *story) *story {
			s.op(0, Write, 5, 0, 1, 2, plugin.KVDone, 0)
			s.h.Reads = []StateRead{{Key: "k", Height: 1, Present: true, Value: 4}}
			return s.landed()
		}, false, "the ledger says"},
		{"a client reads backwards", func(s *story) *story {
			s.h.Reads = []StateRead{{Key: "k", Return: 1, Height: 2}, {Key: "k", Return: 2, Height: 1}}
			return s
		}, false, "had seen a later one"},
		{"a client does not read its own receipts", func(s *story) *story {
			s.h.Reads = []StateRead{{Key: "k", Return: 1, Height: 2, Least: 3}}
			return s
		}, false, "had seen a later one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.spoil(newStory())
			if found := CheckHistory(s.h.Operations, time.Minute).Findings; (len(found) > 0) != c.porcupine {
				t.Errorf("Porcupine says %q, want a finding: %v", found, c.porcupine)
			}
			found := s.ledger.Check(&s.h)
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, c.ledger) }) {
				t.Errorf("the ledger says %q, want %q", found, c.ledger)
			}
		})
	}
}

// An operation whose outcome is unknown may have taken effect at any time since it began, or not at all;
// it never did before.
func TestUnknownOutcomes(t *testing.T) {
	for _, c := range []struct {
		name  string
		tell  func(s *story)
		legal bool
	}{
		{"it took effect, late", func(s *story) {
			s.op(0, Write, 5, 0, 1, 0, 0, 0)
			s.op(1, Read, 0, 0, 2, 3, plugin.KVDone, 0)
			s.op(1, Read, 0, 0, 4, 5, plugin.KVDone, 5)
		}, true},
		{"it never did", func(s *story) {
			s.op(0, Write, 5, 0, 1, 0, 0, 0)
			s.op(1, Read, 0, 0, 2, 3, plugin.KVDone, 0)
		}, true},
		{"before it began", func(s *story) {
			s.op(1, Read, 0, 0, 1, 2, plugin.KVDone, 5)
			s.op(0, Write, 5, 0, 3, 0, 0, 0)
		}, false},
		{"twice", func(s *story) {
			s.op(0, Add, 5, 0, 1, 0, 0, 0)
			s.op(1, Read, 0, 0, 2, 3, plugin.KVDone, 10)
		}, false},
	} {
		s := newStory()
		c.tell(s)
		if found := CheckHistory(s.h.Operations, time.Minute).Findings; (len(found) == 0) != c.legal {
			t.Errorf("%s: %q, want it legal: %v", c.name, found, c.legal)
		}
	}
}

// What Porcupine has no time to decide is no pass.
func TestUndecidedIsAFinding(t *testing.T) {
	s := newStory()
	for i := range 40 { // any subset may have taken effect, in any order, and none explains the read
		s.op(i, Add, 1<<i, 0, 1, 0, 0, 0)
	}
	s.op(40, Read, 0, 0, 2, 3, plugin.KVDone, -1)
	found := CheckHistory(s.h.Operations, time.Millisecond).Findings
	if len(found) != 1 || !strings.Contains(found[0], "not decided") {
		t.Errorf("findings %q", found)
	}
}
