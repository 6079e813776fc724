package ledger

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"quoin.dev/quoin"
)

// The leaves and roots that implementations of RFC 6962 have shared as test vectors since the first
// one, by tree size.
var (
	knownLeaves = []string{"", "\x00", "\x10", "\x20\x21", "\x30\x31", "\x40\x41\x42\x43", "PQRSTUVW", "`abcdefghijklmno"}
	knownRoots  = []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
)

func TestKnownRoots(t *testing.T) {
	var e Edge
	for size, want := range knownRoots {
		if got := e.Root(); hex.EncodeToString(got[:]) != want || e.Size() != uint64(size) {
			t.Errorf("root of %d leaves is %s, want %s", size, got, want)
		}
		if size < len(knownLeaves) {
			e.Append(LeafHash([]byte(knownLeaves[size])))
		}
	}
}

func TestEdgeAgreesWithReference(t *testing.T) {
	tree := testonly.New(rfc6962.DefaultHasher)
	var e Edge
	for i := range 1500 {
		before := e
		leaf := LeafHash([]byte{byte(i), byte(i >> 8)})
		tree.Append(leaf[:])
		e.Append(leaf)
		if e.Root() != quoin.Hash(tree.Hash()) {
			t.Fatalf("root of %d leaves differs from the reference's", i+1)
		}
		wire := e.AppendBinary(nil)
		back, err := DecodeEdge(wire)
		if err != nil || back != e {
			t.Fatalf("edge of %d leaves changed in a round trip: %v", i+1, err)
		}
		if before.Size() != uint64(i) || before.Root() != quoin.Hash(tree.HashAt(uint64(i))) {
			t.Fatal("appending to an edge changed its copy")
		}
	}
}

func TestEdgeAppendDoesNotAllocate(t *testing.T) {
	var e Edge
	leaves := make([]quoin.Hash, 1000)
	if n := testing.AllocsPerRun(10, func() { e.Append(leaves...); e.Root() }); n > 0 {
		t.Errorf("%v allocations for 1000 leaves", n)
	}
}

func TestFullLog(t *testing.T) {
	e := Edge{size: SizeMax - 1}
	e.Append(quoin.Hash{1})
	wire := e.AppendBinary(nil)
	if back, err := DecodeEdge(wire); err != nil || back != e || len(wire) != EdgeBytesMax {
		t.Errorf("the largest edge: %d bytes, %v", len(wire), err)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic above SizeMax")
		}
	}()
	e.Append(quoin.Hash{1})
}

func FuzzDecodeEdge(f *testing.F) {
	var e Edge
	for i := range 20 {
		f.Add(e.AppendBinary(nil))
		e.Append(quoin.Hash{byte(i)})
	}
	full := Edge{size: SizeMax}
	f.Add(full.AppendBinary(nil))
	f.Add(bytes.Repeat([]byte{0xff}, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := DecodeEdge(b); err == nil && !bytes.Equal(e.AppendBinary(nil), b) {
			t.Errorf("%x is accepted and encoded otherwise", b)
		}
	})
}
