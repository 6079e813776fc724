package execution

import (
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
)

// fallbacks are the built-ins that serve a hook when nothing served it before.
var fallbacks = map[string]string{hook.Leader.Name: "round-robin"}

// Environment returns what governance must know of this version's hooks. extra names built-ins
// beside plugin.Builtins.
func Environment(extra ...plugin.Builtin) governance.Environment {
	env := governance.Environment{ModuleBytesMax: plugin.FileMax, AuthorBytes: plugin.AuthorBytes, Verify: signature.Verify}
	for _, h := range hook.All() {
		x := governance.Hook{Name: h.Name, Class: governance.Class(h.Class), Namespaced: h.Name == hook.Machine.Name,
			Fallback: fallbacks[h.Name], FuelMax: plugin.FuelMax}
		for _, b := range append(plugin.Builtins(), extra...) {
			if h.Name == hook.Leader.Name && b.Leader != nil || h.Name == hook.Machine.Name && b.Machine != nil {
				x.Builtins = append(x.Builtins, b.Name)
			}
		}
		env.Hooks = append(env.Hooks, x)
	}
	return env
}
