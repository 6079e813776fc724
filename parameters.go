package quoin

import (
	"fmt"
	"strings"

	"quoin.dev/quoin/canonical"
)

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
	ReportHeights            uint64 // validators report on what they compare every so many heights
	ShadowMaxFuel            uint64 // that the comparisons of one block may use
	UndoMaxKeys              uint64 // keys whose value from before a trial is kept
	FaultInjectionFlag       uint64 // 1: administrators may inject faults into running nodes; the genesis' value is what counts
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
		ReportHeights:          16,
		ShadowMaxFuel:          50_000_000,
		UndoMaxKeys:            100_000,
	}
}

// UnsignedTransactions reports whether transactions without a sender are allowed.
func (p *Parameters) UnsignedTransactions() bool { return p.UnsignedTransactionsFlag == 1 }

// FaultInjection reports whether administrators may inject faults into running nodes: on networks for
// development and tests.
func (p *Parameters) FaultInjection() bool { return p.FaultInjectionFlag == 1 }

type parameter struct {
	name     string
	class    byte // of a change of it
	value    *uint64
	min, max uint64
}

// fields lists every parameter in the order of the canonical bytes, with its class and its bounds.
// Of class L is what makes a network fast or slow, of class D what a block or a transaction means.
// The expiry window is fixed: while it shrinks, what was executed within the old one could be
// executed again. So is fault injection: nobody can turn it on on a network that lives.
func (p *Parameters) fields() []parameter {
	return []parameter{
		{"block_max_bytes", 'D', &p.BlockMaxBytes, 1 << 10, BlockBodyBytesMax},
		{"block_max_transactions", 'D', &p.BlockMaxTransactions, 1, BlockTransactionsMax - 256},
		{"kernel_max_transactions", 'D', &p.KernelMaxTransactions, 1, 256},
		{"expiry_window_heights", 'F', &p.ExpiryWindowHeights, 16, 1 << 14},
		{"pipeline_max_blocks", 'L', &p.PipelineMaxBlocks, 1, 64},
		{"timeout_base_ms", 'L', &p.TimeoutBaseMS, 10, 60_000},
		{"timeout_max_ms", 'L', &p.TimeoutMaxMS, 10, 600_000},
		{"drift_ms", 'L', &p.DriftMS, 10, 600_000},
		{"heartbeat_ms", 'L', &p.HeartbeatMS, 0, 86_400_000},
		{"forced_inclusion_views", 'L', &p.ForcedInclusionViews, 4, 1 << 16},
		{"notice_heights", 'L', &p.NoticeHeights, 1, 1 << 20},
		{"activation_delay_heights", 'L', &p.ActivationDelayHeights, 1, 1 << 20},
		{"activation_retries", 'L', &p.ActivationRetries, 0, 1 << 10},
		{"sandbox_engine", 'D', &p.SandboxEngine, 1, 1 << 16},
		{"fuel_schedule", 'D', &p.FuelSchedule, 1, 1 << 16},
		{"unsigned_transactions", 'D', &p.UnsignedTransactionsFlag, 0, 1},
		{"namespace_max_keys", 'D', &p.NamespaceMaxKeys, 1, 1<<32 - 1},
		{"namespace_max_bytes", 'D', &p.NamespaceMaxBytes, 1 << 10, 1 << 50},
		{"report_heights", 'L', &p.ReportHeights, 4, 1 << 16},
		{"shadow_max_fuel", 'D', &p.ShadowMaxFuel, 0, 1 << 40},
		{"undo_max_keys", 'D', &p.UndoMaxKeys, 0, 1 << 24},
		{"fault_injection", 'F', &p.FaultInjectionFlag, 0, 1},
	}
}

// ParameterNames returns the names of all parameters in the order of the canonical bytes.
func ParameterNames() []string {
	var names []string
	for _, f := range new(Parameters).fields() {
		names = append(names, f.name)
	}
	return names
}

// Set changes a parameter by its name in a genesis file. It checks the parameter's own bounds; how
// parameters fit together is Configuration.Check's.
func (p *Parameters) Set(name string, v uint64) error {
	for _, f := range p.fields() {
		if f.name == name {
			old := *f.value
			*f.value = v
			if err := f.check(); err != nil {
				*f.value = old
				return err
			}
			return nil
		}
	}
	return fmt.Errorf("%w: there is no parameter %q; the parameters are %s", ErrConfiguration, name, strings.Join(ParameterNames(), ", "))
}

// ParameterChange is one difference between parameters.
type ParameterChange struct {
	Name     string
	From, To uint64
	Class    byte // 'L' or 'D', as of a hook, or 'F': fixed for the life of a chain
}

// Changes returns what differs between p and its successor q, in the order of the canonical bytes.
func (p *Parameters) Changes(q *Parameters) []ParameterChange {
	var changes []ParameterChange
	next := q.fields()
	for i, f := range p.fields() {
		if *f.value != *next[i].value {
			changes = append(changes, ParameterChange{f.name, *f.value, *next[i].value, f.class})
		}
	}
	return changes
}

// AppendBinary appends the canonical bytes: the fields in their order.
func (p *Parameters) AppendBinary(b []byte) []byte {
	for _, f := range p.fields() {
		b = canonical.AppendUint64(b, *f.value)
	}
	return b
}

// ReadParameters reads what AppendBinary writes.
func ReadParameters(r *canonical.Reader) Parameters {
	var p Parameters
	for _, f := range p.fields() {
		*f.value = r.Uint64()
	}
	if r.Err() == nil {
		if err := p.check(); err != nil {
			r.Fail("%v", err)
		}
	}
	return p
}

func (p *Parameters) check() error {
	for _, f := range p.fields() {
		if err := f.check(); err != nil {
			return err
		}
	}
	if p.TimeoutMaxMS < p.TimeoutBaseMS {
		return fmt.Errorf("%w: timeout_max_ms is below timeout_base_ms", ErrConfiguration)
	}
	return nil
}

func (f *parameter) check() error {
	if *f.value < f.min || *f.value > f.max {
		return fmt.Errorf("%w: parameter %s is %d, want %d to %d", ErrConfiguration, f.name, *f.value, f.min, f.max)
	}
	return nil
}
