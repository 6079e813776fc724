package hook

import "slices"

// The operations, with the types of their messages.
var (
	// Lead names the proposer of a view.
	Lead = Define[LeaderRequest, LeaderResponse]("leader", 1, "", stateless)
	// Apply applies one transaction to the plugin's namespace.
	Apply = Define[ApplyRequest, ApplyResponse]("machine", 1, "apply", writes)
	// ApplyBatch applies transactions that follow one another in a block.
	ApplyBatch = Apply.Batch("apply_batch")
	// Migrate brings the plugin's namespace over from what served it before.
	Migrate = Define[MigrateRequest, MigrateResponse]("machine", 1, "migrate", writes).Once(MigrateCalls)
	// Query answers a question about the plugin's namespace.
	Query = Define[QueryRequest, QueryResponse]("machine", 1, "query", reads)
	// Validate accepts or refuses one transaction.
	Validate = Define[ValidationRequest, ValidationResponse]("validation", 1, "validate", reads)
	// ValidateBatch accepts or refuses a block's transactions.
	ValidateBatch = Validate.Batch("validate_batch")
	// Delay says when a block is reported as final.
	Delay = Define[FinalityRequest, FinalityResponse]("finality", 1, "", stateless)
	// Timeout gives a view's time-out.
	Timeout = Define[PacemakerRequest, PacemakerResponse]("pacemaker", 1, "", stateless)
	// Prioritize gives a pending transaction's priority.
	Prioritize = Define[PriorityRequest, PriorityResponse]("priority", 1, "", stateless)
)

// The hooks.
var (
	// Finality is finality.v1: when a block is reported as final to those who ask for it.
	Finality = Hook{Name: Delay.Hook, SinceNode: 2, SinceEngine: 2, Class: ClassLiveness, FuelMax: 1_000_000, Fallback: "immediate",
		Purpose:    "when a certified block is reported as final to those who ask for reported finality",
		Operations: []Operation{Delay.Operation}}
	// Leader is leader.v1: who proposes in which view.
	Leader = Hook{Name: Lead.Hook, SinceNode: 1, SinceEngine: 1, Class: ClassLiveness, FuelMax: 10_000_000, Fallback: "round-robin",
		Purpose:    "who proposes in which view",
		Operations: []Operation{Lead.Operation}}
	// Machine is machine.v1: what transactions of a namespace do to its state.
	Machine = Hook{Name: Apply.Hook, SinceNode: 1, SinceEngine: 1, Class: ClassDeterministic, Namespaced: true, FuelMax: 10_000_000,
		Purpose:    "what the transactions of a namespace do to its state",
		Operations: []Operation{Apply.Operation, ApplyBatch.Operation, Migrate.Operation, Query.Operation}}
	// Pacemaker is pacemaker.v1: how long a node waits for a view.
	Pacemaker = Hook{Name: Timeout.Hook, SinceNode: 2, SinceEngine: 2, Class: ClassNode, FuelMax: 1_000_000, Fallback: "exponential",
		Purpose:    "how long a node waits before it gives up a view",
		Operations: []Operation{Timeout.Operation}}
	// Priority is priority.v1: which pending transactions a node proposes first.
	Priority = Hook{Name: Prioritize.Hook, SinceNode: 2, SinceEngine: 2, Class: ClassNode, FuelMax: 500_000, Fallback: "equal",
		Purpose:    "which pending transactions a node proposes first",
		Operations: []Operation{Prioritize.Operation}}
	// Validation is validation.v1: which transactions of a namespace reach its machine.
	Validation = Hook{Name: Validate.Hook, SinceNode: 2, SinceEngine: 2, Class: ClassDeterministic, Namespaced: true, FuelMax: 5_000_000,
		Purpose:    "which transactions of a namespace reach its machine",
		Operations: []Operation{Validate.Operation, ValidateBatch.Operation}}
)

// All returns the hooks in the order of their names. The caller must not change them.
func All() []Hook { return table }

var table = []Hook{Finality, Leader, Machine, Pacemaker, Priority, Validation}

// Find returns the hook with the name, such as "leader.v1".
func Find(name string) (Hook, bool) {
	i := slices.IndexFunc(table, func(h Hook) bool { return h.Name == name })
	if i < 0 {
		return Hook{}, false
	}
	return table[i], true
}

// FindOperation returns the operation that modules export under the name.
func FindOperation(export string) (Operation, bool) {
	for _, h := range table {
		for _, o := range h.Operations {
			if o.Name == export {
				return o, true
			}
		}
	}
	return Operation{}, false
}
