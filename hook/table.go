package hook

// The operations, with the types of their messages.
var (
	// Lead names the proposer of a view.
	Lead = Define[LeaderRequest, LeaderResponse]("leader", 1, "", stateless)
	// Apply applies one transaction to the plugin's namespace.
	Apply = Define[ApplyRequest, ApplyResponse]("machine", 1, "apply", writes)
	// Query answers a question about the plugin's namespace.
	Query = Define[QueryRequest, QueryResponse]("machine", 1, "query", reads)
)

// The hooks.
var (
	// Leader is leader.v1: who proposes in which view.
	Leader = Hook{Name: "leader.v1", Class: ClassLiveness, Operations: []Operation{Lead.Operation}}
	// Machine is machine.v1: what transactions of a namespace do to its state.
	Machine = Hook{Name: "machine.v1", Class: ClassDeterministic, Operations: []Operation{Apply.Operation, Query.Operation}}
)

// All returns the hooks in the order of their names. The caller must not change them.
func All() []Hook { return table }

var table = []Hook{Leader, Machine}

// Find returns the hook with the name, such as "leader.v1".
func Find(name string) (Hook, bool) {
	for _, h := range table {
		if h.Name == name {
			return h, true
		}
	}
	return Hook{}, false
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
