package governance

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/policy"
)

// observer says what must become of every proposal and of the configuration. It never reads the state
// under test and uses none of the rules: it knows the genesis, the commands that succeeded, and the
// faults.
type observer struct {
	w        *world
	now      quoin.Configuration  // in force
	next     *quoin.Configuration // from the block after that which is executing
	dossiers []*dossier           // by number - 1
	owner    map[quoin.PublicKey]string
	current  map[string]quoin.PublicKey // the key with which a person may sign
	disabled map[string]bool            // persons
	against  map[string]map[string]bool // voices for revoking a person, by person
	stacks   map[string][]layer         // what serves a slot, on what it would return to
	lines    map[string]int
	wanted   map[string]map[quoin.PublicKey]bool // voices for a return, since the slot changed
	returns  map[string]pending
	faults   map[string]int  // in the present epoch
	changed  map[string]bool // slots that something else serves after the block that is executing
	retired  map[quoin.Hash]bool
	clock    int
}

// layer is something that served a slot.
type layer struct {
	serves     bool
	binding    quoin.Binding
	parameters quoin.Parameters
	proposal   ProposalNumber
}

func (x layer) equal(y layer) bool {
	return x.serves == y.serves && x.parameters == y.parameters && string(x.binding.AppendBinary(nil)) == string(y.binding.AppendBinary(nil))
}

// pending is a return that was asked for.
type pending struct {
	at    quoin.Height
	clock int
	cause Cause
	depth int // of the stack when it was asked
}

func newObserver(w *world) *observer {
	o := &observer{w: w, now: *w.genesis, owner: map[quoin.PublicKey]string{}, current: map[string]quoin.PublicKey{}, disabled: map[string]bool{},
		against: map[string]map[string]bool{}, stacks: map[string][]layer{}, lines: map[string]int{}, wanted: map[string]map[quoin.PublicKey]bool{},
		returns: map[string]pending{}, faults: map[string]int{}, retired: map[quoin.Hash]bool{}}
	for i := range w.genesis.Bindings {
		b := w.genesis.Bindings[i]
		o.stacks[b.Slot()] = []layer{{serves: true, binding: b}}
	}
	o.stacks[ParametersSlot] = []layer{{serves: true, parameters: w.genesis.Parameters}}
	for _, m := range w.genesis.Members {
		o.know(m.Name)
	}
	return o
}

// know gives a person, who may have been unheard of, the key of that name.
func (o *observer) know(person string) {
	if _, known := o.current[person]; !known {
		o.owner[key(person)], o.current[person] = person, key(person)
	}
}

// newest returns the newest configuration on the ledger.
func (o *observer) newest() *quoin.Configuration {
	if o.next != nil {
		return o.next
	}
	return &o.now
}

// member returns the member of the configuration in force that signs with a key.
func (o *observer) member(k quoin.PublicKey) *quoin.Member {
	person, known := o.owner[k]
	if !known || o.disabled[person] || o.current[person] != k {
		return nil
	}
	for i := range o.now.Members {
		if o.owner[o.now.Members[i].Key] == person {
			return &o.now.Members[i]
		}
	}
	return nil
}

func (o *observer) nameOf(k quoin.PublicKey) string {
	if m := o.member(k); m != nil {
		return m.Name
	}
	return ""
}

func (o *observer) may(k quoin.PublicKey, role quoin.Role) bool {
	m := o.member(k)
	return m != nil && m.Roles.Has(role)
}

func (o *observer) organisation(person string) string {
	for i := range o.now.Members {
		if m := &o.now.Members[i]; person != "" && o.owner[m.Key] == person {
			return m.Organisation
		}
	}
	return ""
}

func (o *observer) top(slot string) layer {
	if s := o.stacks[slot]; len(s) > 0 {
		return s[len(s)-1]
	}
	return layer{}
}

// dead reports whether a layer must never serve again.
func (o *observer) dead(x layer) bool {
	return o.retired[x.binding.Release] || x.proposal != 0 && o.dossiers[x.proposal-1].status == StatusRetired
}

// target returns the stack after a return of the slot, if there is one.
func (o *observer) target(slot string) ([]layer, bool) {
	s := o.stacks[slot]
	if len(s) == 0 || slot == ValidatorsSlot || slot == MembersSlot || slot == PoliciesSlot {
		return nil, false
	}
	top := s[len(s)-1]
	for i := len(s) - 2; i >= 0; i-- {
		if !o.dead(s[i]) {
			return s[:i+1], !s[i].equal(top)
		}
	}
	if slot != "leader.v1" {
		return nil, false
	}
	back := layer{serves: true, binding: quoin.Binding{Hook: slot, Builtin: "round-robin", FuelMax: top.binding.FuelMax}}
	return []layer{back}, !back.equal(top)
}

// request asks for a return; a worse cause takes the place of another.
func (o *observer) request(slot string, cause Cause) {
	worse := []Cause{CausePause, CauseRollback, CauseQuarantine}
	if r, asked := o.returns[slot]; asked {
		if slices.Index(worse, cause) > slices.Index(worse, r.cause) {
			r.cause = cause
			o.returns[slot] = r
		}
		return
	}
	if _, ok := o.target(slot); ok {
		o.clock++
		o.returns[slot] = pending{o.w.height + 1, o.clock, cause, len(o.stacks[slot])}
	}
}

