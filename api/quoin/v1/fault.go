package quoinv1

import "quoin.dev/quoin/canonical"

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
