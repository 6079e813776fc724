package quoinv1

import (
	"time"

	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/fault"
)

// NewFault describes a fault as it is now.
func NewFault(f *fault.Fault, now time.Time) *Fault {
	x := &Fault{Id: f.ID, Kind: string(f.Kind), DelayUs: uint64(f.Delay.Microseconds()), Share: uint32(f.Share), Slot: f.Slot,
		ForMs: uint64(max(0, f.Until.Sub(now).Milliseconds())), Note: f.Note}
	for _, k := range f.Targets {
		x.Targets = append(x.Targets, append([]byte(nil), k[:]...))
	}
	for _, k := range f.Peers {
		x.Peers = append(x.Peers, append([]byte(nil), k[:]...))
	}
	return x
}

// SigningBytes returns what an administrator's signature for Inject and Lift covers, by its SHA-256: all
// fields in the order of their numbers, numbers in eight bytes, each list after its count, each text and key
// after its length, both in four.
func (f *Fault) SigningBytes() []byte {
	b := canonical.AppendUint64([]byte("quoin/fault/v1\n"), f.GetId())
	b = canonical.AppendBytes32(b, f.GetKind())
	for _, keys := range [][][]byte{f.GetTargets(), f.GetPeers()} {
		b = canonical.AppendUint32(b, uint32(len(keys)))
		for _, k := range keys {
			b = canonical.AppendBytes32(b, k)
		}
	}
	b = canonical.AppendUint64(b, f.GetDelayUs())
	b = canonical.AppendUint64(b, uint64(f.GetShare()))
	b = canonical.AppendBytes32(b, f.GetSlot())
	b = canonical.AppendUint64(b, f.GetForMs())
	return canonical.AppendBytes32(b, f.GetNote())
}
