package quoin

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin/canonical"
)

// Limits of a configuration.
const (
	BindingsMax       = 64
	ParameterBytesMax = 4 << 10
	AccountsMax       = 64 // keys that hold a role
	GrantsMax         = 16 // capabilities of a binding
	GrantMax          = 64 // bytes of a capability's name
)

// ErrConfiguration is wrapped by every refusal of a configuration.
var ErrConfiguration = errors.New("invalid configuration")

// Binding says which release with which parameters serves a hook.
type Binding struct {
	Hook       string // for example "leader.v1"
	Namespace  string // of a machine; empty for hooks that a chain has once
	Builtin    string // name of a built-in algorithm; empty if Release is set
	Release    Hash   // digest of a release; zero if Builtin is set
	Parameters []byte // opaque to the kernel
	FuelMax    uint64 // of one call
	// Grants are the capabilities that the release may use, of those that its manifest names:
	// ascending. A built-in is the node's own and needs none.
	Grants []string
}

// Slot is what a binding serves: at most one binding of a configuration has it.
func (b *Binding) Slot() string {
	if b.Namespace == "" {
		return b.Hook
	}
	return b.Hook + "/" + b.Namespace
}

// Parameters are the numbers of a chain. Units stand last in a name.
type Parameters struct {
	BlockMaxBytes            uint64 // of a block's body
	BlockMaxTransactions     uint64 // beside the kernel's own
	KernelMaxTransactions    uint64 // of a block, reserved for the kernel's
	ExpiryWindowHeights      uint64 // the furthest a transaction's expiry may lie ahead
	PipelineMaxBlocks        uint64 // uncertified blocks at which a leader proposes without transactions
	TimeoutBaseMS            uint64
	TimeoutMaxMS             uint64
	DriftMS                  uint64 // how far ahead of a voter's clock a block's time may be
	HeartbeatMS              uint64 // an idle chain certifies an empty block this often; 0 never
	ForcedInclusionViews     uint64 // K: what more than f know for K views must be proposed
	NoticeHeights            uint64 // the least distance between a schedule and its activation
	ActivationDelayHeights   uint64 // D: how far an unready activation moves
	ActivationRetries        uint64 // R: how often
	SandboxEngine            uint64 // version of the sandbox's engine and instrumentation
	FuelSchedule             uint64 // version of the fuel schedule
	UnsignedTransactionsFlag uint64 // 1: transactions without a sender are allowed
	NamespaceMaxKeys         uint64 // at which a namespace takes no further writes, only deletions
	NamespaceMaxBytes        uint64 // likewise, of keys and values
}

// DefaultParameters returns the parameters of a new chain.
func DefaultParameters() Parameters {
	return Parameters{
		BlockMaxBytes:          2 << 20,
		BlockMaxTransactions:   4_000,
		KernelMaxTransactions:  64,
		ExpiryWindowHeights:    4_096,
		PipelineMaxBlocks:      8,
		TimeoutBaseMS:          500,
		TimeoutMaxMS:           20_000,
		DriftMS:                2_000,
		HeartbeatMS:            10_000,
		ForcedInclusionViews:   64,
		NoticeHeights:          2,
		ActivationDelayHeights: 16,
		ActivationRetries:      8,
		SandboxEngine:          2,
		FuelSchedule:           2,
		NamespaceMaxKeys:       100_000_000,
		NamespaceMaxBytes:      64 << 30,
	}
}

// UnsignedTransactions reports whether transactions without a sender are allowed.
func (p *Parameters) UnsignedTransactions() bool { return p.UnsignedTransactionsFlag == 1 }

