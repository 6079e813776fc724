package governance

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Limits of governance.
const (
	ReleaseNameMax      = quoin.NamespaceMax // bytes of a plugin's name
	VersionMax          = 32                 // bytes of a version
	SequenceIncreaseMax = 1_000              // between two releases of one name, and of the first
	OpenProposalsMax    = 64                 // of a chain
	OpenPerProposerMax  = 48                 // so that no proposer alone keeps others from proposing
	OpenHeightsMax      = 100_000            // from proposal to schedule; afterwards any proposer may cancel
	PlanHeightsMax      = 100_000            // of a shadow or a trial
	AheadHeightsMax     = 100_000            // from the end of the notice to activation
	FaultsMax           = 3                  // of one binding in one epoch that its slot does not survive
	RiskReducingNotice  = 1                  // heights between a rollback and its activation

	revokersMin     = 2  // voices that take another member's rights
	liftersMin      = 2  // approvers that lift a suspension, or all there are
	reportIntervals = 64 // how old a shadow's report may be
	healthIntervals = 4  // how long a health report counts
)

// State is the kernel's namespace, as of the transaction before. Keys are relative to the
// namespace. The caller makes it for one goroutine; a state with more methods (a scan, say) fits
// as well, but nothing here depends on an order of keys.
//
// Get returns a value that the caller of Get does not modify. Put may keep both of its arguments:
// they are not modified afterwards.
type State interface {
	Get(key []byte) ([]byte, bool)
	Put(key, value []byte)
	Delete(key []byte)
}

// Class says what a plugin of a hook may be trusted with.
type Class byte

// The classes. Hooks of class S, safety, cannot be bound and have no value here.
const (
	ClassNode          Class = 'N' // a bad plugin costs one node's speed
	ClassLiveness      Class = 'L' // it costs time
	ClassDeterministic Class = 'D' // it costs its own namespace's results
	ClassGovernance    Class = 'G' // not a plugin: validators, members, policies
)

// Hook is what governance knows of an extension point.
type Hook struct {
	Name       string // for example "leader.v1"
	Class      Class
	Namespaced bool     // a binding needs a namespace; otherwise it must not have one, but a label
	Stateful   bool     // what serves it keeps a state of its own
	Builtins   []string // names of the built-in algorithms
	Fallback   string   // the built-in that serves when nothing served before; empty if there is none
	FuelMax    uint64   // the most that a binding may allow one call
}

// Environment is what is constant on a chain, or rather: what may change only with the engine
// version of its configuration, because results depend on it.
type Environment struct {
	Origin         quoin.OriginID // of the chain: what is signed for another counts for nothing
	Hooks          []Hook
	ModuleBytesMax uint64

	// AuthorBytes returns what an author signs to publish the release with the digest.
	AuthorBytes func(digest quoin.Hash) []byte
	Judge       Judge
	// Verify reports whether signature is key's signature of message. It must be a pure function,
	// the same on every node.
	Verify func(key quoin.PublicKey, message []byte, signature quoin.Signature) bool

	flaws Flaws
}

// Hook returns the hook with the name, if a plugin may serve it.
func (e *Environment) Hook(name string) (*Hook, bool) {
	i := slices.IndexFunc(e.Hooks, func(h Hook) bool { return h.Name == name })
	if i < 0 {
		return nil, false
	}
	switch e.Hooks[i].Class {
	case ClassNode, ClassLiveness, ClassDeterministic:
		return &e.Hooks[i], true
	}
	return nil, false
}

// Init writes what governance keeps of the genesis: epoch 1 and the bindings that it begins with.
// The configuration has passed its Check.
func Init(s State, genesis *quoin.Configuration) {
	putEpoch(s, genesis)
	s.Put(keyAudit, Audit{}.appendBinary(nil))
	putServed(s, ParametersSlot, &Served{Number: 1, Epoch: genesis.Epoch, First: genesis.First, Cause: CauseGenesis, Bound: true, Parameters: genesis.Parameters})
	putSlot(s, ParametersSlot, &Slot{Serving: 1})
	for i := range genesis.Bindings {
		b := &genesis.Bindings[i]
		putServed(s, b.Slot(), &Served{Number: 1, Epoch: genesis.Epoch, First: genesis.First, Cause: CauseGenesis, Bound: true, Binding: *b})
		putSlot(s, b.Slot(), &Slot{Serving: 1})
	}
}

// Apply executes one command at height h: payload is a kernel transaction's, signer its sender,
// whose signature the caller has verified. It is total and pure: whatever the payload, the result
// is a code of this package's table, and on any code but OK the state is as it was. The output is
// empty, but for the number of a new proposal and the height of a schedule (8 bytes each).
//
// Apply panics only if the state was not written by this package.
func Apply(env Environment, s State, h quoin.Height, signer quoin.PublicKey, payload []byte) quoin.Result {
	return apply(env, s, h, signer, payload, Flaws{})
}

func apply(env Environment, s State, h quoin.Height, signer quoin.PublicKey, payload []byte, f Flaws) quoin.Result {
	command, err := DecodeCommand(payload)
	if err != nil {
		return quoin.Result{Code: uint32(Malformed)}
	}
	env.flaws = f
	x := execution{env: &env, state: s, height: h, signer: signer, configuration: ConfigurationAt(s, h), flaws: f}
	code := x.apply(command)
	if code == OK {
		event := append(signer[:len(signer):len(signer)], canonical.AppendBytes32(nil, payload)...)
		record(s, AuditCommand, h, append(event, x.output...))
	}
	return quoin.Result{Code: uint32(code), Output: x.output}
}

// execution is one call of Apply. Its rules check everything before they write anything.
type execution struct {
	env           *Environment
	state         State
	height        quoin.Height
	signer        quoin.PublicKey
	configuration quoin.Configuration // in force at height
	output        []byte
	flaws         Flaws
}

func (x *execution) apply(command Command) Code {
	switch c := command.(type) {
	case Propose:
		return x.propose(&c)
	case Precheck:
		return x.precheck(c)
	case Approve:
		return x.review(c.Proposal, c.Restarts, KindApprove, c.Note)
	case Reject:
		return x.review(c.Proposal, c.Restarts, KindReject, c.Note)
	case Attest:
		return x.attest(c)
	case Shadow:
		return x.shadow(c)
	case Report:
		return x.report(&c)
	case Schedule:
		return x.schedule(c)
	case Ready:
		return x.ready(c)
	case Veto:
		return x.veto(c)
	case Cancel:
		return x.cancel(c)
	case Health:
		return x.health(&c)
	case Confirm:
		return x.confirm(c)
	case Pause:
		return x.pause(c)
	case Resume:
		return x.resume(c)
	case Rollback:
		return x.rollback(c)
	case Deprecate:
		return x.deprecate(c)
	case Retire:
		return x.retire(c)
	case Lift:
		return x.lift(c)
	case Rotate:
		return x.rotate(c)
	case Revoke:
		return x.revoke(c)
	}
	return Malformed
}

func (x *execution) answer(n uint64) { x.output = canonical.AppendUint64(nil, n) }
