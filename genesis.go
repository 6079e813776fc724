package quoin

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
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

// The file is JSON for people; what is hashed are the canonical bytes of what it says.
type genesisFile struct {
	Network           string            `json:"network"`
	Chain             string            `json:"chain"`
	TimeMS            Time              `json:"time_ms"`
	Validators        []validatorFile   `json:"validators"`
	Bindings          []bindingFile     `json:"bindings"`
	Parameters        map[string]uint64 `json:"parameters"`
	Proposers         []string          `json:"proposers"`
	Approvers         []string          `json:"approvers"`
	ApprovalsRequired uint16            `json:"approvals_required"`
}

type validatorFile struct {
	Name   string `json:"name"`
	Key    string `json:"key"`
	Weight uint64 `json:"weight"`
}

type bindingFile struct {
	Hook       string `json:"hook"`
	Namespace  string `json:"namespace,omitempty"`
	Builtin    string `json:"builtin,omitempty"`
	Release    string `json:"release,omitempty"`
	Parameters []byte `json:"parameters,omitempty"`
	FuelMax    uint64 `json:"fuel_max,omitempty"`
}

// MarshalJSON writes the genesis file.
func (g *Genesis) MarshalJSON() ([]byte, error) {
	c := &g.Configuration
	f := genesisFile{Network: g.Network, Chain: g.Chain, TimeMS: g.Time, Parameters: map[string]uint64{},
		ApprovalsRequired: c.Roles.ApprovalsRequired}
	for _, v := range c.Validators.All() {
		f.Validators = append(f.Validators, validatorFile{v.Name, v.Key.String(), v.Weight})
	}
	for _, b := range c.Bindings {
		x := bindingFile{Hook: b.Hook, Namespace: b.Namespace, Builtin: b.Builtin, Parameters: b.Parameters, FuelMax: b.FuelMax}
		if !b.Release.IsZero() {
			x.Release = b.Release.String()
		}
		f.Bindings = append(f.Bindings, x)
	}
	for _, p := range c.Parameters.fields() {
		f.Parameters[p.name] = *p.value
	}
	for _, k := range c.Roles.Proposers {
		f.Proposers = append(f.Proposers, k.String())
	}
	for _, k := range c.Roles.Approvers {
		f.Approvers = append(f.Approvers, k.String())
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads a genesis file: unknown fields are refused, absent parameters have their
// defaults, and the result has passed Check.
func (g *Genesis) UnmarshalJSON(b []byte) error {
	if len(b) > GenesisBytesMax {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrGenesis, len(b), GenesisBytesMax)
	}
	if !json.Valid(b) { // a Decoder alone stops after the first value
		return fmt.Errorf("%w: it is not one JSON value", ErrGenesis)
	}
	var f genesisFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	n, err := f.genesis()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	*g = n
	return g.Check()
}

func (f *genesisFile) genesis() (Genesis, error) {
	g := Genesis{Network: f.Network, Chain: f.Chain, Time: f.TimeMS}
	c := &g.Configuration
	c.Epoch, c.First, c.Parameters = 1, 1, DefaultParameters()
	var members []Validator
	for _, v := range f.Validators {
		key, err := ParsePublicKey(v.Key)
		if err != nil {
			return g, err
		}
		members = append(members, Validator{v.Name, key, v.Weight})
	}
	var err error
	if c.Validators, err = NewValidatorSet(members); err != nil {
		return g, err
	}
	for _, x := range f.Bindings {
		b := Binding{Hook: x.Hook, Namespace: x.Namespace, Builtin: x.Builtin, Parameters: x.Parameters, FuelMax: x.FuelMax}
		if x.Release != "" {
			if b.Release, err = ParseHash(x.Release); err != nil {
				return g, err
			}
		}
		c.Bindings = append(c.Bindings, b)
	}
	c.sortBindings()
	known := 0
	for _, p := range c.Parameters.fields() {
		if v, ok := f.Parameters[p.name]; ok {
			*p.value = v
			known++
		}
	}
	if known != len(f.Parameters) {
		return g, fmt.Errorf("a parameter has an unknown name; known are those of a file written by this version")
	}
	if c.Roles.Proposers, err = parseKeys(f.Proposers); err != nil {
		return g, err
	}
	if c.Roles.Approvers, err = parseKeys(f.Approvers); err != nil {
		return g, err
	}
	c.Roles.ApprovalsRequired = f.ApprovalsRequired
	return g, nil
}

func parseKeys(names []string) ([]PublicKey, error) {
	keys := make([]PublicKey, 0, len(names))
	for _, s := range names {
		k, err := ParsePublicKey(s)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	SortKeys(keys)
	return keys, nil
}
