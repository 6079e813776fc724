package quoin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The file is JSON for people; what is hashed are the canonical bytes of what it says.
type genesisFile struct {
	Network    string            `json:"network"`
	Chain      string            `json:"chain"`
	TimeMS     Time              `json:"time_ms"`
	Validators []validatorFile   `json:"validators"`
	Bindings   []bindingFile     `json:"bindings"`
	Parameters map[string]uint64 `json:"parameters"`
	Members    []Member          `json:"members"`
	Policies   []Policy          `json:"policies"`
}

type validatorFile struct {
	Name   string `json:"name"`
	Key    string `json:"key"`
	Weight uint64 `json:"weight"`
}

type bindingFile struct {
	Hook       string   `json:"hook"`
	Namespace  string   `json:"namespace,omitempty"`
	Builtin    string   `json:"builtin,omitempty"`
	Release    string   `json:"release,omitempty"`
	Parameters []byte   `json:"parameters,omitempty"`
	FuelMax    uint64   `json:"fuel_max,omitempty"`
	Grants     []string `json:"grants,omitempty"`
	Nodes      []string `json:"nodes,omitempty"`
}

type memberFile struct {
	Name         string   `json:"name"`
	Key          string   `json:"key"`
	Organisation string   `json:"organisation"`
	Roles        []string `json:"roles"`
}

type policyFile struct {
	Class      string `json:"class"`
	Step       string `json:"step"`
	Expression string `json:"expression"`
}

// MarshalJSON writes the genesis file.
func (g *Genesis) MarshalJSON() ([]byte, error) {
	c := &g.Configuration
	f := genesisFile{Network: g.Network, Chain: g.Chain, TimeMS: g.Time, Parameters: map[string]uint64{}}
	for _, v := range c.Validators.All() {
		f.Validators = append(f.Validators, validatorFile{v.Name, v.Key.String(), v.Weight})
	}
	for i := range c.Bindings {
		f.Bindings = append(f.Bindings, c.Bindings[i].file())
	}
	for _, p := range c.Parameters.fields() {
		f.Parameters[p.name] = *p.value
	}
	f.Members, f.Policies = c.Members, c.Policies
	return json.Marshal(f)
}

// MarshalJSON writes a member as genesis files do.
func (m Member) MarshalJSON() ([]byte, error) {
	return json.Marshal(memberFile{m.Name, m.Key.String(), m.Organisation, strings.Split(m.Roles.String(), ",")})
}

// UnmarshalJSON reads what MarshalJSON writes. What it says is not checked yet.
func (m *Member) UnmarshalJSON(b []byte) error {
	var f memberFile
	if err := unmarshalStrictly(b, &f); err != nil {
		return err
	}
	x, err := f.member()
	if err != nil {
		return fmt.Errorf("member %q: %w", f.Name, err)
	}
	*m = x
	return nil
}

// MarshalJSON writes a policy as genesis files do.
func (p Policy) MarshalJSON() ([]byte, error) {
	return json.Marshal(policyFile{string(rune(p.Class)), p.Step, p.Expression})
}

// UnmarshalJSON reads what MarshalJSON writes. What it says is not checked yet.
func (p *Policy) UnmarshalJSON(b []byte) error {
	var f policyFile
	if err := unmarshalStrictly(b, &f); err != nil {
		return err
	}
	if len(f.Class) != 1 {
		return fmt.Errorf("policy of class %q, want one of %s", f.Class, policyClasses)
	}
	*p = Policy{f.Class[0], f.Step, f.Expression}
	return nil
}

// unmarshalStrictly refuses unknown fields, which a Decoder's own setting does not do inside of types that
// decode themselves.
func unmarshalStrictly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (b *Binding) file() bindingFile {
	f := bindingFile{Hook: b.Hook, Namespace: b.Namespace, Builtin: b.Builtin, Parameters: b.Parameters, FuelMax: b.FuelMax, Grants: b.Grants}
	if !b.Release.IsZero() {
		f.Release = b.Release.String()
	}
	for _, k := range b.Nodes {
		f.Nodes = append(f.Nodes, k.String())
	}
	return f
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
	if err := unmarshalStrictly(b, &f); err != nil {
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
	var err error
	if c.Validators, err = f.validators(); err != nil {
		return g, err
	}
	for i := range f.Bindings {
		b, err := f.Bindings[i].binding()
		if err != nil {
			return g, fmt.Errorf("binding of %s: %w", b.Slot(), err)
		}
		c.Bindings = append(c.Bindings, b)
	}
	c.sortBindings()
	for _, name := range slices.Sorted(maps.Keys(f.Parameters)) {
		if err := c.Parameters.Set(name, f.Parameters[name]); err != nil {
			return g, err
		}
	}
	c.Members, c.Policies = f.Members, f.Policies
	SortMembers(c.Members)
	SortPolicies(c.Policies)
	return g, nil
}

func (f *genesisFile) validators() (ValidatorSet, error) {
	var members []Validator
	for _, v := range f.Validators {
		key, err := ParsePublicKey(v.Key)
		if err != nil {
			return ValidatorSet{}, err
		}
		members = append(members, Validator{v.Name, key, v.Weight})
	}
	return NewValidatorSet(members)
}

func (f *bindingFile) binding() (Binding, error) {
	b := Binding{Hook: f.Hook, Namespace: f.Namespace, Builtin: f.Builtin, Parameters: f.Parameters, FuelMax: f.FuelMax, Grants: slices.Sorted(slices.Values(f.Grants))}
	var err error
	if f.Release != "" {
		if b.Release, err = ParseHash(f.Release); err != nil {
			return b, err
		}
	}
	for _, s := range f.Nodes {
		k, err := ParsePublicKey(s)
		if err != nil {
			return b, err
		}
		b.Nodes = append(b.Nodes, k)
	}
	SortKeys(b.Nodes)
	return b, nil
}

func (f *memberFile) member() (Member, error) {
	m := Member{Name: f.Name, Organisation: f.Organisation}
	var err error
	if m.Key, err = ParsePublicKey(f.Key); err != nil {
		return m, err
	}
	m.Roles, err = ParseRole(strings.Join(f.Roles, ","))
	return m, err
}
