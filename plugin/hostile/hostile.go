// Package hostile holds plugins that mean harm: small modules, written by hand.
//
//   - Corpus: leaders and machines that pass the static check and then misbehave when they are
//     called. The sandbox's tests call each of them; networks in the simulator and on real nodes run
//     with each of them. Whatever they do, a network keeps certifying, all replicas agree about the
//     fault, and its author pays.
//   - Policies: the same for the other hooks.
//   - Refused: what the static check keeps out, or the initialisation.
//   - Releases: what looks well at first, for the stages of a release's life.
//   - Probes: machines that behave, and tell what they see: whether a replica, a day or another call
//     can be told from this one.
//
// Package sdk/attack runs all of them and judges what came of it.
//
// All are built anew by each call; the same version of this package gives the same bytes.
package hostile

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// Fixture is one hostile plugin.
type Fixture struct {
	Row    int    // of the list of threats that it belongs to; 0: none
	Name   string // of the plugin: "leader-endless-loop"
	Hook   string // "leader.v1"
	About  string // what it does, in a few words
	Module []byte // the WebAssembly module, without a manifest
	// Want is the fault that every call ends in; FaultNone for one whose harm is in its answers
	// or only comes with some requests. It holds for calls with the fixture's fuel. Of a fixture
	// whose initialisation faults it is that fault.
	Want hook.Fault
	// Refused is the code with which the static check refuses the module; empty: it passes.
	Refused plugin.Code
	// Inits says that the release never comes into being, because its initialisation faults.
	Inits bool
	// Capabilities that the manifest names; nil: those of the hook.
	Capabilities []string
	Fuel         uint64 // the manifest's limit; 0: FuelMax
}

// FuelMax is the fuel limit in the fixtures' manifests; with less, the fault of those that
// work before they fault may be fuel instead.
const FuelMax = 2_000_000

// PagesMax is the limit of memory in the fixtures' manifests, in pages of 64 KiB.
const PagesMax = 32

// Manifest returns the fixture's manifest.
func (f *Fixture) Manifest(author quoin.PublicKey) *plugin.Manifest {
	m := &plugin.Manifest{Name: f.Name, Version: "6.6.6", Sequence: 1, Author: author, Hooks: []string{f.Hook},
		Capabilities: f.Capabilities, FuelMax: f.Fuel, PagesMax: PagesMax}
	if f.Fuel == 0 {
		m.FuelMax = FuelMax
	}
	if f.Hook == hook.Machine.Name && f.Capabilities == nil {
		m.Capabilities = []string{hook.CapabilityEvents, hook.CapabilityState}
	}
	return m
}

// Release returns the fixture as an unsigned release file.
func (f *Fixture) Release(author quoin.PublicKey) []byte {
	file, err := plugin.Embed(f.Module, f.Manifest(author))
	if err != nil {
		panic(fmt.Sprintf("hostile: %s: %v", f.Name, err)) // a mistake in this package
	}
	return file
}

// Corpus returns the fixtures that networks run with: leaders, then machines.
func Corpus() []Fixture { return append(Leaders(), Machines()...) }

// All returns all fixtures.
func All() []Fixture { return slices.Concat(Corpus(), Policies(), Refused(), Releases(), Probes()) }

// Find returns the fixture of the name.
func Find(name string) (Fixture, bool) {
	for _, f := range All() {
		if f.Name == name {
			return f, true
		}
	}
	return Fixture{}, false
}

// The pieces that fixtures share. An operation returns a status, and pointers into the first
// page are chosen by hand: requests are read to 0, answers are put together at answerAt.
const answerAt = 60_000

var status = Types(I32)

// forever never ends; it never falls out either, so unreachable makes the types fit.
func forever() []byte { return join(Loop(0x40, Br(0)), Op(0x00)) }

// trap is the instruction unreachable.
func trap() []byte { return Op(0x00) }

// drop forgets what is on the stack.
func drop() []byte { return Op(0x1a) }

// bomb takes memory page by page, and puts a mark into each, until there is no more; then it
// traps. The local holds the page's number.
func bomb(local uint32) []byte {
	const shift, grow = 16, 0x40
	return join(
		Loop(0x40,
			I32Const(1), Op(grow, 0), LocalTee(local),
			I32Const(-1), Op(0x47), // not equal: there was one more
			If(0x40, LocalGet(local), I32Const(shift), Op(0x74), I32Const(1), I32Store(0), Br(1))),
		trap())
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
