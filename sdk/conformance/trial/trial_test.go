package trial

import (
	"bytes"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/state"
)

// reference is a built-in for each operation, so that every request meets the table's own checks.
var reference = map[string]string{
	hook.Lead.Name: "round-robin", hook.Apply.Name: "kv", hook.Query.Name: "kv", hook.Validate.Name: "signed",
	hook.Delay.Name: "deep", hook.Timeout.Name: "adaptive", hook.Prioritize.Name: "small-first",
}

func TestRequestsAreValidAndOfTheirSeed(t *testing.T) {
	for name, builtin := range reference {
		g, err := OpenBuiltin(builtin)
		if err != nil {
			t.Fatal(err)
		}
		params := []byte{3, 0, 0, 0, 9}
		long := NewSource(7, params)
		long.Teach(name, 0, make([]byte, taughtMax+1)) // is not kept
		for range 8 {
			long.Request(name)
		}
		one, two, other := NewSource(7, params), NewSource(7, params), NewSource(8, params)
		requests, differ := Edges(name, params), 0
		if len(requests) == 0 {
			t.Errorf("%s has no edges", name)
		}
		for i := range 300 {
			r := one.Request(name)
			if again := two.Request(name); !bytes.Equal(r, again) {
				t.Fatalf("%s: request %d of seed 7 is two", name, i)
			}
			if !bytes.Equal(r, other.Request(name)) {
				differ++
			}
			if i%3 == 0 {
				for _, s := range []*Source{one, two, other} {
					s.Teach(name, uint32(i%5), r[:min(len(r), 40)])
				}
			}
			requests = append(requests, r)
		}
		if differ < 100 {
			t.Errorf("%s: only %d of 300 requests of another seed differ", name, differ)
		}
		namespace := NewState(nil)
		for i, r := range requests {
			q, err := NewQuestion(name, r)
			if err != nil {
				t.Fatalf("%s: request %d: %v", name, i, err)
			}
			if !bytes.Equal(q.Params, params) {
				t.Fatalf("%s: request %d has the parameters %x", name, i, q.Params)
			}
			a, err := g.Ask(q, namespace)
			if err != nil || a.Fault != "" {
				t.Fatalf("%s: request %d: %v, %v", name, i, a, err)
			}
		}
	}
	for _, h := range hook.All() {
		for _, o := range h.Operations {
			if !o.Optional && reference[o.Name] == "" {
				t.Errorf("there are no requests for %s", o.Name)
			}
		}
	}
}

func TestStateIsUndone(t *testing.T) {
	pairs := []plugintest.Pair{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b"), Value: []byte{}}}
	s := NewState(pairs)
	begin := s.Digest()
	_ = s.Put([]byte("c"), []byte("3"))
	mark, middle := s.Mark(), s.Digest()
	_ = s.Put([]byte("a"), []byte("2"))
	_ = s.Put([]byte("a"), []byte("4"))
	_ = s.Delete([]byte("b"))
	_ = s.Delete([]byte("nobody"))
	_ = s.Put([]byte("d"), nil)
	_ = s.Put([]byte("c"), []byte("3"))
	got := (&plugintest.Answer{Writes: s.Since(mark)}).String()
	if want := "response , 61 = 34, deletes 62, 64 = "; got != want {
		t.Errorf("since the mark: %q, want %q", got, want)
	}
	var keys []string
	_ = s.Scan([]byte("a"), []byte("d"), func(k, _ []byte) bool { keys = append(keys, string(k)); return true })
	if len(keys) != 2 || keys[0] != "a" || keys[1] != "c" {
		t.Errorf("a scan finds %q", keys)
	}
	clone := s.Clone().Digest()
	if clone != s.Digest() {
		t.Error("a clone is another state")
	}
	if s.Rollback(mark); s.Digest() != middle {
		t.Error("the rollback to the mark went elsewhere")
	}
	if s.Rollback(0); s.Digest() != begin || len(s.Pairs()) != 2 {
		t.Errorf("the rollback to the beginning left %v", s.Pairs())
	}
}

// A refusal and a fault leave nothing, also when the state was written before.
func TestAskKeepsOnlyWhatWasAccepted(t *testing.T) {
	g, err := OpenBuiltin("kv")
	if err != nil {
		t.Fatal(err)
	}
	// Two puts; then a put and a compare-and-set that does not match.
	put := func(key byte) []byte { return []byte{1, 0, 1, key, 0, 0, 0, 1, 'v'} }
	good := append(append([]byte{0, 2}, put('a')...), put('b')...)
	bad := append(append([]byte{0, 2}, put('c')...), 5, 0, 1, 'a', 1, 0, 0, 0, 1, 'x', 0, 0, 0, 1, 'y')
	s := NewState(nil)
	for _, c := range []struct {
		payload []byte
		code    uint32
		writes  int
	}{{good, 0, 2}, {bad, 2, 0}} {
		b, err := hook.Apply.EncodeRequest(nil, &hook.ApplyRequest{Height: 1, Payload: c.payload})
		if err != nil {
			t.Fatal(err)
		}
		q, err := NewQuestion(hook.Apply.Name, b)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := g.Ask(q, s); err != nil || a.Code() != c.code || len(a.Writes) != c.writes || len(s.Pairs()) != 2 {
			t.Errorf("%x: %v, %v; %d keys", c.payload, &a, err, len(s.Pairs()))
		}
	}
}

// What the made-up chain says of itself holds together, and is the same for every guest.
func TestTheMadeUpChainIsConsistent(t *testing.T) {
	s, other := NewState(nil), NewState(nil)
	s.height, other.height = 100, 100
	for height, there := range map[uint64]bool{0: false, 35: false, 36: true, 99: true, 100: false, 101: false} {
		a, ok, err := s.History(height)
		if b, _, _ := other.History(height); ok != there || err != nil || a != b {
			t.Errorf("height %d: %t, %v", height, ok, err)
		}
		if !ok {
			continue
		}
		proof, err := s.Proof([]byte("key"))
		if err != nil {
			t.Fatal(err)
		}
		var p state.Proof
		if err := p.UnmarshalBinary(proof); err != nil {
			t.Fatal(err)
		}
		if _, present, err := p.Verify(a.State, "kv", []byte("key")); err != nil || present {
			t.Errorf("height %d: the proof says present: %t, %v", height, present, err)
		}
	}
	there := 0
	for i := range 100 {
		v, ok, _ := s.Foreign("bank", []byte{byte(i)})
		if w, _, _ := other.Foreign("bank", []byte{byte(i)}); !bytes.Equal(v, w) {
			t.Errorf("key %d has two values", i)
		}
		if ok {
			there++
		}
	}
	if there < 25 || there > 75 {
		t.Errorf("%d of 100 foreign keys are there", there)
	}
	beacon := s.Beacon()
	if s.height++; beacon == s.Beacon() || beacon != other.Beacon() {
		t.Error("the beacon is not the block's")
	}
}
