package hook

import "encoding/binary"

// Capabilities are what a plugin may ask the host for beyond its request. A release names them in
// its manifest, the binding grants them, and the host refuses the rest with the fault import.
const (
	CapabilityState   = "state"   // its own namespace, read and, in an operation that writes, written
	CapabilityEvents  = "events"  // events in the transaction's result
	CapabilityHistory = "history" // facts of the certified blocks before
	CapabilityProof   = "proof"   // proofs of its own keys in the state after the block before
	CapabilityBeacon  = "beacon"  // the block's random bytes
	// CapabilityForeign and a namespace, such as foreign.bank, lets a plugin read that namespace.
	CapabilityForeign = "foreign."
)

// AncestorsMax is how many blocks History reaches back from the one that is executed.
const AncestorsMax = 64

// ProofMax bounds the bytes of a proof: of the longest value, among as many namespaces as there may be.
const ProofMax = 96 << 10

// Ancestor is a block before the one that is executed: what its certificate, or that of a
// descendant, signs.
type Ancestor struct {
	Height uint64
	Time   uint64 // milliseconds since 1970-01-01 UTC
	Epoch  uint64
	View   uint64
	Size   uint64 // of the ledger after the block, in entries
	Block  [32]byte
	State  [32]byte // root of the state after the block
	Ledger [32]byte // root of the ledger after the block
}

// AncestorBytes is the length of an Ancestor's bytes: the fields in their order, little-endian.
const AncestorBytes = 5*8 + 3*32

// Append appends the ancestor's bytes to b.
func (a *Ancestor) Append(b []byte) []byte {
	for _, v := range [...]uint64{a.Height, a.Time, a.Epoch, a.View, a.Size} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = append(b, a.Block[:]...)
	b = append(b, a.State[:]...)
	return append(b, a.Ledger[:]...)
}

// Decode reads an ancestor.
func (a *Ancestor) Decode(b []byte) error {
	if len(b) != AncestorBytes {
		return malformed("ancestor", "length", "must be 136")
	}
	le := binary.LittleEndian
	a.Height, a.Time, a.Epoch, a.View, a.Size = le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:])
	copy(a.Block[:], b[40:])
	copy(a.State[:], b[72:])
	copy(a.Ledger[:], b[104:])
	return nil
}

// World is what the host tells of the chain beyond a plugin's own namespace. Each method needs its
// capability; without it the call ends in the fault import. All answers are functions of the block's
// own ancestors, never of what one node happens to know.
type World interface {
	// Granted reports whether the binding grants a capability and this host knows it. It needs none.
	Granted(capability string) bool
	// Foreign returns the value of a key of another namespace, or false. The value is lent until
	// the next call.
	Foreign(namespace string, key []byte) (value []byte, ok bool)
	// History returns the block at a height, or false if it is not among the AncestorsMax before
	// the one that is executed.
	History(height uint64) (Ancestor, bool)
	// Proof returns the proof that the plugin's own key has the value that it had after the block
	// before, or is absent there, under the state root of that block: History of its height. The
	// format is that of package state. The proof is lent until the next call.
	Proof(key []byte) []byte
	// Beacon returns 32 bytes that nobody knew before the block's parent was made: the hash of the
	// epoch's seed and the parent's id. Who proposes the parent can try as many contents as it can
	// hash, or withhold it, as LeaderRequest says of the seed: fit for spreading load, not for
	// lotteries over money.
	Beacon() [32]byte
}
