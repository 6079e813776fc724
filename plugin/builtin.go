package plugin

import (
	"fmt"

	"quoin.dev/quoin/hook"
)

// Builtin is native code that serves hooks: one of the algorithms below, or a plugin that its
// author runs natively, in tests and in the simulator. Fields that are nil do not serve.
type Builtin struct {
	Name       string // [a-z0-9-]{1,32}
	Finality   hook.FinalityPlugin
	Leader     hook.LeaderPlugin
	Machine    hook.MachinePlugin
	Pacemaker  hook.PacemakerPlugin
	Priority   hook.PriorityPlugin
	Validation hook.ValidationPlugin
}

// Serves reports whether the built-in implements the hook.
func (b *Builtin) Serves(name string) bool {
	switch name {
	case hook.Finality.Name:
		return b.Finality != nil
	case hook.Leader.Name:
		return b.Leader != nil
	case hook.Machine.Name:
		return b.Machine != nil
	case hook.Pacemaker.Name:
		return b.Pacemaker != nil
	case hook.Priority.Name:
		return b.Priority != nil
	case hook.Validation.Name:
		return b.Validation != nil
	}
	return false
}

// Builtins returns the algorithms that are part of every node of this version.
func Builtins() []Builtin {
	return []Builtin{
		{Name: "round-robin", Leader: hook.LeaderFunc(RoundRobin)},
		{Name: "weighted-random", Leader: hook.LeaderFunc(WeightedRandom)},
		{Name: "kv", Machine: KV{}},
		{Name: "signed", Validation: hook.ValidationFunc(Signed)},
		{Name: "immediate", Finality: hook.FinalityFunc(Immediate)},
		{Name: "deep", Finality: hook.FinalityFunc(Deep)},
		{Name: "exponential", Pacemaker: hook.PacemakerFunc(Exponential)},
		{Name: "adaptive", Pacemaker: hook.PacemakerFunc(Adaptive)},
		{Name: "equal", Priority: hook.PriorityFunc(Equal)},
		{Name: "small-first", Priority: hook.PriorityFunc(SmallFirst)},
	}
}

// nameProblem says why s is no name of a plugin, or nothing.
func nameProblem(s string) string {
	if len(s) < 1 || len(s) > 32 {
		return fmt.Sprintf("has %d characters, 1 to 32 are allowed", len(s))
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Sprintf("has the byte %q, only a-z, 0-9 and - are allowed", c)
		}
	}
	return ""
}