// fields lists every parameter in the order of the canonical bytes, with its bounds.
func (p *Parameters) fields() []parameter {
	return []parameter{
		{"block_max_bytes", &p.BlockMaxBytes, 1 << 10, BlockBodyBytesMax},
		{"block_max_transactions", &p.BlockMaxTransactions, 1, BlockTransactionsMax - 256},
		{"kernel_max_transactions", &p.KernelMaxTransactions, 1, 256},
		{"expiry_window_heights", &p.ExpiryWindowHeights, 16, 1 << 14},
		{"pipeline_max_blocks", &p.PipelineMaxBlocks, 1, 64},
		{"timeout_base_ms", &p.TimeoutBaseMS, 10, 60_000},
		{"timeout_max_ms", &p.TimeoutMaxMS, 10, 600_000},
		{"drift_ms", &p.DriftMS, 10, 600_000},
		{"heartbeat_ms", &p.HeartbeatMS, 0, 86_400_000},
		{"forced_inclusion_views", &p.ForcedInclusionViews, 4, 1 << 16},
		{"notice_heights", &p.NoticeHeights, 1, 1 << 20},
		{"activation_delay_heights", &p.ActivationDelayHeights, 1, 1 << 20},
		{"activation_retries", &p.ActivationRetries, 0, 1 << 10},
		{"sandbox_engine", &p.SandboxEngine, 1, 1 << 16},
		{"fuel_schedule", &p.FuelSchedule, 1, 1 << 16},
		{"unsigned_transactions", &p.UnsignedTransactionsFlag, 0, 1},
		{"namespace_max_keys", &p.NamespaceMaxKeys, 1, 1<<32 - 1},
		{"namespace_max_bytes", &p.NamespaceMaxBytes, 1 << 10, 1 << 50},
	}
}

type parameter struct {
	name     string
	value    *uint64
	min, max uint64
}

// Roles says who may do what to the algorithms of a chain. Vetoes and readiness are the validators'.
type Roles struct {
	Proposers         []PublicKey // may propose and schedule releases; ascending
	Approvers         []PublicKey // may approve and roll back; ascending
	ApprovalsRequired uint16
}

// Configuration is everything that may vary between epochs, frozen within one.
type Configuration struct {
	Epoch      Epoch
	First      Height // the first height of the epoch
	Validators ValidatorSet
	Bindings   []Binding // ascending by slot
	Parameters Parameters
	Roles      Roles
}

// Binding returns the binding of a slot.
func (c *Configuration) Binding(slot string) (*Binding, bool) {
	i, ok := slices.BinarySearchFunc(c.Bindings, slot, func(b Binding, s string) int {
		return compareSlots(b.Slot(), s)
	})
	if !ok {
		return nil, false
	}
	return &c.Bindings[i], true
}

// WithBinding returns a copy of c in which b serves its slot.
func (c *Configuration) WithBinding(b Binding) Configuration {
	n := *c
	n.Bindings = slices.DeleteFunc(slices.Clone(c.Bindings), func(x Binding) bool { return x.Slot() == b.Slot() })
	n.Bindings = append(n.Bindings, b)
	n.sortBindings()
	return n
}

func (c *Configuration) sortBindings() {
	slices.SortFunc(c.Bindings, func(x, y Binding) int { return compareSlots(x.Slot(), y.Slot()) })
}

func compareSlots(a, b string) int { return bytes.Compare([]byte(a), []byte(b)) }

// Digest returns SHA-256 over "quoin/configuration/v1\n" and the canonical bytes.
func (c *Configuration) Digest() Hash {
	return sha256.Sum256(c.AppendBinary([]byte("quoin/configuration/v1\n")))
}

// AppendBinary appends the canonical bytes: the fields in their order.
func (c *Configuration) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(b, c.Epoch)
	b = canonical.AppendUint64(b, c.First)
	b = c.Validators.AppendBinary(b)
	b = canonical.AppendUint16(b, uint16(len(c.Bindings)))
	for i := range c.Bindings {
		b = c.Bindings[i].AppendBinary(b)
	}
	b = c.Parameters.appendBinary(b)
	b = appendKeys(b, c.Roles.Proposers)
	b = appendKeys(b, c.Roles.Approvers)
	return canonical.AppendUint16(b, c.Roles.ApprovalsRequired)
}

