package governance

import (
	"fmt"
	"slices"
)

// Status says where a proposal stands.
type Status byte

// The statuses. Numbers are stable.
const (
	StatusProposed    Status = 1  // validators check it
	StatusPrechecked  Status = 2  // a quorum found that it can run; approvers judge it
	StatusApproved    Status = 3  // may run in the shadow, or be scheduled
	StatusShadow      Status = 4  // runs beside what serves, its results compared and discarded
	StatusScheduled   Status = 5  // takes effect after its activation height, if enough are ready
	StatusTrial       Status = 6  // serves, and reverts by itself unless it is confirmed
	StatusActive      Status = 7  // serves
	StatusDeprecated  Status = 8  // serves, with an end of life
	StatusRetired     Status = 9  // for good
	StatusRejected    Status = 10 // see Ending
	StatusVetoed      Status = 11
	StatusRolledBack  Status = 12
	StatusQuarantined Status = 13
	StatusCancelled   Status = 14
	StatusPaused      Status = 15 // out of effect until it is resumed
	StatusSuperseded  Status = 16 // a later proposal serves in its place; a rollback may bring it back
)

var statusNames = [...]string{"", "proposed", "prechecked", "approved", "shadow", "scheduled", "trial", "active", "deprecated", "retired",
	"rejected", "vetoed", "rolled-back", "quarantined", "cancelled", "paused", "superseded"}

// String returns the stable name.
func (s Status) String() string {
	if s > 0 && int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "unknown"
}

// Statuses returns every status in the order of its number.
func Statuses() []Status {
	var all []Status
	for s := StatusProposed; int(s) < len(statusNames); s++ {
		all = append(all, s)
	}
	return all
}

// Open reports whether the proposal can still take effect for the first time.
func (s Status) Open() bool { return s >= StatusProposed && s <= StatusScheduled }

// Holds reports whether the proposal keeps its slot and name busy: it is open or on trial.
func (s Status) Holds() bool { return s >= StatusProposed && s <= StatusTrial }

// Serves reports whether what was proposed is in effect, or, for the moment of a return that is
// already due, still is.
func (s Status) Serves() bool { return s == StatusTrial || s == StatusActive || s == StatusDeprecated }

// Event is what can happen to a proposal: a command, or something of the kernel's own.
type Event byte

// The events beside the commands, which have their kinds as numbers.
const (
	EventDue     Event = 0x80 + iota // its activation height has come
	EventUnheard                     // a trial's last height has come without confirmation
	EventLeave                       // a return that was asked for is due: by a pause, a rollback, bad health or faults
	EventReplace                     // a later proposal takes its place
	EventReturn                      // a rollback of what came after brings it back
	EventVoid                        // what it was judged against has changed
)

