package governance

import (
	"fmt"
	"math"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Proposal is a proposed change and what became of it.
type Proposal struct {
	Propose
	Number       ProposalNumber
	Status       Status
	Class        Class
	Proposer     quoin.PublicKey
	ProposerName string       // of the member: keys may rotate
	Proposed     quoin.Height // the height of the block with the proposal
	Round        uint64       // votes and evidence are of one round; the first is 1
	Basis        quoin.Hash   // what it is judged against: see basis
	ShadowFrom   quoin.Height // the first height of its shadow; 0 without
	Shadowed     Shadowed     // what a quorum agreed on, in this round
	Scheduled    quoin.Height // the height of the block with the schedule; 0 without
	Activation   quoin.Height // the last height before it takes effect; 0 until scheduled
	Due          quoin.Height // where it stands in the schedule: its activation, or the end of its trial; 0 nowhere
	Order        uint64       // its place among all schedules; 0 until scheduled
	Moves        uint64       // how often the activation was put off
	Closed       quoin.Height // the height at which it let go of its slot; 0 before
	EndOfUse     quoin.Height // set by a deprecation; 0 without
	Ending       Ending
}

// Shadowed sums the agreed reports of a shadow.
type Shadowed struct {
	Through quoin.Height // of the newest; 0 without
	Heights uint64
	Comparison
}

// Expired reports whether the proposal should have been scheduled before h.
func (p *Proposal) Expired(h quoin.Height) bool {
	return p.Status.Open() && p.Status != StatusScheduled && h-p.Proposed > OpenHeightsMax
}

// Restarts is how often the proposal has begun again: because what it was judged against changed, or because
// it was resumed.
func (p *Proposal) Restarts() uint64 { return p.Round - 1 }

// pastLife reports whether the release's end of life comes before it would serve if h were the last
// height before.
func (p *Proposal) pastLife(h quoin.Height) bool {
	return p.Subject == SubjectRelease && p.Release.EndOfLife != 0 && h+1 >= p.Release.EndOfLife
}

// HistoryNumber numbers what served a slot, from 1 for each slot. 0 stands for none.
type HistoryNumber uint64

// Cause says why a binding began to serve.
type Cause byte

// The causes.
const (
	CauseGenesis     Cause = 1
	CauseProposal    Cause = 2
	CauseRollback    Cause = 3
	CauseQuarantine  Cause = 4
	CausePause       Cause = 5
	CauseUnconfirmed Cause = 6
)

// String returns the stable name.
func (c Cause) String() string {
	switch c {
	case CauseGenesis:
		return "genesis"
	case CauseProposal:
		return "proposal"
	case CauseRollback:
		return "rollback"
	case CauseQuarantine:
		return "quarantine"
	case CausePause:
		return "pause"
	case CauseUnconfirmed:
		return "unconfirmed"
	}
	return "none"
}

// Served is one line of a slot's history: what serves it from height First on.
type Served struct {
	Number     HistoryNumber
	Epoch      quoin.Epoch
	First      quoin.Height
	Cause      Cause
	Proposal   ProposalNumber   // that brought the binding; 0 for the genesis' and for a fallback
	Before     HistoryNumber    // what a return from here brings back; 0 for the hook's fallback
	Bound      bool             // false: nothing serves the slot; or it is that of the validators, members or policies
	Binding    quoin.Binding    // if Bound, but of the slot of the parameters
	Parameters quoin.Parameters // of that slot
}

// Slot is what governance knows of a slot.
type Slot struct {
	Serving HistoryNumber  // the newest line of the history
	Open    ProposalNumber // the open proposal
	Return  Return
}

// Return is a scheduled return of a slot. The zero value is none.
type Return struct {
	Cause     Cause         // CauseRollback or CauseQuarantine; 0 for none
	From      HistoryNumber // the return is void if this does not serve any more
	To        HistoryNumber // 0: the fallback
	Fallback  string        // built-in, if To is 0
	Requested quoin.Height
	At        quoin.Height // the last height before it takes effect
	Order     uint64       // its place among all schedules
}

// Name is what governance knows of a plugin's name.
type Name struct {
	Owner    quoin.PublicKey // the author of its first release, for ever
	Sequence uint64          // of its newest release
	Newest   quoin.Hash
	Open     ProposalNumber
}

// Fault counts the faults of a slot's binding in one epoch that no client's input caused.
type Fault struct {
	Release quoin.Hash // zero for a built-in
	Count   uint64
	Code    uint32 // of the last
	Height  quoin.Height
}

// Suspension says since when and why a namespace is suspended.
type Suspension struct {
	Height   quoin.Height // of the block that suspended it; it acts from the next
	Reason   uint32
	Evidence quoin.Hash
}

// item is an entry of a schedule: a proposal, or else the return of a slot.
type item struct {
	order    uint64
	proposal ProposalNumber // 0: a return
	slot     string         // of a return
}

// counters are the last numbers given.
type counters struct {
	proposals ProposalNumber
	orders    uint64
}

// load reads a record of our own. One that does not decode was not written by this package: the
// state is not the chain's, and nothing sensible can follow.
func load[T any](s State, key []byte, read func(*canonical.Reader) T) (v T, ok bool) {
	b, ok := s.Get(key)
	if !ok {
		return v, false
	}
	r := canonical.NewReader(b)
	v = read(r)
	if err := r.Done(); err != nil {
		panic(fmt.Sprintf("governance: record %q: %v", key, err))
	}
	return v, true
}

func readHeight(r *canonical.Reader) quoin.Height { return quoin.Height(r.Uint64()) }

func putEpoch(s State, c *quoin.Configuration) {
	s.Put(EpochKey(c.Epoch), c.AppendBinary(nil))
	s.Put(keyNewest, canonical.AppendUint64(nil, c.Epoch))
}

func putProposal(s State, p *Proposal) {
	b := []byte{byte(p.Status), byte(p.Class)}
	b = append(b, p.Proposer[:]...)
	b = canonical.AppendBytes8(b, p.ProposerName)
	b = canonical.AppendUint64(canonical.AppendUint64(b, p.Proposed), p.Round)
	b = append(b, p.Basis[:]...)
	for _, n := range []uint64{uint64(p.ShadowFrom), uint64(p.Shadowed.Through), p.Shadowed.Heights} {
		b = canonical.AppendUint64(b, n)
	}
	b = p.Shadowed.Comparison.append(b)
	for _, n := range []uint64{uint64(p.Scheduled), uint64(p.Activation), uint64(p.Due), p.Order, p.Moves, uint64(p.Closed), uint64(p.EndOfUse)} {
		b = canonical.AppendUint64(b, n)
	}
	b = append(b, byte(p.Ending.Why))
	b = canonical.AppendUint64(canonical.AppendUint32(b, p.Ending.Code), p.Ending.Height)
	b = canonical.AppendBytes8(b, p.Ending.Note)
	s.Put(ProposalKey(p.Number), p.Propose.appendBody(b))
}

func readProposal(r *canonical.Reader) Proposal {
	p := Proposal{Status: Status(r.Byte()), Class: Class(r.Byte())}
	r.Copy(p.Proposer[:])
	p.ProposerName = string(r.Bytes8(quoin.NamespaceMax))
	p.Proposed, p.Round = readHeight(r), r.Uint64()
	r.Copy(p.Basis[:])
	p.ShadowFrom = readHeight(r)
	p.Shadowed = Shadowed{readHeight(r), r.Uint64(), readComparison(r)}
	p.Scheduled, p.Activation, p.Due = readHeight(r), readHeight(r), readHeight(r)
	p.Order, p.Moves = r.Uint64(), r.Uint64()
	p.Closed, p.EndOfUse = readHeight(r), readHeight(r)
	p.Ending = Ending{Why: Why(r.Byte()), Code: r.Uint32(), Height: readHeight(r), Note: string(r.Bytes8(NoteMax))}
	p.Propose = readPropose(r)
	return p
}

func putRelease(s State, x *ReleaseRecord) {
	s.Put(ReleaseKey(x.Digest), canonical.AppendUint64(canonical.AppendUint64(x.appendFacts(nil), x.Proposal), x.Retired))
}

func putServed(s State, slot string, x *Served) {
	b := canonical.AppendUint64(nil, x.Epoch)
	b = canonical.AppendUint64(b, x.First)
	b = append(b, byte(x.Cause))
	b = canonical.AppendUint64(b, x.Proposal)
	b = canonical.AppendUint64(b, x.Before)
	b = canonical.AppendBool(b, x.Bound)
	switch {
	case slot == ParametersSlot:
		b = x.Parameters.AppendBinary(b)
	case x.Bound:
		b = x.Binding.AppendBinary(b)
	}
	s.Put(HistoryKey(slot, x.Number), b)
}

func readServed(r *canonical.Reader, slot string) Served {
	x := Served{Epoch: quoin.Epoch(r.Uint64()), First: readHeight(r), Cause: Cause(r.Byte())}
	x.Proposal = ProposalNumber(r.Uint64())
	x.Before = HistoryNumber(r.Uint64())
	x.Bound = r.Bool()
	switch {
	case slot == ParametersSlot:
		x.Parameters = quoin.ReadParameters(r)
	case x.Bound:
		x.Binding = quoin.ReadBinding(r)
	}
	return x
}

func putSlot(s State, slot string, x *Slot) {
	b := canonical.AppendUint64(nil, x.Serving)
	b = canonical.AppendUint64(b, x.Open)
	b = append(b, byte(x.Return.Cause))
	b = canonical.AppendUint64(b, x.Return.From)
	b = canonical.AppendUint64(b, x.Return.To)
	b = canonical.AppendBytes8(b, x.Return.Fallback)
	b = canonical.AppendUint64(b, x.Return.Requested)
	b = canonical.AppendUint64(b, x.Return.At)
	s.Put(SlotKey(slot), canonical.AppendUint64(b, x.Return.Order))
}

func readSlot(r *canonical.Reader) Slot {
	x := Slot{Serving: HistoryNumber(r.Uint64()), Open: ProposalNumber(r.Uint64())}
	x.Return.Cause = Cause(r.Byte())
	x.Return.From = HistoryNumber(r.Uint64())
	x.Return.To = HistoryNumber(r.Uint64())
	x.Return.Fallback = string(r.Bytes8(quoin.NamespaceMax))
	x.Return.Requested = readHeight(r)
	x.Return.At = readHeight(r)
	x.Return.Order = r.Uint64()
	return x
}

func putName(s State, name string, x *Name) {
	b := canonical.AppendUint64(append([]byte(nil), x.Owner[:]...), x.Sequence)
	s.Put(NameKey(name), canonical.AppendUint64(append(b, x.Newest[:]...), x.Open))
}

func readName(r *canonical.Reader) Name {
	var x Name
	r.Copy(x.Owner[:])
	x.Sequence = r.Uint64()
	r.Copy(x.Newest[:])
	x.Open = ProposalNumber(r.Uint64())
	return x
}

func putFault(s State, key []byte, x *Fault) {
	b := canonical.AppendUint64(append([]byte(nil), x.Release[:]...), x.Count)
	s.Put(key, canonical.AppendUint64(canonical.AppendUint32(b, x.Code), x.Height))
}

func readFault(r *canonical.Reader) Fault {
	var x Fault
	r.Copy(x.Release[:])
	x.Count = r.Uint64()
	x.Code = r.Uint32()
	x.Height = readHeight(r)
	return x
}

func readSuspension(r *canonical.Reader) Suspension {
	x := Suspension{Height: readHeight(r), Reason: r.Uint32()}
	r.Copy(x.Evidence[:])
	return x
}

func putCounters(s State, x counters) {
	s.Put(keyCounters, canonical.AppendUint64(canonical.AppendUint64(nil, x.proposals), x.orders))
}

func loadCounters(s State) counters {
	x, _ := load(s, keyCounters, func(r *canonical.Reader) counters {
		return counters{ProposalNumber(r.Uint64()), r.Uint64()}
	})
	return x
}

// putItems writes what is due at h, in ledger order. Beside the proposals these are the returns that the
// commands of one block, or its faults, asked for: less than math.MaxUint16.
func putItems(s State, h quoin.Height, items []item) {
	if len(items) == 0 {
		s.Delete(ScheduleKey(h))
		return
	}
	b := canonical.AppendUint16(nil, uint16(len(items)))
	for _, x := range items {
		b = canonical.AppendUint64(b, x.order)
		b = canonical.AppendUint64(b, x.proposal)
		b = canonical.AppendBytes8(b, x.slot)
	}
	s.Put(ScheduleKey(h), b)
}

func loadItems(s State, h quoin.Height) []item {
	items, _ := load(s, ScheduleKey(h), func(r *canonical.Reader) []item {
		items := make([]item, r.Count16(math.MaxUint16, 17))
		for i := range items {
			items[i] = item{r.Uint64(), ProposalNumber(r.Uint64()), string(r.Bytes8(slotMax))}
		}
		return items
	})
	return items
}

func putOpen(s State, open []ProposalNumber) {
	b := canonical.AppendUint16(nil, uint16(len(open)))
	for _, n := range open {
		b = canonical.AppendUint64(b, n)
	}
	s.Put(keyOpen, b)
}

func loadOpen(s State) []ProposalNumber {
	open, _ := load(s, keyOpen, func(r *canonical.Reader) []ProposalNumber {
		open := make([]ProposalNumber, r.Count16(OpenProposalsMax, 8))
		for i := range open {
			open[i] = ProposalNumber(r.Uint64())
		}
		return open
	})
	return open
}

const slotMax = 2*quoin.NamespaceMax + 1

// readSlotName reads the name of a slot: a hook, or a hook and a namespace.
func readSlotName(r *canonical.Reader) string {
	slot := string(r.Bytes8(slotMax))
	hook, namespace, found := strings.Cut(slot, "/")
	if r.Err() == nil && (!quoin.IsName(hook, quoin.NamespaceMax) || found && !quoin.IsName(namespace, quoin.NamespaceMax)) {
		r.Fail("slot %q", slot)
	}
	return slot
}