// fault counts a fault and expects a quarantine when there is something to go back to.
func (o *observer) fault(slot string) {
	if _, bound := o.now.Binding(slot); !bound {
		return
	}
	if o.faults[slot]++; o.faults[slot] < 3 {
		return
	}
	if !o.changed[slot] {
		o.request(slot, CauseQuarantine)
	}
}

// applied notes a command that succeeded, and says what must not have succeeded.
func (o *observer) applied(signer quoin.PublicKey, c Command, x quoin.Result) error {
	switch c := c.(type) {
	case Propose:
		return o.proposed(signer, c)
	case Rollback:
		return o.rollback(signer, c, x)
	case Lift:
		return need(o.may(signer, quoin.RoleApprover), "no approver")
	case Rotate:
		person := o.owner[signer]
		if o.member(signer) == nil || o.owner[c.New] != "" {
			return fmt.Errorf("no member, or a known key")
		}
		o.owner[c.New], o.current[person] = person, c.New
		return nil
	case Revoke:
		return o.revoked(signer, c)
	}
	return o.step(signer, c)
}

func need(ok bool, why string) error {
	if !ok {
		return fmt.Errorf("it succeeded, and there is or was %s", why)
	}
	return nil
}

func (o *observer) proposed(signer quoin.PublicKey, c Propose) error {
	d := &dossier{sent: c, number: ProposalNumber(len(o.dossiers) + 1), class: o.class(&c), proposer: o.owner[signer], name: o.nameOf(signer), proposed: o.w.height,
		status: StatusProposed, round: 1, basis: o.grounds(o.newest(), c.Slot()), said: newSaid()}
	for _, other := range o.dossiers {
		if other.slot() == d.slot() && other.status >= StatusProposed && other.status <= StatusTrial {
			return fmt.Errorf("slot %s is that of proposal %d", d.slot(), other.number)
		}
	}
	o.dossiers = append(o.dossiers, d)
	switch {
	case !o.may(signer, quoin.RoleProposer):
		return need(false, "no proposer")
	case c.Subject == SubjectRelease && o.retired[c.Release.Digest]:
		return fmt.Errorf("the release was retired")
	}
	return nil
}

// class says what a proposal may be trusted with, against the newest configuration.
func (o *observer) class(c *Propose) Class {
	switch c.Subject {
	case SubjectParameters:
		now, p := o.newest().Parameters, &c.Parameters
		now.PipelineMaxBlocks, now.TimeoutBaseMS, now.TimeoutMaxMS, now.DriftMS = p.PipelineMaxBlocks, p.TimeoutBaseMS, p.TimeoutMaxMS, p.DriftMS
		now.HeartbeatMS, now.ForcedInclusionViews, now.NoticeHeights = p.HeartbeatMS, p.ForcedInclusionViews, p.NoticeHeights
		now.ActivationDelayHeights, now.ActivationRetries, now.ReportHeights = p.ActivationDelayHeights, p.ActivationRetries, p.ReportHeights
		if now == *p {
			return ClassLiveness
		}
		return ClassDeterministic
	case SubjectValidators, SubjectMembers, SubjectPolicies:
		return ClassGovernance
	}
	return map[string]Class{"leader.v1": ClassLiveness, "machine.v1": ClassDeterministic, "pacemaker.v1": ClassNode}[c.Binding.Hook]
}

func (o *observer) rollback(signer quoin.PublicKey, c Rollback, x quoin.Result) error {
	top := o.top(c.Slot)
	_, validates := o.now.Validators.Index(signer)
	alone := o.may(signer, quoin.RoleResponder) && (top.proposal == 0 || o.holds(o.dossiers[top.proposal-1], policy.StepEmergency))
	if !alone {
		if o.wanted[c.Slot] == nil {
			o.wanted[c.Slot] = map[quoin.PublicKey]bool{}
		}
		o.wanted[c.Slot][signer] = true
	}
	weight := weightOf(&o.now.Validators, func(k quoin.PublicKey) bool { return o.wanted[c.Slot][k] })
	enough := alone || 3*weight >= o.now.Validators.Total()
	_, asked := o.returns[c.Slot]
	_, possible := o.target(c.Slot)
	if asked || !possible || !alone && !validates || enough != (len(x.Output) == 8) {
		return fmt.Errorf("return of %s: asked before %v, possible %v, enough %v", c.Slot, asked, possible, enough)
	}
	if enough {
		o.request(c.Slot, CauseRollback)
	}
	return nil
}

func (o *observer) revoked(signer quoin.PublicKey, c Revoke) error {
	by, person, victim := o.member(signer), o.owner[signer], o.owner[c.Key]
	if by == nil || o.disabled[victim] || o.organisation(victim) == "" {
		return need(false, "no member")
	}
	if person == victim {
		o.disabled[victim] = true
		return nil
	}
	if o.against[victim] == nil {
		o.against[victim] = map[string]bool{}
	}
	o.against[victim][person] = true
	voices := 0
	for i := range o.now.Members {
		m := &o.now.Members[i]
		who := o.owner[m.Key]
		if o.against[victim][who] && !o.disabled[who] && who != victim && m.Roles&(quoin.RoleApprover|quoin.RoleResponder) != 0 {
			voices++
		}
	}
	if voices >= 2 {
		o.disabled[victim] = true
	}
	return nil
}