// road says which statuses follow when a proposal of a status meets an event. An event that is not
// there is refused (a command: ProposalClosed or WrongStage) or cannot happen. It is the whole life of a
// proposal: everything that sets a status goes through become, which panics on any other step.
//
// What serves goes only with a block's end: pauses, rollbacks, bad health and faults ask for its
// return, and EventLeave carries it out.
var road = map[Status]map[Event][]Status{
	StatusProposed: {
		Event(KindPrecheck): {StatusProposed, StatusPrechecked, StatusRejected},
		Event(KindAttest):   {StatusProposed},
		Event(KindVeto):     {StatusProposed, StatusVetoed},
		Event(KindCancel):   {StatusCancelled},
		EventVoid:           {StatusProposed},
	},
	StatusPrechecked: {
		Event(KindPrecheck): {StatusPrechecked},
		Event(KindApprove):  {StatusPrechecked, StatusApproved},
		Event(KindReject):   {StatusPrechecked, StatusRejected},
		Event(KindAttest):   {StatusPrechecked},
		Event(KindVeto):     {StatusPrechecked, StatusVetoed},
		Event(KindCancel):   {StatusCancelled},
		EventVoid:           {StatusProposed},
	},
	StatusApproved: {
		Event(KindPrecheck): {StatusApproved},
		Event(KindApprove):  {StatusApproved},
		Event(KindReject):   {StatusApproved, StatusRejected},
		Event(KindAttest):   {StatusApproved},
		Event(KindShadow):   {StatusShadow},
		Event(KindSchedule): {StatusScheduled},
		Event(KindPause):    {StatusPaused},
		Event(KindVeto):     {StatusApproved, StatusVetoed},
		Event(KindCancel):   {StatusCancelled},
		EventVoid:           {StatusProposed},
	},
	StatusShadow: {
		Event(KindApprove):  {StatusShadow},
		Event(KindReject):   {StatusShadow, StatusRejected},
		Event(KindAttest):   {StatusShadow},
		Event(KindReport):   {StatusShadow, StatusRejected},
		Event(KindSchedule): {StatusScheduled},
		Event(KindPause):    {StatusPaused},
		Event(KindVeto):     {StatusShadow, StatusVetoed},
		Event(KindCancel):   {StatusCancelled},
		EventVoid:           {StatusProposed},
	},
	StatusScheduled: {
		Event(KindAttest): {StatusScheduled},
		Event(KindReport): {StatusScheduled, StatusRejected},
		Event(KindReady):  {StatusScheduled},
		Event(KindPause):  {StatusPaused},
		Event(KindVeto):   {StatusScheduled, StatusVetoed},
		Event(KindCancel): {StatusCancelled},
		EventDue:          {StatusScheduled, StatusTrial, StatusActive, StatusRejected, StatusVetoed},
		EventVoid:         {StatusProposed},
	},
	StatusTrial: {
		Event(KindAttest):   {StatusTrial},
		Event(KindHealth):   {StatusTrial},
		Event(KindConfirm):  {StatusActive},
		Event(KindPause):    {StatusTrial},
		Event(KindRollback): {StatusTrial},
		EventUnheard:        {StatusRolledBack},
		EventLeave:          {StatusPaused, StatusRolledBack, StatusQuarantined},
	},
	StatusActive: {
		Event(KindHealth):    {StatusActive},
		Event(KindPause):     {StatusActive},
		Event(KindRollback):  {StatusActive},
		Event(KindDeprecate): {StatusDeprecated},
		EventLeave:           {StatusPaused, StatusRolledBack, StatusQuarantined},
		EventReplace:         {StatusSuperseded},
	},
	StatusDeprecated: {
		Event(KindHealth):    {StatusDeprecated},
		Event(KindPause):     {StatusDeprecated},
		Event(KindRollback):  {StatusDeprecated},
		Event(KindDeprecate): {StatusDeprecated},
		Event(KindRetire):    {}, // StillBound: it serves
		EventLeave:           {StatusPaused, StatusRolledBack, StatusQuarantined},
		EventReplace:         {StatusSuperseded},
	},
	StatusSuperseded: {
		Event(KindDeprecate): {StatusSuperseded},
		Event(KindRetire):    {StatusRetired},
		EventReturn:          {StatusActive, StatusDeprecated},
	},
	StatusPaused: {
		Event(KindResume): {StatusProposed},
		Event(KindCancel): {StatusCancelled},
		Event(KindRetire): {StatusRetired},
	},
	StatusRolledBack:  {Event(KindRetire): {StatusRetired}},
	StatusQuarantined: {Event(KindRetire): {StatusRetired}},
}

// become gives a proposal the status that an event leads to.
func (p *Proposal) become(e Event, s Status) {
	if !slices.Contains(road[p.Status][e], s) {
		panic(fmt.Sprintf("governance: proposal %d: event %d leads from %v to %v", p.Number, e, p.Status, s))
	}
	p.Status = s
}

// takes returns OK if a proposal of the status takes the command, or why it does not.
func (s Status) takes(k Kind) Code {
	if _, ok := road[s][Event(k)]; ok {
		return OK
	}
	if len(road[s]) == 0 || s >= StatusRejected && s <= StatusCancelled {
		return ProposalClosed
	}
	return WrongStage
}
