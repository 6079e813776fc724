package execution

import (
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
)

// Environment returns what governance must know of this version's hooks. extra names built-ins
// beside plugin.Builtins.
func Environment(extra ...plugin.Builtin) governance.Environment {
	env := governance.Environment{ModuleBytesMax: plugin.FileMax, AuthorBytes: plugin.AuthorBytes, Verify: signature.Verify}
	for _, h := range hook.All() {
		x := governance.Hook{Name: h.Name, Class: governance.Class(h.Class), Namespaced: h.Namespaced, Fallback: h.Fallback, FuelMax: h.FuelMax}
		for _, b := range append(plugin.Builtins(), extra...) {
			if b.Serves(h.Name) {
				x.Builtins = append(x.Builtins, b.Name)
			}
		}
		env.Hooks = append(env.Hooks, x)
	}
	return env
}
