package execution

import (
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
)

// ErrVersion is wrapped when a chain's configuration wants another sandbox than this program has.
var ErrVersion = errors.New("another version of the sandbox")

// CheckVersions reports whether this program's sandbox is the one of a configuration. Another one
// would charge, refuse or offer something else, and so come to other results.
func CheckVersions(c *quoin.Configuration) error {
	p := &c.Parameters
	if p.SandboxEngine == plugin.EngineVersion && p.FuelSchedule == plugin.ScheduleVersion {
		return nil
	}
	return fmt.Errorf("execution: %w: epoch %d runs engine %d and fuel schedule %d, this program has %d and %d; run the version of quoin that has them",
		ErrVersion, c.Epoch, p.SandboxEngine, p.FuelSchedule, plugin.EngineVersion, plugin.ScheduleVersion)
}

// Environment returns what governance must know of this version's hooks. extra names built-ins
// beside plugin.Builtins. Its judge keeps compiled policies, so that it is for one goroutine.
func Environment(extra ...plugin.Builtin) governance.Environment {
	env := governance.Environment{ModuleBytesMax: plugin.FileMax, AuthorBytes: plugin.AuthorBytes, Verify: signature.Verify, Judge: policy.NewJudge()}
	for _, h := range hook.All() {
		x := governance.Hook{Name: h.Name, Class: governance.Class(h.Class), Namespaced: h.Namespaced, Fallback: h.Fallback, FuelMax: h.FuelMax,
			Stateful: slices.ContainsFunc(h.Operations, func(o hook.Operation) bool { return o.Stateful && !o.ReadOnly })}
		for _, b := range append(plugin.Builtins(), extra...) {
			if b.Serves(h.Name) {
				x.Builtins = append(x.Builtins, b.Name)
			}
		}
		env.Hooks = append(env.Hooks, x)
	}
	return env
}
