package plugintest

import (
	"math/rand/v2"
	"testing"

	"quoin.dev/quoin/hook"
)

func TestRandomRequestsAreValid(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 2000 {
		most := 20
		if i%100 == 0 {
			most = hook.ValidatorsMax
		}
		r := RandomRequest(rng, most)
		if err := r.Validate(); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
}

func TestChainsRequestsAreValid(t *testing.T) {
	c := Chain{Weights: []uint64{3, 1, 1, 1, 1}, Down: func(view uint64, validator int) bool { return (view+uint64(validator))%3 == 0 }}
	gaps := 0
	for range 300 {
		r := c.Request()
		if err := r.Validate(); err != nil {
			t.Fatalf("view %d: %v", r.View, err)
		}
		if len(r.Window) > 0 && r.Window[0].ViewGap > 0 {
			gaps++
		}
		c.Step(hook.LeaderFunc(func(r *hook.LeaderRequest) hook.LeaderResponse {
			return hook.LeaderResponse{Proposer: uint32(r.View % 7)} // out of range at times: no block
		}))
	}
	if len(c.Request().Window) != hook.WindowMax || gaps == 0 || len(c.Leaders) != 300 {
		t.Errorf("%d blocks in the window, %d gaps, %d views", len(c.Request().Window), gaps, len(c.Leaders))
	}
}

// writer is a machine that does what the test says.
type writer struct {
	apply func(state hook.Access) uint32
}

func (w writer) Apply(_ *hook.ApplyRequest, state hook.Access) hook.ApplyResponse {
	return hook.ApplyResponse{Code: w.apply(state)}
}

func (writer) Query(_ *hook.QueryRequest, state hook.Reader) hook.QueryResponse {
	if _, ok := state.(hook.Access); ok {
		return hook.QueryResponse{Code: 1}
	}
	return hook.QueryResponse{}
}

func TestState(t *testing.T) {
	var s State
	put := func(key string, code uint32) writer {
		return writer{func(state hook.Access) uint32 {
			state.Put([]byte(key), []byte("v"))
			state.Emit([]byte(key))
			return code
		}}
	}
	s.Apply(put("b", 0), nil)
	s.Apply(put("a", 0), nil)
	s.Apply(put("c", 0), nil)
	if s.Apply(put("dropped", 5), nil); s.Len() != 3 || len(s.Events) != 0 {
		t.Errorf("after a refusal: %d keys, %d events", s.Len(), len(s.Events))
	}
	for _, c := range []struct{ start, end, want string }{{"", "-", "abc"}, {"b", "-", "bc"}, {"", "b", "a"}, {"b", "b", ""}, {"", "", ""}} {
		got, end := "", []byte(c.end)
		if c.end == "-" {
			end = nil
		}
		s.Scan([]byte(c.start), end, func(key, _ []byte) bool { got += string(key); return true })
		if got != c.want {
			t.Errorf("from %q to %q: %q, want %q", c.start, c.end, got, c.want)
		}
	}
	if s.Query(writer{}, nil).Code != 0 {
		t.Error("a query can write")
	}
	for name, broken := range map[string]func(hook.Access){
		"empty key":  func(a hook.Access) { a.Get(nil) },
		"long key":   func(a hook.Access) { a.Put(make([]byte, hook.KeyMax+1), nil) },
		"long value": func(a hook.Access) { a.Put([]byte("k"), make([]byte, hook.ValueMax+1)) },
		"long event": func(a hook.Access) { a.Emit(make([]byte, hook.EventMax+1)) },
		"many events": func(a hook.Access) {
			for range hook.EventsMax + 1 {
				a.Emit(nil)
			}
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			s.Apply(writer{func(state hook.Access) uint32 { broken(state); return 0 }}, nil)
		}()
	}
}
