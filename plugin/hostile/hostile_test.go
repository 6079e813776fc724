package hostile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// bench is a compiling and an interpreting engine side by side; they must agree.
type bench struct{ hosts [2]*plugin.Host }

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{}
	for i := range b.hosts {
		h, err := plugin.NewHost(plugin.Options{Interpreter: i == 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		b.hosts[i] = h
	}
	return b
}

func (b *bench) load(t *testing.T, f *Fixture) (tables [2]*plugin.Table, binding *quoin.Binding) {
	t.Helper()
	file := f.Release(quoin.PublicKey{1})
	if _, err := plugin.Check(file, plugin.DefaultLimits()); err != nil {
		t.Fatalf("a fixture must pass the check, or it never gets to do harm: %v", err)
	}
	for i, h := range b.hosts {
		r, err := h.Compile(file)
		if err != nil {
			t.Fatal(err)
		}
		if tables[i], err = plugin.NewTable(nil); err != nil {
			t.Fatal(err)
		}
		tables[i].Add(r)
	}
	r, _ := tables[0].Release(plugin.Digest(file))
	return tables, r.Binding(f.Hook)
}

type state map[string]string

func (s state) Get(key []byte) ([]byte, bool, error) {
	v, ok := s[string(key)]
	return []byte(v), ok, nil
}

func (s state) Scan(_, _ []byte, visit func(key, value []byte) bool) error {
	for k, v := range s {
		if !visit([]byte(k), []byte(v)) {
			break
		}
	}
	return nil
}

func (s state) Put(key, value []byte) error { s[string(key)] = string(value); return nil }

func (s state) Delete(key []byte) error { delete(s, string(key)); return nil }

func leaderRequest(n int) *hook.LeaderRequest {
	r := &hook.LeaderRequest{View: 7, ParentView: 6, ParentHeight: 100}
	for range n {
		r.Validators = append(r.Validators, hook.Validator{Weight: 1})
	}
	return r
}

// Fixtures have names of their own and the same bytes each time; the check and the initialisation
// refuse what they are said to, and nothing else.
func TestFixtures(t *testing.T) {
	b := newBench(t)
	names := map[string]bool{}
	for _, f := range All() {
		if names[f.Name] || f.About == "" {
			t.Errorf("%s: a name twice, or no word about it", f.Name)
		}
		names[f.Name] = true
		file := f.Release(quoin.PublicKey{1})
		if again, ok := Find(f.Name); !ok || !bytes.Equal(again.Release(quoin.PublicKey{1}), file) {
			t.Errorf("%s: built twice, different bytes", f.Name)
		}
		for i, h := range b.hosts {
			r, err := h.Compile(file)
			var refusal *plugin.Refusal
			switch {
			case f.Refused != "" && (!errors.As(err, &refusal) || refusal.Code != f.Refused):
				t.Errorf("%s, engine %d: want a refusal as %s: %v", f.Name, i, f.Refused, err)
			case f.Inits && !errors.Is(err, plugin.ErrInit):
				t.Errorf("%s, engine %d: want a fault of the initialisation: %v", f.Name, i, err)
			case f.Refused == "" && !f.Inits && err != nil:
				t.Errorf("%s, engine %d: %v", f.Name, i, err)
			}
			if r != nil {
				r.Close()
			}
		}
	}
}

func TestCorpus(t *testing.T) {
	b := newBench(t)
	for _, f := range Corpus() {
		t.Run(f.Name, func(t *testing.T) {
			tables, binding := b.load(t, &f)
			binding.Parameters = make([]byte, 8)
			for i, table := range tables {
				for range 2 { // the second call is of an instance that has faulted
					var o plugin.Outcome
					if f.Hook == hook.Leader.Name {
						r, err := table.Lead(binding, leaderRequest(4))
						if err != nil {
							t.Fatal(err)
						}
						o = r.Outcome
						if f.Name == LeaderTimeBomb { // a height of 0 has been reached
							f.Want = hook.FaultFuel
						}
					} else {
						r, err := table.Apply(binding, &hook.ApplyRequest{Height: 1, Time: 1, Payload: []byte("x")}, state{})
						if err != nil {
							t.Fatal(err)
						}
						o = r.Outcome
					}
					if o.Fault != f.Want {
						t.Fatalf("engine %d: fault %v, want %v", i, o.Fault, f.Want)
					}
					if o.Fault != hook.FaultNone && o.Fuel != FuelMax {
						t.Errorf("engine %d: the fault costs %d, not the limit", i, o.Fuel)
					}
				}
			}
		})
	}
}

func TestLeadersThatAnswer(t *testing.T) {
	b := newBench(t)
	lead := func(name string, params []byte) plugin.LeadResult {
		f, _ := Find(name)
		tables, binding := b.load(t, &f)
		binding.Parameters = params
		result, err := tables[0].Lead(binding, leaderRequest(4))
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	for i := range uint32(5) {
		got := lead(LeaderParameter, binary.LittleEndian.AppendUint32(nil, i))
		if i < 4 && (got.Fault != hook.FaultNone || got.Proposer != i) || i == 4 && got.Fault != hook.FaultOutput {
			t.Errorf("parameter %d: %v, %d", i, got.Fault, got.Proposer)
		}
	}
	if got := lead("leader-always-zero", nil); got.Fault != hook.FaultNone || got.Proposer != 0 {
		t.Errorf("always zero: %v, %d", got.Fault, got.Proposer)
	}
	for height, want := range map[uint64]hook.Fault{100: hook.FaultFuel, 101: hook.FaultNone, 1 << 63: hook.FaultNone} {
		got := lead(LeaderTimeBomb, binary.LittleEndian.AppendUint64(nil, height))
		if got.Fault != want || want == hook.FaultNone && got.Proposer != 3 {
			t.Errorf("time bomb at %d, parent at 100: %v, %d", height, got.Fault, got.Proposer)
		}
	}
}

func TestSelective(t *testing.T) {
	f, _ := Find(MachineSelective)
	tables, binding := newBench(t).load(t, &f)
	id := sha256.Sum256([]byte("id"))
	for _, c := range []struct {
		payload []byte
		want    hook.Fault
		code    uint32
	}{
		{nil, hook.FaultNone, 0},
		{[]byte{SelectiveKeep, 1, 2}, hook.FaultNone, 0},
		{[]byte{200}, hook.FaultNone, 0},
		{[]byte{SelectiveLoop}, hook.FaultFuel, 0},
		{[]byte{SelectiveTrap}, hook.FaultTrap, 0},
		{[]byte{SelectiveMemoryBomb}, hook.FaultTrap, 0},
		{[]byte{SelectiveRefuse}, hook.FaultNone, SelectiveCode},
		{[]byte{SelectiveRecursion}, hook.FaultDepth, 0},
		{[]byte{SelectiveKeep}, hook.FaultNone, 0},
	} {
		for i, table := range tables {
			s := state{}
			r, err := table.Apply(binding, &hook.ApplyRequest{Height: 1, Transaction: id, Payload: c.payload}, s)
			if err != nil || r.Fault != c.want || r.Code != c.code {
				t.Errorf("engine %d, payload %x: %v, code %d, %v", i, c.payload, r.Fault, r.Code, err)
			}
			if s[string(id[:])] != string(c.payload) {
				t.Errorf("engine %d, payload %x: wrote %x", i, c.payload, s)
			}
		}
	}
	for _, table := range tables {
		if r, err := table.Query(binding, &hook.QueryRequest{}, state{}); err != nil || r.Fault != hook.FaultNone {
			t.Errorf("a query: %v, %v", r.Fault, err)
		}
	}
}

func TestReleases(t *testing.T) {
	b := newBench(t)
	load := func(name string, fuel uint64) ([2]*plugin.Table, *quoin.Binding) {
		f, _ := Find(name)
		tables, binding := b.load(t, &f)
		binding.FuelMax = fuel
		return tables, binding
	}
	id := sha256.Sum256([]byte("id"))
	for _, c := range []struct {
		name   string
		height uint64
		kept   bool
	}{
		{ReleaseKeeper, 1, true}, {ReleaseDiverging, 1, false},
		{ReleaseWatched, 99, true}, {ReleaseWatched, 100, false}, {ReleaseWatched, 101, false},
	} {
		tables, binding := load(c.name, FuelMax)
		binding.Parameters = binary.LittleEndian.AppendUint64(nil, 100)
		for i, table := range tables {
			s := state{}
			r, err := table.Apply(binding, &hook.ApplyRequest{Height: c.height, Transaction: id, Payload: []byte("payload")}, s)
			if err != nil || r.Fault != hook.FaultNone || r.Code != 0 || (s[string(id[:])] == "payload") != c.kept || len(s) != 1 {
				t.Errorf("engine %d: %s at height %d: %v, code %d, wrote %q, %v", i, c.name, c.height, r.Fault, r.Code, s, err)
			}
		}
	}
	trapping, trappingBinding := load(ReleaseTrapping, FuelMax)
	tables, binding := load(ReleaseTurns, FuelMax)
	slow, slowBinding := load(ReleaseSlow, hook.Leader.FuelMax)
	slowBinding.Parameters = binary.LittleEndian.AppendUint64(nil, 2)
	sleeper, sleeperBinding := load(ReleaseSleeper, FuelMax)
	for i := range tables {
		for payload, want := range map[string]hook.Fault{"": hook.FaultNone, "x": hook.FaultTrap} {
			if r, err := trapping[i].Apply(trappingBinding, &hook.ApplyRequest{Height: 1, Payload: []byte(payload)}, state{}); err != nil || r.Fault != want {
				t.Errorf("engine %d: trapping at %q: %v, %v", i, payload, r.Fault, err)
			}
		}
		for k, want := range []hook.Fault{hook.FaultTrap, hook.FaultNone, hook.FaultNone} {
			binding.Parameters = binary.LittleEndian.AppendUint64(nil, uint64(k))
			r, err := tables[i].Lead(binding, leaderRequest(4))
			if err != nil || r.Fault != want || k > 0 && r.Proposer != uint32(7/k%4) {
				t.Errorf("engine %d: turns of %d views: %v, %d, %v", i, k, r.Fault, r.Proposer, err)
			}
		}
		for until, want := range map[uint64]hook.Fault{8: hook.FaultNone, 7: hook.FaultFuel, 6: hook.FaultFuel} {
			sleeperBinding.Parameters = binary.LittleEndian.AppendUint64(nil, until)
			if r, err := sleeper[i].Lead(sleeperBinding, leaderRequest(4)); err != nil || r.Fault != want || want == hook.FaultNone && r.Proposer != 3 {
				t.Errorf("engine %d: asleep from view %d on: %v, %d, %v", i, until, r.Fault, r.Proposer, err)
			}
		}
		if r, err := slow[i].Lead(slowBinding, leaderRequest(4)); err != nil || r.Fault != hook.FaultNone || r.Proposer != 2 || r.Fuel < hook.Leader.FuelMax*9/10 {
			t.Errorf("engine %d: the slow leader: %v, %d, fuel %d, %v", i, r.Fault, r.Proposer, r.Fuel, err)
		}
	}
}
