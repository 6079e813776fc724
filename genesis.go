package quoin

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"quoin.dev/quoin/canonical"
)

// GenesisBytesMax limits a genesis file.
const GenesisBytesMax = 4 << 20

// ErrGenesis is wrapped by every refusal of a genesis.
var ErrGenesis = errors.New("invalid genesis")

// Genesis is the anchor of trust of a chain: all of its public beginnings. Its hash is part of the
// chain's origin, so that nothing signed for one chain means anything on another.
type Genesis struct {
	Network       string // 1 to 32 of [a-z0-9.-]
	Chain         string // likewise; "main" for a network's first
	Time          Time
	Configuration Configuration // of epoch 1, with First 1
}

// Hash returns SHA-256 over "quoin/genesis/v1\n" and the canonical bytes.
func (g *Genesis) Hash() Hash {
	b := canonical.AppendBytes8([]byte("quoin/genesis/v1\n"), g.Network)
	b = canonical.AppendBytes8(b, g.Chain)
	b = canonical.AppendUint64(b, g.Time)
	return sha256.Sum256(g.Configuration.AppendBinary(b))
}

// Origin returns the chain's origin.
func (g *Genesis) Origin() Origin { return NewOrigin(g.Network, g.Chain, g.Hash()) }

// Check reports the first thing that is wrong with g.
func (g *Genesis) Check() error {
	switch {
	case !IsName(g.Network, NamespaceMax) || !IsName(g.Chain, NamespaceMax):
		return fmt.Errorf("%w: network %q and chain %q, want 1 to %d of [a-z0-9.-] each", ErrGenesis, g.Network, g.Chain, NamespaceMax)
	case g.Configuration.Epoch != 1 || g.Configuration.First != 1:
		return fmt.Errorf("%w: the configuration must be that of epoch 1 from height 1", ErrGenesis)
	}
	if err := g.Configuration.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	return nil
}
