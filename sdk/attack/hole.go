package attack

import (
	"os"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
)

// Hole is a weakness that tests open on purpose, to see that a case reports it.
type Hole string

// The holes, each beside what it opens.
const (
	HoleNone    Hole = ""
	HoleLimits  Hole = "limits"  // the static check has no limits of locals, nesting and tables
	HoleMemory  Hole = "memory"  // one engine has another limit of memory
	HoleClock   Hole = "clock"   // replicas tell plugins different times
	HoleGrants  Hole = "grants"  // bindings grant what nobody approved
	HoleKeys    Hole = "keys"    // namespaces are plain prefixes of keys
	HoleAuthors Hole = "authors" // any signature counts, of an author or a sender
	HoleQuota   Hole = "quota"   // a namespace may grow without end
	HoleLeak    Hole = "leak"    // a case takes 128 MiB
	HoleCrash   Hole = "crash"   // a case ends the process
)

// limits returns the limits of an engine: 0 the compiler, 1 the interpreter.
func (h Hole) limits(engine int) plugin.Limits {
	l := plugin.DefaultLimits()
	switch h {
	case HoleLimits:
		l.Locals, l.Nesting, l.TableEntries, l.Complexity, l.BranchTargets, l.BranchesAll = 1<<31-1, 1<<20, 1<<20, 1<<40, 1<<20, 1<<30
		l.Complexity, l.ComplexityAll = 1<<40, 1<<50
	case HoleMemory:
		if engine == 1 {
			l.PagesMax = 16
		}
	}
	return l
}

// clock tells a replica another time.
func (h Hole) clock(r *witness, timeMS *uint64) {
	if h == HoleClock {
		*timeMS += uint64(len(r.name))
	}
}

// grants returns what a binding that grants nothing grants.
func (h Hole) grants(wanted ...string) []string {
	if h == HoleGrants {
		return wanted
	}
	return nil
}

// environment returns what a chain's governance knows.
func (h Hole) environment(env governance.Environment) governance.Environment {
	if h == HoleAuthors {
		env.Verify = func(quoin.PublicKey, []byte, quoin.Signature) bool { return true }
	}
	return env
}

// verify returns what a replica verifies transactions with; nil is what it always does.
func (h Hole) verify() execution.Verify {
	if h != HoleAuthors {
		return nil
	}
	return func(ids []quoin.Hash, _ []quoin.Transaction) []bool {
		all := make([]bool, len(ids))
		for i := range all {
			all[i] = true
		}
		return all
	}
}

// quota changes the parameters of a chain that limits its namespaces.
func (h Hole) quota(p *quoin.Parameters) {
	if h == HoleQuota {
		p.NamespaceMaxKeys = quoin.DefaultParameters().NamespaceMaxKeys
	}
}

var leaked []byte

// suffer does to the process what a case must not do.
func (h Hole) suffer() {
	switch h {
	case HoleLeak:
		leaked = make([]byte, 128<<20)
		for i := 0; i < len(leaked); i += 4096 {
			leaked[i] = 1
		}
	case HoleCrash:
		os.Exit(3)
	}
}
