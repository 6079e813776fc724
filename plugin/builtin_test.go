package plugin

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

func TestRoundRobin(t *testing.T) {
	for _, n := range []int{1, 3, 4, 7} {
		count := make([]int, n)
		last := -1
		for view := uint64(1); view <= uint64(4*n*10); view++ {
			if view%4 == 0 {
				continue
			}
			p := int(RoundRobin(leaderRequest(n, view)).Proposer)
			if last >= 0 && p != (last+1)%n {
				t.Fatalf("%d validators: %d after %d", n, p, last)
			}
			last = p
			count[p]++
		}
		if slices.Min(count) != slices.Max(count) {
			t.Errorf("%d validators: %v", n, count)
		}
	}
}

func TestWeightedRandom(t *testing.T) {
	q := leaderRequest(4, 1) // weights 1 to 4
	count := make([]int, 4)
	const n = 20_000
	for view := uint64(1); view <= n; view++ {
		q.View = view
		count[WeightedRandom(q).Proposer]++
	}
	for i, c := range count {
		if want := n * (i + 1) / 10; c < want*9/10 || c > want*11/10 {
			t.Errorf("validator %d of weight %d led %d of %d views", i, i+1, c, n)
		}
	}
	// Pinned: the sequence is part of the protocol.
	q.Seed[5] = 9
	var got []uint32
	for view := uint64(1); view <= 12; view++ {
		q.View = view
		got = append(got, WeightedRandom(q).Proposer)
	}
	if s := fmt.Sprint(got); s != pinnedWeighted {
		t.Errorf("the first proposers are %s, want %s", s, pinnedWeighted)
	}
	q.Validators = []hook.Validator{{Weight: 1}, {Weight: hook.TotalWeightMax - 1}}
	if p := WeightedRandom(q).Proposer; p != 1 {
		t.Errorf("the heaviest was not chosen: %d", p)
	}
}

func kvBinding() *quoin.Binding { return &quoin.Binding{Hook: "machine.v1", Builtin: "kv"} }

