package lab

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// actForm reads and prints what stands between an act's kind and its duration.
type actForm struct {
	lasts bool // may be followed by "for" and a duration
	read  func(r *lineReader, a *Act)
	print func(a *Act) string
}

// actForms are the forms of all kinds of acts.
var actForms = map[ActKind]actForm{
	Cut: {true, func(r *lineReader, a *Act) { a.Nodes, a.Others, _ = r.groups("|") },
		func(a *Act) string { return nodeNames(a.Nodes) + " | " + nodeNames(a.Others) }},
	OneWay: {true, func(r *lineReader, a *Act) { a.Nodes, a.Others, _ = r.groups("->") },
		func(a *Act) string { return nodeNames(a.Nodes) + " -> " + nodeNames(a.Others) }},
	Flap: {true, func(r *lineReader, a *Act) {
		a.Nodes, a.Others, _ = r.groups("|")
		r.expect("every")
		a.EveryUS = r.quantity("period", r.word("a period"), durations, flapMinUS, chaosMax)
	}, func(a *Act) string {
		return fmt.Sprintf("%s | %s every %s", nodeNames(a.Nodes), nodeNames(a.Others), duration(a.EveryUS))
	}},
	Degrade:  {true, func(r *lineReader, a *Act) { a.Link = r.link() }, func(a *Act) string { return a.Link.String() }},
	SlowNode: {true, readSlow, printSlow},
	SlowDisk: {true, readSlow, printSlow},
	Jump: {true, func(r *lineReader, a *Act) { a.Nodes = r.nodes(); a.ShiftMS = r.shift() },
		func(a *Act) string { return nodeNames(a.Nodes) + " " + shift(a.ShiftMS) }},
	Crash: {true, readCrash, printCrash},
	BitRot: {true, func(r *lineReader, a *Act) {
		a.Nodes = r.nodes()
		if a.Rot = RotKind(r.word("votes or store")); a.Rot != RotVotes && a.Rot != RotStore {
			r.fail("nothing called %q rots; there are votes and store", a.Rot)
		}
	}, func(a *Act) string { return nodeNames(a.Nodes) + " " + string(a.Rot) }},
	Release: {false, readRelease, printRelease},
	Validators: {false, func(r *lineReader, a *Act) {
		if a.Nodes = r.nodes(); len(a.Nodes) < nodesMin {
			r.fail("%d validators, want at least %d", len(a.Nodes), nodesMin)
		}
	}, func(a *Act) string { return nodeNames(a.Nodes) }},
	Parameter: {false, readParameter, func(a *Act) string { return fmt.Sprintf("%s %d", a.Parameter, a.Value) + printPlan(a) }},
	Members:   {false, func(*lineReader, *Act) {}, func(*Act) string { return "" }},
	Policies:  {false, func(*lineReader, *Act) {}, func(*Act) string { return "" }},
}

func readSlow(r *lineReader, a *Act) {
	a.Nodes = r.nodes()
	w := r.word("a factor such as x20")
	if len(w) < 2 || w[0] != 'x' {
		r.fail("factor %q: want x and a number", w)
		return
	}
	a.Factor = r.parse("factor", w[1:], 2, factorMax, true)
}

func printSlow(a *Act) string { return fmt.Sprintf("%s x%d", nodeNames(a.Nodes), a.Factor) }

func readCrash(r *lineReader, a *Act) {
	a.Nodes = r.nodes()
	if a.Crash = CrashKind(r.word("power, torn or kill")); !slices.Contains(crashKinds, a.Crash) {
		r.fail("no crash %q; there are %v", a.Crash, crashKinds)
	}
	if r.take("after") {
		a.Demands = r.number("demands", "", 1, demandsMax)
		r.expect("demands")
	}
}

func printCrash(a *Act) string {
	if a.Demands == 0 {
		return fmt.Sprintf("%s %s", nodeNames(a.Nodes), a.Crash)
	}
	return fmt.Sprintf("%s %s after %d demands", nodeNames(a.Nodes), a.Crash, a.Demands)
}

func readRelease(r *lineReader, a *Act) {
	if r.take("hostile") {
		a.Hostile = r.name("a hostile plugin")
		if _, ok := hostile.Find(a.Hostile); !ok {
			r.fail("no hostile plugin %q", a.Hostile)
		}
		r.plan(a)
		return
	}
	a.Hook = r.knownHook()
	h, _ := hook.Find(a.Hook)
	r.expect("builtin")
	a.Builtin = r.name("a built-in")
	if !slices.ContainsFunc(plugin.Builtins(), func(b plugin.Builtin) bool { return b.Name == a.Builtin }) {
		r.fail("no built-in %q", a.Builtin)
	}
	if r.take("namespace") {
		a.Space = r.name("a namespace")
	}
	if h.Namespaced != (a.Space != "") {
		r.fail("hook %s: a namespace is for those hooks that serve one", a.Hook)
	}
	r.plan(a)
}

func printRelease(a *Act) string {
	line := fmt.Sprintf("%s builtin %s", a.Hook, a.Builtin)
	switch {
	case a.Hostile != "":
		line = "hostile " + a.Hostile
	case a.Space != "":
		line += " namespace " + a.Space
	}
	return line + printPlan(a)
}

func readParameter(r *lineReader, a *Act) {
	a.Parameter, a.Value = r.word("a parameter"), r.number("a value", "", 0, 1<<50)
	p := quoin.DefaultParameters()
	if err := p.Set(a.Parameter, a.Value); err != nil {
		r.fail("%w", err)
	}
	r.plan(a)
}

// plan reads how a change is tried, and what becomes of it.
func (r *lineReader) plan(a *Act) {
	if a.Kind == Release && r.take("shadow") {
		a.Shadow = r.number("heights", "", 1, planMax)
	}
	if r.take("trial") {
		a.Trial = r.number("heights", "", 1, planMax)
		if a.Restore = r.take("restore"); a.Restore && a.Hook != hook.Machine.Name {
			r.fail("only a machine has a namespace to restore")
		}
	}
	if r.take("then") {
		if a.Then = Then(r.word("what becomes of it")); !slices.Contains(thens, a.Then) {
			r.fail("nothing called %q becomes of a change; there are %v", a.Then, thens)
		}
	}
	if a.Then == ThenConfirm && a.Trial == 0 {
		r.fail("only a trial is confirmed")
	}
}

func printPlan(a *Act) string {
	line := ""
	if a.Shadow > 0 {
		line += fmt.Sprintf(" shadow %d", a.Shadow)
	}
	if a.Trial > 0 {
		line += fmt.Sprintf(" trial %d", a.Trial)
	}
	if a.Restore {
		line += " restore"
	}
	if a.Then != "" {
		line += " then " + string(a.Then)
	}
	return line
}