// AppendBinary appends the canonical bytes: the fields in their order.
func (b *Binding) AppendBinary(dst []byte) []byte {
	dst = canonical.AppendBytes8(dst, b.Hook)
	dst = canonical.AppendBytes8(dst, b.Namespace)
	dst = canonical.AppendBytes8(dst, b.Builtin)
	dst = append(dst, b.Release[:]...)
	dst = canonical.AppendBytes32(dst, b.Parameters)
	dst = canonical.AppendUint64(dst, b.FuelMax)
	dst = canonical.AppendUint16(dst, uint16(len(b.Grants)))
	for _, g := range b.Grants {
		dst = canonical.AppendBytes8(dst, g)
	}
	return dst
}

// ReadBinding reads what AppendBinary writes.
func ReadBinding(r *canonical.Reader) Binding {
	var b Binding
	b.Hook = string(r.Bytes8(NamespaceMax))
	b.Namespace = string(r.Bytes8(NamespaceMax))
	b.Builtin = string(r.Bytes8(NamespaceMax))
	r.Copy(b.Release[:])
	if p := r.Bytes32(ParameterBytesMax); len(p) > 0 {
		b.Parameters = bytes.Clone(p)
	}
	b.FuelMax = r.Uint64()
	for n := r.Count16(GrantsMax, 2); n > 0; n-- {
		b.Grants = append(b.Grants, string(r.Bytes8(GrantMax)))
	}
	if r.Err() == nil {
		if err := b.check(); err != nil {
			r.Fail("%v", err)
		}
	}
	return b
}

func (p *Parameters) appendBinary(b []byte) []byte {
	for _, f := range p.fields() {
		b = canonical.AppendUint64(b, *f.value)
	}
	return b
}

func readParameters(r *canonical.Reader) Parameters {
	var p Parameters
	for _, f := range p.fields() {
		*f.value = r.Uint64()
	}
	return p
}

func appendKeys(b []byte, keys []PublicKey) []byte {
	b = canonical.AppendUint16(b, uint16(len(keys)))
	for i := range keys {
		b = append(b, keys[i][:]...)
	}
	return b
}

func readKeys(r *canonical.Reader) []PublicKey {
	n := r.Count16(AccountsMax, 32)
	keys := make([]PublicKey, n)
	for i := range keys {
		r.Copy(keys[i][:])
	}
	return keys
}

// ReadConfiguration reads what AppendBinary writes.
func ReadConfiguration(r *canonical.Reader) Configuration {
	var c Configuration
	c.Epoch = Epoch(r.Uint64())
	c.First = Height(r.Uint64())
	c.Validators = ReadValidatorSet(r)
	n := r.Count16(BindingsMax, 49)
	for range n {
		c.Bindings = append(c.Bindings, ReadBinding(r))
	}
	c.Parameters = readParameters(r)
	c.Roles.Proposers = readKeys(r)
	c.Roles.Approvers = readKeys(r)
	c.Roles.ApprovalsRequired = r.Uint16()
	if r.Err() == nil {
		if err := c.Check(); err != nil {
			r.Fail("%v", err)
		}
	}
	return c
}

// DecodeConfiguration decodes exactly one configuration.
func DecodeConfiguration(b []byte) (Configuration, error) {
	r := canonical.NewReader(b)
	c := ReadConfiguration(r)
	return c, r.Done()
}

