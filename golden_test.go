package quoin

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"quoin.dev/quoin/canonical"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew instead of comparing with them")

// count returns n bytes that count up from first, so that a golden file shows where a field lies.
func count(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func sampleHash(first byte) Hash           { return Hash(count(first, 32)) }
func sampleKey(first byte) PublicKey       { return PublicKey(count(first, 32)) }
func sampleSignature(first byte) Signature { return Signature(count(first, 64)) }

const sampleOrigin = Origin("sample/main/000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")

func sampleSigned() Transaction {
	return Transaction{Sender: sampleKey(0x20), Salt: 0x0102030405060708, Expiry: 0x1112, Namespace: "bank",
		Payload: []byte("move 5 from ann to bob"), Signature: sampleSignature(0x40)}
}

func sampleUnsigned() Transaction {
	return Transaction{Salt: 7, Expiry: 9, Namespace: "kv", Payload: []byte{0xff, 0}}
}

func sampleEntry() Entry {
	return Entry{Transaction: sampleSigned(), Result: Result{Code: 0x10003, Fuel: 0x2122232425262728, Output: []byte("out")}}
}

func sampleHeader() Header {
	return Header{Epoch: 3, View: 0x0a0b, Height: 0x0c0d, Parent: sampleHash(0x10), ParentCheckpoint: sampleHash(0x30), ParentView: 0x0a09,
		ParentVoters: Bitmap{0x0b, 0x80}, Time: 1_700_000_000_123, Proposer: 0x0102, Count: 2, BodyHash: sampleHash(0x50)}
}

func sampleBlock() *Block {
	return NewBlock(sampleHeader(), []Transaction{sampleSigned(), sampleUnsigned()})
}

func sampleCheckpoint() Checkpoint {
	return Checkpoint{Origin: sampleOrigin, Size: 123456, Ledger: sampleHash(0x70), Epoch: 3, Height: 3085, View: 2571,
		Block: sampleHash(0x90), State: sampleHash(0xb0), Time: 1_700_000_000_123}
}

func sampleCertificate() Certificate {
	return Certificate{Checkpoint: sampleCheckpoint(), Signers: Bitmap{0x05, 0x01},
		Signatures: []Signature{sampleSignature(1), sampleSignature(2), sampleSignature(3)}}
}

func sampleSet(t testing.TB) ValidatorSet {
	t.Helper()
	s, err := NewValidatorSet([]Validator{{"beta.example", sampleKey(0x42), 2}, {"alpha-1", sampleKey(0x41), 1 << 39}, {"c", sampleKey(0x43), 3}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sampleBinding() Binding {
	return Binding{Hook: "machine.v1", Namespace: "bank", Release: sampleHash(0xd0), Parameters: []byte{1, 2, 3}, FuelMax: 1 << 33,
		Grants: []string{"crypto", "log"}}
}

func sampleCanary() Binding {
	return Binding{Hook: "pacemaker.v1", Namespace: "canary", Builtin: "doubling", Nodes: []PublicKey{sampleKey(0x41), sampleKey(0x43)}}
}

func sampleMembers() []Member {
	return []Member{
		{"ann", sampleKey(1), "north", RoleProposer | RoleApprover},
		{"bea", sampleKey(2), "south", RoleApprover | RoleAssessor | RoleResponder},
		{"bob", sampleKey(3), "south", RoleApprover},
	}
}

func samplePolicies() []Policy {
	return []Policy{
		{'*', "approve", "approvals >= 2 &&\n\torganisations >= 2"},
		{'*', "confirm", "trial.bad == 0"},
		{'D', "approve", "approvals >= 3"},
	}
}

func sampleConfiguration(t testing.TB) Configuration {
	c := Configuration{Epoch: 3, First: 3000, Validators: sampleSet(t), Parameters: DefaultParameters()}
	c = c.WithBinding(sampleBinding())
	c = c.WithBinding(Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1000})
	c = c.WithBinding(sampleCanary())
	c.Members, c.Policies = sampleMembers(), samplePolicies()
	return c
}

func sampleGenesis(t testing.TB) *Genesis {
	c := sampleConfiguration(t)
	c.Epoch, c.First = 1, 1
	return &Genesis{Network: "sample", Chain: "main", Time: 1_700_000_000_000, Configuration: c}
}

// TestGolden pins the canonical bytes and the hashes of every noun: a change here is a change of the
// protocol, and every node of a network must make it at once.
func TestGolden(t *testing.T) {
	signed, unsigned, entry, header := sampleSigned(), sampleUnsigned(), sampleEntry(), sampleHeader()
	block, checkpoint, certificate := sampleBlock(), sampleCheckpoint(), sampleCertificate()
	set, binding, configuration, genesis := sampleSet(t), sampleBinding(), sampleConfiguration(t), sampleGenesis(t)
	canary := sampleCanary()
	empty := NewBlock(Header{Epoch: 1, View: 1, Height: 1}, nil)
	origin := sampleOrigin.ID()
	file, err := json.MarshalIndent(genesis, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	dump := func(name string, wire []byte, hashes ...any) {
		fmt.Fprintf(&b, "== %s, %d bytes\n", name, len(wire))
		for ; len(wire) > 0; wire = wire[min(32, len(wire)):] {
			fmt.Fprintln(&b, hex.EncodeToString(wire[:min(32, len(wire))]))
		}
		for i := 0; i < len(hashes); i += 2 {
			fmt.Fprintf(&b, "%s: %v\n", hashes[i], hashes[i+1])
		}
		fmt.Fprintln(&b)
	}
	dump("signed transaction", signed.AppendBinary(nil), "id", signed.ID(origin), "id on another chain", signed.ID(Origin("x").ID()),
		"signing bytes", hex.EncodeToString(TransactionSigningBytes(signed.ID(origin))))
	dump("unsigned transaction", unsigned.AppendBinary(nil), "id", unsigned.ID(origin))
	dump("result", entry.Result.AppendBinary(nil))
	dump("entry", entry.AppendBinary(nil))
	dump("header", header.AppendBinary(nil), "id", header.ID())
	dump("block", block.AppendBinary(nil), "id", block.ID(), "body", block.Header().BodyHash)
	dump("empty block", empty.AppendBinary(nil), "id", empty.ID())
	dump("bitmap", canonical.AppendBytes8(nil, Bitmap{0x0b, 0x80}))
	dump("certificate", certificate.AppendBinary(nil))
	dump("validator set", set.AppendBinary(nil))
	dump("binding", binding.AppendBinary(nil))
	dump("canary", canary.AppendBinary(nil))
	dump("parameters", configuration.Parameters.AppendBinary(nil))
	dump("members", AppendMembers(nil, configuration.Members))
	dump("policies", AppendPolicies(nil, configuration.Policies))
	dump("configuration", configuration.AppendBinary(nil), "digest", configuration.Digest())
	fmt.Fprintf(&b, "== checkpoint\n%sdigest: %s\norigin id: %s\n\n", checkpoint.Text(), checkpoint.Digest(), Hash(origin))
	fmt.Fprintf(&b, "== cosigned bytes\n%s\n", checkpoint.CosignedBytes())
	cosigner := CosignerName(sampleOrigin, "alpha-1")
	fmt.Fprintf(&b, "== cosigner\n%s %08x\n\n", cosigner, CosignatureKeyID(cosigner, sampleKey(0x41)))
	fmt.Fprintf(&b, "== genesis\n%s\nhash: %s\norigin: %s\n", file, genesis.Hash(), genesis.Origin())
	golden(t, "nouns", b.String())
}

// golden compares got with a file in testdata, or writes it with -rewrite.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name + ".golden"
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test . -run Golden -rewrite writes it", err)
	}
	if string(want) == got {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s:%d: got\n%s\nwant\n%s\nIf the protocol is meant to change: go test . -run Golden -rewrite", path, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %d lines, want %d", path, len(g), len(w))
}

// TestSamplesComeBack decodes what the golden file pins.
func TestSamplesComeBack(t *testing.T) {
	for _, n := range nouns(t) {
		for _, wire := range n.samples {
			again, err := n.recode(wire)
			if err != nil || !bytes.Equal(again, wire) {
				t.Errorf("%s: %x came back as %x, %v", n.name, wire, again, err)
			}
			for cut := range wire {
				if _, err := n.recode(wire[:cut]); err == nil {
					t.Errorf("%s: cut to %d of %d bytes it is accepted", n.name, cut, len(wire))
				}
			}
			if _, err := n.recode(append(bytes.Clone(wire), 0)); err == nil {
				t.Errorf("%s: accepted with a byte more", n.name)
			}
			for i := range wire {
				for bit := range 8 {
					wire[i] ^= 1 << bit
					if again, err := n.recode(wire); err == nil && !bytes.Equal(again, wire) {
						t.Errorf("%s: with bit %d of byte %d changed it is accepted and encoded otherwise", n.name, bit, i)
					}
					wire[i] ^= 1 << bit
				}
			}
		}
	}
}