func kvApply(t *testing.T, table *Table, s *mapState, build func(b *KVBatch)) ApplyResult {
	t.Helper()
	var b KVBatch
	build(&b)
	r, err := table.Apply(kvBinding(), &hook.ApplyRequest{Payload: b.Payload()}, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKV(t *testing.T) {
	table, s := newTable(t), newState()
	k, v := []byte("k"), []byte("v")
	for i, c := range []struct {
		build  func(b *KVBatch)
		code   uint32
		output []byte
		after  string
	}{
		{func(b *KVBatch) { b.Put(k, v) }, KVDone, nil, "v"},
		{func(b *KVBatch) { b.Append(k, []byte("w")); b.Append(k, nil) }, KVDone, nil, "vw"},
		{func(b *KVBatch) { b.CompareAndSet(k, []byte("x"), v) }, KVMismatch, nil, "vw"},
		{func(b *KVBatch) { b.CompareAndSet(k, []byte("vw"), []byte("z")) }, KVDone, nil, "z"},
		{func(b *KVBatch) { b.Create(k, v) }, KVMismatch, nil, "z"},
		{func(b *KVBatch) { b.Add(k, 1) }, KVNotCounter, nil, "z"},
		{func(b *KVBatch) { b.Delete(k); b.Add(k, -3); b.Add(k, 10) }, KVDone, []byte("\xff\xff\xff\xff\xff\xff\xff\xfd\x00\x00\x00\x00\x00\x00\x00\x07"), "\x00\x00\x00\x00\x00\x00\x00\x07"},
		{func(b *KVBatch) { b.Add(k, math.MaxInt64) }, KVOverflow, nil, "\x00\x00\x00\x00\x00\x00\x00\x07"},
		{func(b *KVBatch) {}, KVMalformed, nil, "\x00\x00\x00\x00\x00\x00\x00\x07"},
		{func(b *KVBatch) { b.Put(k, v); b.Put(nil, v) }, KVMalformed, nil, "\x00\x00\x00\x00\x00\x00\x00\x07"},
		{func(b *KVBatch) { b.Put(bytes.Repeat(k, hook.KeyMax+1), v) }, KVMalformed, nil, "\x00\x00\x00\x00\x00\x00\x00\x07"},
		{func(b *KVBatch) { b.Put(k, bytes.Repeat(v, 60000)) }, KVDone, nil, strings.Repeat("v", 60000)},
		{func(b *KVBatch) { b.Append(k, bytes.Repeat(v, 6000)) }, KVTooLarge, nil, strings.Repeat("v", 60000)},
	} {
		work := s.clone()
		r := kvApply(t, table, work, c.build)
		if r.Fault != hook.FaultNone || r.Code != c.code || !bytes.Equal(r.Output, c.output) {
			t.Errorf("%d: %v, code %d, output %x", i, r.Fault, r.Code, r.Output)
		}
		if r.Code == 0 {
			s = work
		}
		if s.values["k"] != c.after {
			t.Errorf("%d: the value is %.20q", i, s.values["k"])
		}
	}
}

func TestKVQuery(t *testing.T) {
	table, s := newTable(t), newState()
	for i := range 20 {
		s.values[fmt.Sprintf("key/%02d", i)] = fmt.Sprint(i)
	}
	query := func(payload []byte) QueryResult {
		r, err := table.Query(kvBinding(), &hook.QueryRequest{Payload: payload}, s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := query(KVGetQuery([]byte("key/07"))); r.Code != KVDone || string(r.Output) != "7" {
		t.Errorf("%+v", r)
	}
	if r := query(KVGetQuery([]byte("nokey"))); r.Code != KVNotFound {
		t.Errorf("%+v", r)
	}
	r := query(KVScanQuery([]byte("key/05"), []byte("key/15"), 4))
	pairs, ok := KVPairs(r.Output)
	if !ok || len(pairs) != 4 || string(pairs[0].Key) != "key/05" || string(pairs[3].Value) != "8" {
		t.Errorf("%+v %v", pairs, ok)
	}
	if pairs, ok := KVPairs(query(KVScanQuery(nil, nil, 1000)).Output); !ok || len(pairs) != 20 {
		t.Errorf("%d pairs, %v", len(pairs), ok)
	}
	for _, bad := range [][]byte{nil, {9}, {1}, {1, 0, 0}, append(KVGetQuery([]byte("k")), 0)} {
		if r := query(bad); r.Code != KVMalformed {
			t.Errorf("%x: %+v", bad, r)
		}
	}
}

// A batch is read the same way when it is checked and when it is applied, and its fuel
// depends on nothing else.
func FuzzKV(f *testing.F) {
	var b KVBatch
	b.Put([]byte("a"), []byte("1"))
	b.Add([]byte("b"), 7)
	b.CompareAndSet([]byte("a"), []byte("1"), []byte("2"))
	b.Create([]byte("c"), nil)
	b.Append([]byte("a"), []byte("3"))
	b.Delete([]byte("c"))
	f.Add(b.Payload())
	table := newTable(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		var first ApplyResult
		var after *mapState
		for i := range 2 {
			s := newState()
			r, err := table.Apply(kvBinding(), &hook.ApplyRequest{Payload: payload}, s)
			if err != nil || r.Fault != hook.FaultNone && r.Fault != hook.FaultInput && r.Fault != hook.FaultFuel {
				t.Fatalf("%+v %v", r, err)
			}
			if r.Code == KVMalformed && len(s.values) > 0 {
				t.Fatal("a malformed batch has written")
			}
			if i == 1 && (r.Fuel != first.Fuel || r.Code != first.Code || !bytes.Equal(r.Output, first.Output) || !maps.Equal(s.values, after.values)) {
				t.Fatal("the second time differs")
			}
			first, after = r, s
		}
		if r, err := table.Query(kvBinding(), &hook.QueryRequest{Payload: payload}, after); err != nil || r.Fault == hook.FaultTrap {
			t.Fatalf("%+v %v", r, err)
		}
	})
}

// Fuel, limits and rights of native code.
func TestNativeCalls(t *testing.T) {
	table, err := NewTable([]Builtin{
		{Name: "hungry", Machine: nativeMachine{func(_ *hook.ApplyRequest, a hook.Access) hook.ApplyResponse {
			for range 1 << 20 {
				a.Get([]byte("k"))
			}
			return hook.ApplyResponse{Output: []byte("never seen")}
		}}},
		{Name: "writer", Machine: nativeMachine{func(q *hook.ApplyRequest, a hook.Access) hook.ApplyResponse {
			a.Put(q.Payload, q.Payload)
			a.Emit([]byte("event"))
			return hook.ApplyResponse{}
		}}},
		{Name: "failing", Machine: nativeMachine{func(_ *hook.ApplyRequest, a hook.Access) hook.ApplyResponse { panic("native") }}},
		{Name: "long", Machine: nativeMachine{func(_ *hook.ApplyRequest, a hook.Access) hook.ApplyResponse {
			return hook.ApplyResponse{Output: make([]byte, hook.ApplyOutputMax+1)}
		}}},
		{Name: "outside", Leader: hook.LeaderFunc(func(q *hook.LeaderRequest) hook.LeaderResponse {
			return hook.LeaderResponse{Proposer: uint32(len(q.Validators))}
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		payload string
		want    hook.Fault
	}{
		{"hungry", "", hook.FaultFuel},
		{"writer", "k", hook.FaultNone},
		{"writer", "", hook.FaultLimit},
		{"writer", strings.Repeat("k", 257), hook.FaultLimit},
		{"writer", strings.Repeat("k", hook.PayloadMax+1), hook.FaultInput},
		{"failing", "", hook.FaultTrap},
		{"long", "", hook.FaultOutput},
		{"outside", "", hook.FaultMissing},
	} {
		b := &quoin.Binding{Hook: "machine.v1", Builtin: c.name, FuelMax: 100_000}
		r, err := table.Apply(b, &hook.ApplyRequest{Payload: []byte(c.payload)}, newState())
		if err != nil || r.Fault != c.want || r.Fault != hook.FaultNone && (r.Fuel != 100_000 || r.Output != nil || r.Events != nil) {
			t.Errorf("%s(%.5q): %+v %v", c.name, c.payload, r, err)
		}
	}
	if r, err := table.Query(&quoin.Binding{Builtin: "writer"}, &hook.QueryRequest{}, newState()); err != nil || r.Fault != hook.FaultImport {
		t.Errorf("a query that writes: %+v %v", r, err)
	}
	if r, err := table.Lead(&quoin.Binding{Builtin: "outside"}, leaderRequest(4, 1)); err != nil || r.Fault != hook.FaultOutput || r.Proposer != 0 {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := table.Lead(&quoin.Binding{Builtin: "outside"}, &hook.LeaderRequest{View: 1}); err != nil || r.Fault != hook.FaultInput {
		t.Errorf("no validators: %+v %v", r, err)
	}
	for _, names := range [][]string{{"a", "a"}, {"A"}, {""}} {
		var list []Builtin
		for _, n := range names {
			list = append(list, Builtin{Name: n})
		}
		if _, err := NewTable(list); err == nil {
			t.Errorf("%q was accepted", names)
		}
	}
}

// nativeMachine runs one function; its query tries the same with what it is given.
type nativeMachine struct {
	apply func(*hook.ApplyRequest, hook.Access) hook.ApplyResponse
}

func (m nativeMachine) Apply(q *hook.ApplyRequest, a hook.Access) hook.ApplyResponse {
	return m.apply(q, a)
}

func (m nativeMachine) Query(_ *hook.QueryRequest, r hook.Reader) hook.QueryResponse {
	m.apply(&hook.ApplyRequest{Payload: []byte("k")}, r.(hook.Access))
	return hook.QueryResponse{}
}

func BenchmarkBuiltins(b *testing.B) {
	table := newTable(b)
	q := leaderRequest(20, 5)
	for _, name := range []string{"round-robin", "weighted-random"} {
		binding := &quoin.Binding{Hook: "leader.v1", Builtin: name}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, err := table.Lead(binding, q); err != nil || r.Fault != 0 {
					b.Fatal(r, err)
				}
			}
		})
	}
	r := rand.New(rand.NewSource(1))
	var batch KVBatch
	key := binary.BigEndian.AppendUint64(nil, r.Uint64())
	batch.Put(key, make([]byte, 100))
	a := &hook.ApplyRequest{Payload: batch.Payload()}
	b.Run("kv put", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if r, err := table.Apply(kvBinding(), a, nullState{}); err != nil || r.Fault != 0 {
				b.Fatal(r, err)
			}
		}
	})
}

// nullState keeps nothing, so that benchmarks measure the calls.
type nullState struct{}

func (nullState) Get([]byte) ([]byte, bool, error)                       { return nil, false, nil }
func (nullState) Put(_, _ []byte) error                                  { return nil }
func (nullState) Delete([]byte) error                                    { return nil }
func (nullState) Scan(_, _ []byte, _ func(key, value []byte) bool) error { return nil }