// Check reports the first thing that is wrong with c.
func (c *Configuration) Check() error {
	if c.Validators.Len() == 0 {
		return fmt.Errorf("%w: no validators", ErrConfiguration)
	}
	if len(c.Bindings) > BindingsMax {
		return fmt.Errorf("%w: %d bindings, limit %d", ErrConfiguration, len(c.Bindings), BindingsMax)
	}
	for i := range c.Bindings {
		if err := c.Bindings[i].check(); err != nil {
			return err
		}
		if i > 0 && c.Bindings[i-1].Slot() >= c.Bindings[i].Slot() {
			return fmt.Errorf("%w: bindings out of order or twice at %q", ErrConfiguration, c.Bindings[i].Slot())
		}
	}
	for _, f := range c.Parameters.fields() {
		if *f.value < f.min || *f.value > f.max {
			return fmt.Errorf("%w: parameter %s is %d, want %d to %d", ErrConfiguration, f.name, *f.value, f.min, f.max)
		}
	}
	if c.Parameters.TimeoutMaxMS < c.Parameters.TimeoutBaseMS {
		return fmt.Errorf("%w: timeout_max_ms is below timeout_base_ms", ErrConfiguration)
	}
	return c.Roles.check()
}

func (b *Binding) check() error {
	switch {
	case !IsName(b.Hook, NamespaceMax):
		return fmt.Errorf("%w: hook %q, want 1 to %d of [a-z0-9.-]", ErrConfiguration, b.Hook, NamespaceMax)
	case b.Namespace != "" && !IsName(b.Namespace, NamespaceMax):
		return fmt.Errorf("%w: namespace %q, want at most %d of [a-z0-9.-]", ErrConfiguration, b.Namespace, NamespaceMax)
	case b.Namespace == KernelNamespace:
		return fmt.Errorf("%w: the namespace %q is the kernel's", ErrConfiguration, b.Namespace)
	case b.Builtin != "" && !IsName(b.Builtin, NamespaceMax):
		return fmt.Errorf("%w: built-in %q, want at most %d of [a-z0-9.-]", ErrConfiguration, b.Builtin, NamespaceMax)
	case (b.Builtin == "") == b.Release.IsZero():
		return fmt.Errorf("%w: binding of %s names both or neither of a built-in and a release", ErrConfiguration, b.Slot())
	case len(b.Parameters) > ParameterBytesMax:
		return fmt.Errorf("%w: binding of %s has %d bytes of parameters, limit %d", ErrConfiguration, b.Slot(), len(b.Parameters), ParameterBytesMax)
	case len(b.Grants) > GrantsMax:
		return fmt.Errorf("%w: binding of %s grants %d capabilities, limit %d", ErrConfiguration, b.Slot(), len(b.Grants), GrantsMax)
	case len(b.Grants) > 0 && b.Release.IsZero():
		return fmt.Errorf("%w: binding of %s grants capabilities to a built-in, which needs none", ErrConfiguration, b.Slot())
	}
	for i, g := range b.Grants {
		if !IsName(g, GrantMax) || i > 0 && b.Grants[i-1] >= g {
			return fmt.Errorf("%w: binding of %s grants %q, want ascending names of [a-z0-9.-]", ErrConfiguration, b.Slot(), g)
		}
	}
	return nil
}

func (r *Roles) check() error {
	for _, keys := range [][]PublicKey{r.Proposers, r.Approvers} {
		if len(keys) > AccountsMax {
			return fmt.Errorf("%w: %d keys hold a role, limit %d", ErrConfiguration, len(keys), AccountsMax)
		}
		for i := range keys {
			if keys[i].IsZero() || i > 0 && bytes.Compare(keys[i-1][:], keys[i][:]) >= 0 {
				return fmt.Errorf("%w: role keys must ascend and not be zero (%s)", ErrConfiguration, keys[i])
			}
		}
	}
	if len(r.Approvers) > 0 && r.ApprovalsRequired == 0 || int(r.ApprovalsRequired) > len(r.Approvers) {
		return fmt.Errorf("%w: %d approvals required of %d approvers", ErrConfiguration, r.ApprovalsRequired, len(r.Approvers))
	}
	return nil
}

// SortKeys brings role keys into their canonical order.
func SortKeys(keys []PublicKey) {
	slices.SortFunc(keys, func(a, b PublicKey) int { return bytes.Compare(a[:], b[:]) })
}
