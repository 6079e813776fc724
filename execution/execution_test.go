package execution

import (
	"bytes"
	"errors"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// fixture is an executor at the genesis of a chain with one validator.
type fixture struct {
	t     testing.TB
	x     *Executor
	store store.Store
}

func newFixture(t testing.TB, builtins ...plugin.Builtin) *fixture {
	t.Helper()
	return newFixtureWith(t, func(*quoin.Configuration) {}, builtins...)
}

// newFixtureWith is a fixture of a chain with another genesis.
func newFixtureWith(t testing.TB, change func(*quoin.Configuration), builtins ...plugin.Builtin) *fixture {
	t.Helper()
	set, err := quoin.NewValidatorSet([]quoin.Validator{{Name: "v", Key: quoin.PublicKey{1}, Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	g := &quoin.Genesis{Network: "test", Chain: "main", Time: 1000}
	g.Configuration = quoin.Configuration{Epoch: 1, First: 1, Validators: set, Parameters: quoin.DefaultParameters()}
	g.Configuration.Parameters.UnsignedTransactionsFlag = 1
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	for _, b := range builtins {
		if b.Machine == nil {
			continue
		}
		g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: b.Name, Builtin: b.Name})
	}
	change(&g.Configuration)
	table, err := plugin.NewTable(append(plugin.Builtins(), builtins...))
	if err != nil {
		t.Fatal(err)
	}
	s := store.NewMemory()
	st, err := state.Open(s, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	o, err := st.NewOverlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	k := &kernelState{overlay: o}
	governance.Init(k, &g.Configuration)
	root, err := o.Seal()
	if err != nil || k.err != nil {
		t.Fatal(err, k.err)
	}
	var b store.Batch
	if err := st.Commit(o, 0, &b); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	edge := log.Edge()
	tip := Tip{Checkpoint: quoin.Checkpoint{Origin: g.Origin(), Ledger: edge.Root(), Block: g.Hash(), State: root, Time: g.Time},
		Configuration: g.Configuration, Seed: FirstSeed(g.Hash()), Seen: NewSeen(g.Configuration.Parameters.ExpiryWindowHeights)}
	x := New(Config{Origin: g.Origin(), State: st, Log: log, Table: table, Environment: Environment(builtins...)}, tip)
	return &fixture{t, x, s}
}

// execute executes a block of the transactions on the tip, in an odd view: in no rescue view.
func (f *fixture) execute(txs ...quoin.Transaction) (*Outcome, error) {
	f.t.Helper()
	tip := f.x.Tip()
	return f.x.Execute(quoin.NewBlock(quoin.Header{Epoch: f.x.Configuration().Epoch, View: 2*quoin.View(tip.Height) + 1, ParentView: tip.View, Height: tip.Height + 1, Parent: tip.Block,
		ParentCheckpoint: tip.Digest(), Time: tip.Time + 1}, txs))
}

func put(salt uint64, key, value string) quoin.Transaction {
	var b plugin.KVBatch
	b.Put([]byte(key), []byte(value))
	return quoin.Transaction{Salt: salt, Expiry: 10, Namespace: "kv", Payload: b.Payload()}
}

// A new chain runs the sandbox that this program has, and no other chain runs here.
func TestVersions(t *testing.T) {
	c := quoin.Configuration{Parameters: quoin.DefaultParameters()}
	if err := CheckVersions(&c); err != nil {
		t.Error(err)
	}
	c.Parameters.FuelSchedule++
	if err := CheckVersions(&c); !errors.Is(err, ErrVersion) {
		t.Error(err)
	}
}

func TestInvalidBlocks(t *testing.T) {
	f := newFixture(t)
	late, early := put(1, "a", "b"), put(1, "a", "b")
	late.Expiry, early.Expiry = 0, 1<<20
	badly := put(1, "a", "b")
	badly.Sender = quoin.PublicKey{7}
	evidence := quoin.Transaction{Expiry: 10, Namespace: quoin.KernelNamespace, Payload: []byte{suspensionKind, 1, 2}}
	for name, txs := range map[string][]quoin.Transaction{
		"expired": {late}, "beyond the window": {early}, "twice": {put(1, "a", "b"), put(1, "a", "b")}, "badly signed": {badly},
		"evidence of nothing": {evidence},
	} {
		if _, err := f.execute(txs...); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if o, err := f.execute(put(1, "a", "b")); err != nil || o.Results[0].Code != 0 || o.Checkpoint.Size != 1 {
		t.Errorf("a valid block: %+v, %v", o, err)
	}
}

// glutton writes as much as one call may.
type glutton struct{}

func (glutton) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	value := make([]byte, 60<<10)
	for i := range byte(25) {
		s.Put([]byte{q.Payload[0], i}, value)
	}
	return hook.ApplyResponse{}
}

func (glutton) Query(*hook.QueryRequest, hook.Reader) hook.QueryResponse { return hook.QueryResponse{} }

func TestBlockHasRoomForTheKernelWhateverMachinesWrite(t *testing.T) {
	f := newFixture(t, plugin.Builtin{Name: "glutton", Machine: glutton{}})
	var txs []quoin.Transaction
	for i := range 40 {
		txs = append(txs, quoin.Transaction{Salt: uint64(i), Expiry: 10, Namespace: "glutton", Payload: []byte{byte(i)}})
	}
	o, err := f.execute(txs...)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, r := range o.Results {
		if r.Code == ResultWrites {
			refused++
		} else if r.Code != 0 && r.Code != quoin.ResultFault+uint32(hook.FaultFuel) {
			t.Errorf("%+v", r)
		}
	}
	if refused == 0 || o.Results[0].Code != 0 {
		t.Errorf("%d of %d refused, first result %+v", refused, len(txs), o.Results[0])
	}
}

func TestEvidenceDecodesStrictly(t *testing.T) {
	e := &Evidence{View: 3, Block: quoin.Hash{1}, Votes: []EvidenceVote{{Validator: 1}}, Groups: []EvidenceGroup{
		{Checkpoint: quoin.Checkpoint{Origin: "o", View: 3}, Bytes: []byte("x"), Path: []quoin.Hash{{2}}, Directory: []state.NamespaceRoot{{Name: "kv"}}}}}
	b := e.AppendBinary(nil)
	back, err := DecodeEvidence(b)
	if err != nil || !bytes.Equal(back.AppendBinary(nil), b) {
		t.Fatalf("%+v, %v", back, err)
	}
	for i := range b {
		if _, err := DecodeEvidence(b[:i]); err == nil {
			t.Errorf("accepted the first %d bytes", i)
		}
	}
}

func FuzzEvidence(f *testing.F) {
	f.Add((&Evidence{View: 1}).AppendBinary(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEvidence(b)
		if err == nil && !bytes.Equal(e.AppendBinary(nil), b) {
			t.Error("re-encodes differently")
		}
	})
}
