package state

import (
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// ErrProof is wrapped by every error that rejects a proof, of its bytes or of its content.
var ErrProof = errors.New("state: invalid proof")

// ProofKind says what the path of a proof ends in.
type ProofKind uint8

const (
	// ProofPresent: the key's own leaf; Value is its value.
	ProofPresent ProofKind = iota + 1
	// ProofOther: the leaf of another key, in whose place the key's leaf would be.
	ProofOther
	// ProofEmpty: an empty subtree.
	ProofEmpty
	// ProofNoNamespace: the directory has no such namespace; there is no path.
	ProofNoNamespace
)

// Proof shows under a state root that a key of a namespace has a value, or is not there. It does
// not carry the root, the namespace or the key: the verifier knows what it asked.
type Proof struct {
	Kind       ProofKind
	Directory  []NamespaceRoot // of the whole state, ascending
	Siblings   []quoin.Hash    // from the root of the trie down, zero where empty; at most 256
	Value      []byte          // of ProofPresent
	OtherKey   quoin.Hash      // of ProofOther: SHA-256 of the other key
	OtherValue quoin.Hash      // of ProofOther: SHA-256 of its value
}

var (
	_ encoding.BinaryMarshaler   = (*Proof)(nil)
	_ encoding.BinaryUnmarshaler = (*Proof)(nil)
)

// Verify returns the value of the key, and whether it is present, in the state with the given
// root. Whatever the proof holds, an answer without an error is true unless SHA-256 is broken.
func (p *Proof) Verify(root quoin.Hash, namespace string, key []byte) (value []byte, present bool, err error) {
	if err := checkKey(namespace, key); err != nil {
		return nil, false, err
	}
	if err := p.check(); err != nil {
		return nil, false, err
	}
	if got := DirectoryRoot(p.Directory); got != root {
		return nil, false, fmt.Errorf("%w: its directory has root %v, not %v", ErrProof, got, root)
	}
	hash := KeyHash(key)
	var trie quoin.Hash
	for i := range p.Directory {
		if p.Directory[i].Name == namespace {
			trie = p.Directory[i].Root
		}
	}
	if trie.IsZero() != (p.Kind == ProofNoNamespace) {
		return nil, false, fmt.Errorf("%w: of kind %d, with the namespace in its directory or not", ErrProof, p.Kind)
	}
	if trie.IsZero() {
		return nil, false, nil
	}
	end, err := p.end(&hash)
	if err != nil {
		return nil, false, err
	}
	if got := p.climb(end, &hash); got != trie {
		return nil, false, fmt.Errorf("%w: it leads to root %v of namespace %q, not %v", ErrProof, got, namespace, trie)
	}
	if p.Kind == ProofPresent {
		return p.Value, true, nil
	}
	return nil, false, nil
}

// end returns the hash of what the path ends in.
func (p *Proof) end(hash *quoin.Hash) (quoin.Hash, error) {
	switch p.Kind {
	case ProofPresent:
		return leafHash(hash, p.Value), nil
	case ProofOther:
		depth := len(p.Siblings)
		if p.OtherKey == *hash || maskPath(&p.OtherKey, depth) != maskPath(hash, depth) {
			return quoin.Hash{}, fmt.Errorf("%w: the other key %v is not another one in the same place", ErrProof, p.OtherKey)
		}
		return leafHashOf(&p.OtherKey, &p.OtherValue), nil
	}
	return quoin.Hash{}, nil
}

// climb returns the root that the path of hash leads to from its end.
func (p *Proof) climb(at quoin.Hash, hash *quoin.Hash) quoin.Hash {
	for depth := len(p.Siblings) - 1; depth >= 0; depth-- {
		if bit(hash, depth) == 0 {
			at = branchHash(&at, &p.Siblings[depth])
		} else {
			at = branchHash(&p.Siblings[depth], &at)
		}
	}
	return at
}

// check refuses what has no canonical encoding.
func (p *Proof) check() error {
	if p.Kind < ProofPresent || p.Kind > ProofNoNamespace {
		return fmt.Errorf("%w: kind %d", ErrProof, p.Kind)
	}
	if len(p.Directory) > NamespacesMax || len(p.Siblings) > 8*len(quoin.Hash{}) || len(p.Value) > ValueBytesMax {
		return fmt.Errorf("%w: %d namespaces, %d siblings, a value of %d bytes", ErrProof, len(p.Directory), len(p.Siblings), len(p.Value))
	}
	for i := range p.Directory {
		line := &p.Directory[i]
		if !quoin.IsName(line.Name, quoin.NamespaceMax) || line.Root.IsZero() || i > 0 && p.Directory[i-1].Name >= line.Name {
			return fmt.Errorf("%w: namespace %q is empty, ill-named or out of order", ErrProof, line.Name)
		}
	}
	if p.Kind != ProofPresent && p.Value != nil || p.Kind != ProofOther && !(p.OtherKey.IsZero() && p.OtherValue.IsZero()) ||
		p.Kind == ProofNoNamespace && len(p.Siblings) > 0 || p.Kind == ProofEmpty && len(p.Siblings) == 0 {
		return fmt.Errorf("%w: fields that kind %d does not have", ErrProof, p.Kind)
	}
	return nil
}

// MarshalBinary returns the canonical bytes; integers are big-endian:
//
//	kind       1
//	namespaces 2, then for each: length of name 1, name, root 32
//	depth      2, then one bit per sibling, highest first, set where it is not empty, padded
//	           with 0 to whole bytes, then the 32 bytes of each sibling that is not empty
//	ProofPresent: length of value 4, value
//	ProofOther:   OtherKey 32, OtherValue 32
func (p *Proof) MarshalBinary() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	b := canonical.AppendUint16([]byte{byte(p.Kind)}, uint16(len(p.Directory)))
	for i := range p.Directory {
		b = append(canonical.AppendBytes8(b, p.Directory[i].Name), p.Directory[i].Root[:]...)
	}
	b = canonical.AppendUint16(b, uint16(len(p.Siblings)))
	at := len(b)
	b = append(b, make([]byte, (len(p.Siblings)+7)/8)...)
	for i := range p.Siblings {
		if !p.Siblings[i].IsZero() {
			b[at+i>>3] |= 0x80 >> (i & 7)
			b = append(b, p.Siblings[i][:]...)
		}
	}
	switch p.Kind {
	case ProofPresent:
		b = canonical.AppendBytes32(b, p.Value)
	case ProofOther:
		b = append(append(b, p.OtherKey[:]...), p.OtherValue[:]...)
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary writes and nothing else.
func (p *Proof) UnmarshalBinary(b []byte) error {
	r := canonical.NewReader(b)
	var q Proof
	q.Kind = ProofKind(r.Byte())
	q.Directory = make([]NamespaceRoot, r.Count16(NamespacesMax, 1+1+sha256.Size))
	for i := range q.Directory {
		q.Directory[i].Name = string(r.Bytes8(quoin.NamespaceMax))
		r.Copy(q.Directory[i].Root[:])
	}
	depth := int(r.Uint16())
	if depth > 8*sha256.Size {
		r.Fail("%d siblings", depth)
		depth = 0
	}
	bits := r.Take((depth + 7) / 8)
	if r.Err() == nil {
		q.Siblings = make([]quoin.Hash, depth)
		for i := range 8 * len(bits) {
			if bits[i>>3]&(0x80>>(i&7)) == 0 {
				continue
			}
			if i >= depth {
				r.Fail("padding is not zero")
				break
			}
			if r.Copy(q.Siblings[i][:]); q.Siblings[i].IsZero() {
				r.Fail("sibling %d is marked, but empty", i)
			}
		}
	}
	switch q.Kind {
	case ProofPresent:
		q.Value = append([]byte{}, r.Bytes32(ValueBytesMax)...)
	case ProofOther:
		r.Copy(q.OtherKey[:])
		r.Copy(q.OtherValue[:])
	}
	if err := r.Done(); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	if err := q.check(); err != nil {
		return err
	}
	*p = q
	return nil
}

// Prove returns the proof of a key in the certified state, present or not.
func (s *State) Prove(namespace string, key []byte) (Proof, error) {
	if err := checkKey(namespace, key); err != nil {
		return Proof{}, err
	}
	hash := KeyHash(key)
	return s.prove(s.certified.spaces, namespace, hash, func(hash *quoin.Hash) ([]byte, bool, error) {
		return s.read(namespace, hash)
	})
}

// Prove returns the proof of a key in a sealed overlay, present or not.
func (o *Overlay) Prove(namespace string, key []byte) (Proof, error) {
	if err := o.check(o.s); err != nil {
		return Proof{}, err
	}
	if o.status == open {
		return Proof{}, ErrNotSealed
	}
	if err := checkKey(namespace, key); err != nil {
		return Proof{}, err
	}
	hash := KeyHash(key)
	return o.s.prove(o.spaces, namespace, hash, func(hash *quoin.Hash) ([]byte, bool, error) {
		return o.get(namespace, hash)
	})
}

func (s *State) prove(spaces []space, name string, hash quoin.Hash, get func(hash *quoin.Hash) ([]byte, bool, error)) (Proof, error) {
	p := Proof{Kind: ProofNoNamespace, Directory: directoryOf(spaces)}
	sp := findSpace(spaces, name)
	if sp == nil {
		return p, nil
	}
	c, siblings, err := s.descend(sp, &hash)
	if err != nil {
		return Proof{}, err
	}
	p.Siblings = siblings
	if c.ref == 0 {
		p.Kind = ProofEmpty
		s.sweep()
		return p, nil
	}
	key := s.nodes.leaf(c.ref).key
	s.sweep()
	value, ok, err := get(&key)
	if err != nil {
		return Proof{}, err
	}
	if !ok || leafHash(&key, value) != c.hash {
		return Proof{}, fmt.Errorf("%w: namespace %q, key hash %v: the trie has it, the record differs", ErrCorrupt, name, key)
	}
	if key != hash {
		p.Kind, p.OtherKey, p.OtherValue = ProofOther, key, sha256.Sum256(value)
		return p, nil
	}
	p.Kind, p.Value = ProofPresent, append([]byte{}, value...)
	return p, nil
}

// descend follows a key hash to the leaf or empty subtree at its end.
func (s *State) descend(sp *space, hash *quoin.Hash) (c child, siblings []quoin.Hash, err error) {
	c = sp.root
	for depth := 0; c.ref.isBranch(); depth++ {
		b := s.nodes.branch(c.ref)
		if b.is(flagStub) {
			if err := s.load(sp.name, &c, depth, hash); err != nil {
				return c, nil, err
			}
		}
		b.flags |= flagRecent
		side := bit(hash, depth)
		siblings = append(siblings, b.kids[1-side].hash)
		c = b.kids[side]
	}
	return c, siblings, nil
}
