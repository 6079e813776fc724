package lab

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

// forge shows, beside every certificate, notarization and nullification, one that proves nothing, in
// each of several ways in turn; also within its proposals, and a certificate of its vote alone.
func (t *traitor) forge(out *consensus.Output) {
	replace(out, func(e consensus.Envelope) ([]consensus.Envelope, bool) {
		var m consensus.Message
		switch x := e.Message.(type) {
		case *simplex.Finalize:
			own := quoin.Certificate{Checkpoint: x.Checkpoint, Signers: quoin.Bitmap{}.With(t.c.Self), Signatures: []quoin.Signature{x.Signature}}
			m = &simplex.Certificate{Certificate: own}
		case *simplex.Certificate:
			m = &simplex.Certificate{Certificate: t.falseCertificate(x.Certificate)}
		case *simplex.Notarization:
			y := *x
			if !t.spoil(3, &y.Signers, &y.Signatures) {
				y.Checkpoint[0] ^= 1
			}
			m = &y
		case *simplex.Nullification:
			y := *x
			if !t.spoil(3, &y.Signers, &y.Signatures) {
				y.View++
			}
			m = &y
		case *simplex.Proposal:
			if x.Highest == nil || t.way(2) == 0 {
				return nil, false
			}
			t.act()
			y, c := *x, t.falseCertificate(*x.Highest)
			y.Highest = &c
			return []consensus.Envelope{{To: e.To, Message: &y}}, true
		default:
			return nil, false
		}
		t.act()
		return []consensus.Envelope{{To: consensus.All, Message: m}, e}, true
	})
}

// way takes the ways of forging in turn.
func (t *traitor) way(n uint64) uint64 {
	t.forged++
	return t.forged % n
}

// spoil takes the next of n ways and reports whether it was one of the first two: a signature too few,
// or all under other names. The others are the caller's, by what it forges.
func (t *traitor) spoil(n uint64, signers *quoin.Bitmap, signatures *[]quoin.Signature) bool {
	switch t.way(n) {
	case 0:
		*signers, *signatures = fewer(*signers, *signatures)
	case 1:
		*signers = t.misname(*signers)
	default:
		return false
	}
	return true
}

func (t *traitor) falseCertificate(c quoin.Certificate) quoin.Certificate {
	switch x := &c.Checkpoint; t.way(6) {
	case 0:
		c.Signers, c.Signatures = fewer(c.Signers, c.Signatures)
	case 1:
		c.Signers = t.misname(c.Signers)
	case 2:
		x.View++
	case 3:
		x.State[0] ^= 1
	case 4:
		x.Epoch++
	default:
		x.Origin += "0"
	}
	return c
}

// fewer drops a signer and its signature.
func fewer(signers quoin.Bitmap, signatures []quoin.Signature) (quoin.Bitmap, []quoin.Signature) {
	var rest quoin.Bitmap
	n := 0
	for i := range signers.All() {
		if n < len(signatures)-1 {
			rest = rest.With(i)
		}
		n++
	}
	return rest, slices.Clone(signatures[:len(signatures)-1])
}

// misname says that each signature is the next validator's.
func (t *traitor) misname(signers quoin.Bitmap) quoin.Bitmap {
	var others quoin.Bitmap
	for i := range signers.All() {
		others = others.With((i + 1) % t.c.Validators.Len())
	}
	return others
}
