package quoin

import (
	"bytes"
	"encoding/json"
	"testing"
)

func testSet(t testing.TB, weights ...uint64) ValidatorSet {
	t.Helper()
	var members []Validator
	for i, w := range weights {
		members = append(members, Validator{Name: string(rune('a' + i)), Key: PublicKey{byte(i + 1)}, Weight: w})
	}
	s, err := NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestQuorumArithmetic(t *testing.T) {
	for _, c := range []struct {
		weights []uint64
		f       uint64
		q       int
	}{
		{[]uint64{1}, 0, 1}, {[]uint64{1, 1, 1}, 0, 3}, {[]uint64{1, 1, 1, 1}, 1, 3},
		{[]uint64{1, 1, 1, 1, 1, 1, 1}, 2, 5}, {[]uint64{5, 1, 1}, 2, 3}, {[]uint64{2, 2, 2, 1}, 2, 3},
	} {
		s := testSet(t, c.weights...)
		if s.FaultBound() != c.f || s.QuorumCount() != c.q {
			t.Errorf("weights %v: f = %d, q = %d; want %d, %d", c.weights, s.FaultBound(), s.QuorumCount(), c.f, c.q)
		}
	}
}

func testGenesis(t testing.TB) *Genesis {
	g := &Genesis{Network: "test", Chain: "main", Time: 1_700_000_000_000}
	g.Configuration = Configuration{Epoch: 1, First: 1, Validators: testSet(t, 1, 1, 1, 1), Parameters: DefaultParameters()}
	g.Configuration = g.Configuration.WithBinding(Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	g.Configuration = g.Configuration.WithBinding(Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1000})
	return g
}

func TestGenesisFileKeepsTheHash(t *testing.T) {
	g := testGenesis(t)
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	var back Genesis
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Hash() != g.Hash() {
		t.Errorf("hash %s after a round trip, want %s", back.Hash(), g.Hash())
	}
	if err := json.Unmarshal([]byte(`{"network":"x","surprise":1}`), &back); err == nil {
		t.Error("an unknown field was accepted")
	}
}

func TestBlockRoundTrip(t *testing.T) {
	txs := []Transaction{
		{Salt: 1, Expiry: 9, Namespace: "kv", Payload: []byte("payload")},
		{Sender: PublicKey{7}, Salt: 2, Expiry: 9, Namespace: "bank", Signature: Signature{9}},
	}
	b := NewBlock(Header{Epoch: 1, View: 5, Height: 3, ParentView: 2, ParentVoters: Bitmap{7}, Time: 12}, txs)
	wire := b.AppendBinary(nil)
	if len(wire) != b.Size() {
		t.Errorf("Size is %d, encoding has %d bytes", b.Size(), len(wire))
	}
	back, err := DecodeBlock(wire)
	if err != nil {
		t.Fatal(err)
	}
	if back.ID() != b.ID() || !bytes.Equal(back.AppendBinary(nil), wire) || len(back.Transactions()) != 2 {
		t.Error("the block changed in a round trip")
	}
	if b.Header().Gap() != 2 {
		t.Errorf("gap %d, want 2", b.Header().Gap())
	}
	for i := range wire {
		wire[i] ^= 1
		if x, err := DecodeBlock(wire); err == nil && x.ID() == b.ID() {
			t.Fatalf("byte %d changed and the id did not", i)
		}
		wire[i] ^= 1
	}
}

func TestCheckpointText(t *testing.T) {
	c := Checkpoint{Origin: "test/main/00", Size: 7, Ledger: Hash{1}, Epoch: 1, Height: 3, View: 4, Block: Hash{2}, State: Hash{3}, Time: 1234}
	back, err := ParseCheckpoint(c.Text())
	if err != nil || back != c {
		t.Fatalf("round trip: %+v, %v", back, err)
	}
	for _, bad := range []string{"", "x", c.Text() + "\n", c.Text()[1:] + "x", "\n" + c.Text()} {
		if _, err := ParseCheckpoint(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}
