package timeline

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// Mark is something that is worth a glance on every chart.
type Mark struct {
	change uint64
	Number uint64 `json:"number"` // from 1, in the order in which they were made
	Kind   string `json:"kind"`
	Tone   Tone   `json:"tone"`
	Time   int64  `json:"time"` // milliseconds since 1970
	Height uint64 `json:"height,omitempty"`
	Title  string `json:"title"`
	Text   string `json:"text"`            // what that means, for somebody who is new to it
	Count  int    `json:"count"`           // how often it happened in a row
	Until  int64  `json:"until,omitempty"` // when it happened last, if more than once
}

// Tone says how a mark is meant.
type Tone string

// The tones.
const (
	ToneNote   Tone = "note"   // worth knowing
	ToneGood   Tone = "good"   // something got better
	ToneChange Tone = "change" // the network's algorithms or members change
	ToneWarn   Tone = "warn"   // contained, but look
	ToneBad    Tone = "bad"    // somebody has to do something
	ToneFault  Tone = "fault"  // a fault that was injected on purpose
)

// Told is the kind of an event by which somebody who plays with a network explains what happens: its reason is
// a title, a full stop, and what that means.
const Told replica.EventKind = "told"

// Kinds of marks that are no event's kind.
const (
	KindSilent    = "leader-silent"
	KindRecovered = "leader-recovered"
	KindTimeouts  = "timeouts"
)

const (
	sameWithin    = 10 * time.Second // what happens again within that is one mark
	timeoutsInRow = 3                // make a mark
	silentViews   = 2                // without a word of a leader before the one that timed out
)

// watch is what marks are made of.
type watch struct {
	silence  []silence // by validator
	timeouts []time.Time
	numbers  uint64
	newest   map[string]uint64 // number of the newest mark, by kind and subject
}

// silence is what is known of one validator.
type silence struct {
	heard     quoin.View
	suspected time.Time // zero: it is heard
}

func newWatch() watch { return watch{newest: map[string]uint64{}} }

// Mark adds a mark of the caller's: its change and number are set here.
func (t *Timeline) Mark(m Mark) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add("", m)
}

// add adds a mark. One with a subject that was marked in the same way a moment ago is counted there.
func (t *Timeline) add(subject string, m Mark) {
	key := m.Kind + " " + subject
	if subject != "" {
		for i := len(t.marks) - 1; i >= 0; i-- {
			old := &t.marks[i]
			if old.Number != t.watch.newest[key] {
				continue
			}
			if since := max(old.Time, old.Until); m.Time-since < sameWithin.Milliseconds() {
				old.Count, old.Until, old.change = old.Count+1, m.Time, t.changed()
				return
			}
		}
	}
	t.watch.numbers++
	m.Number, m.Count, m.change = t.watch.numbers, 1, t.changed()
	if len(t.watch.newest) > 4*t.limits.Marks {
		clear(t.watch.newest) // at worst one more mark
	}
	t.watch.newest[key] = m.Number
	m.Title, m.Text = clip(m.Title), clip(m.Text)
	t.marks = keep(append(t.marks, m), t.limits.Marks)
}

// happening are the events that are marks by themselves.
var happening = map[replica.EventKind]struct {
	tone        Tone
	title, text string
}{
	node.FaultInjected: {ToneFault, "Fault injected", "Somebody breaks something on purpose, to see how the network takes it."},
	node.FaultLifted:   {ToneFault, "Fault lifted", "What was broken on purpose works again."},
	Told:               {tone: ToneChange},

	replica.EpochBegan:       {ToneNote, "New epoch", "Heights from here on run under a new frozen configuration. Whatever changes, changes at such a boundary, on all nodes alike."},
	replica.Equivocated:      {ToneBad, "A validator contradicts itself", "It signed two different votes of one kind in one view. Its votes cannot make two histories final, but it is faulty or its key is used twice."},
	replica.SplitSeen:        {ToneBad, "Validators disagree on results", "Executing a block gave honest nodes different results, so nothing got a quorum and nothing diverges. The namespace that differs will be suspended."},
	replica.HasDiverged:      {ToneBad, "This node's own results differ", "The others agree on another result than this node. It stops voting, and takes over what is certified."},
	replica.Adopted:          {ToneGood, "Certified results taken over", "This node took over what the quorum certified in place of its own result."},
	replica.Halted:           {ToneBad, "Certificates contradict each other", "More than a third of the weight must be faulty. This node stops, so that nothing builds on it."},
	replica.Suspended:        {ToneBad, "Namespace suspended", "Its machine gave honest nodes different results. Its transactions are refused until approvers lift the suspension; everything else goes on."},
	replica.LeaderFaulted:    {ToneWarn, "Leader election faulted", "The plugin gave no usable answer. The built-in rotation named the leader in its stead, so the block was made all the same."},
	replica.FinalityFaulted:  {ToneWarn, "Finality rule faulted", "The plugin gave no usable answer. Blocks are reported as final at once; certificates do not depend on it."},
	replica.BatchFaulted:     {ToneWarn, "A batch faulted", "The plugin failed on a batch of transactions. They were executed one by one instead."},
	replica.TrialFaulted:     {ToneWarn, "A release on trial faulted", "What it does wrong counts against it: after a few faults what served before comes back by itself."},
	replica.UndoFaulted:      {ToneWarn, "A trial changed too much", "More keys were changed than can be put back, so what is on trial leaves at once."},
	replica.MigrateFaulted:   {ToneWarn, "A migration faulted", "The machine did not bring its namespace's state over. What served before comes back."},
	replica.MachineFaulted:   {ToneWarn, "A machine faulted", "The plugin trapped or ran out of fuel on a transaction. That transaction failed with a code and its writes were dropped; the others are untouched."},
	replica.PacemakerFaulted: {ToneWarn, "Pacemaker faulted", "This node's plugin for time-outs gave no usable answer. The built-in rule holds."},
	replica.PriorityFaulted:  {ToneWarn, "Priority faulted", "This node's plugin gave pending transactions no priority. They keep the order in which they came."},
	replica.PrecheckFailed:   {ToneWarn, "A release failed its check here", "This node found that it cannot run what is proposed, and says so on the ledger."},
	replica.DeprecatedInUse:  {ToneNote, "Something deprecated still serves", "Its end of use is set. Nothing stops by itself; it should be replaced."},
}

// faultNumber begins what a node says of a fault: it is for who lifts it.
var faultNumber = regexp.MustCompile(`^fault [0-9]+: `)

// markEvent makes a mark of an event that is one.
func (t *Timeline) markEvent(at time.Time, e *replica.Event) {
	if e.Kind == replica.ViewTimedOut {
		t.filling.point.Timeouts++
		t.timedOut(at, e)
		return
	}
	if e.Kind == replica.ViewNullified {
		t.filling.point.Nullified++
	}
	h, ok := happening[e.Kind]
	if !ok {
		return
	}
	m := Mark{Kind: string(e.Kind), Tone: h.tone, Time: at.UnixMilli(), Height: uint64(e.Height), Title: h.title, Text: h.text}
	subject := "same"
	switch e.Kind {
	case node.FaultInjected, node.FaultLifted:
		subject = "" // each is one
		if e.Reason != "" {
			m.Title += ": " + faultNumber.ReplaceAllString(e.Reason, "")
		}
	case Told:
		m.Title, m.Text, _ = strings.Cut(e.Reason, ". ")
		subject = ""
	case replica.EpochBegan:
		m.Title = fmt.Sprintf("Epoch %d begins", e.Epoch)
		subject = ""
	default:
		if e.Reason != "" {
			m.Text += " (" + e.Reason + ")"
		}
	}
	t.add(subject, m)
}

// timedOut looks for leaders that are silent, and for time-outs in a row.
func (t *Timeline) timedOut(at time.Time, e *replica.Event) {
	recent := t.watch.timeouts[:0]
	for _, x := range t.watch.timeouts {
		if at.Sub(x) < sameWithin {
			recent = append(recent, x)
		}
	}
	if t.watch.timeouts = append(recent, at); len(t.watch.timeouts) > timeoutsInRow {
		t.watch.timeouts = t.watch.timeouts[1:]
	}
	if len(t.watch.timeouts) == timeoutsInRow {
		t.add("same", Mark{Kind: KindTimeouts, Tone: ToneWarn, Time: at.UnixMilli(), Height: uint64(e.Height), Title: "Views time out",
			Text: "Several views in a few seconds brought no block in time, and were given up. The network goes on with the next leader; it is slower until leaders answer again."})
	}
	v := t.at(place{e.Epoch, e.View}, at)
	if v == nil || e.Epoch != t.epoch || v.Leader < 0 || v.Leader >= len(t.watch.silence) {
		return
	}
	s := &t.watch.silence[v.Leader]
	if !s.suspected.IsZero() || s.heard+silentViews >= e.View {
		return
	}
	s.suspected = at
	t.add("", Mark{Kind: KindSilent, Tone: ToneWarn, Time: at.UnixMilli(), Title: t.name(v.Leader) + " is silent",
		Text: "It led a view and did not propose, and has not voted for a while: it has crashed, or cannot be reached. Its views time out and are given up, the others go on without it."})
}

// alive notes that a validator was heard of in a view of the present epoch.
func (t *Timeline) alive(at time.Time, validator int, v quoin.View) {
	if validator < 0 || validator >= len(t.watch.silence) || v > t.entered.view+viewsAhead {
		return
	}
	s := &t.watch.silence[validator]
	s.heard = max(s.heard, v)
	if s.suspected.IsZero() || s.heard+silentViews < t.entered.view {
		return
	}
	away := at.Sub(s.suspected).Round(100 * time.Millisecond)
	s.suspected = time.Time{}
	t.add("", Mark{Kind: KindRecovered, Tone: ToneGood, Time: at.UnixMilli(), Title: t.name(validator) + " is back",
		Text: fmt.Sprintf("It takes part again after %s of silence. It brought what it had missed from the others.", away)})
}

// Event is something that happened, for the list of the newest.
type Event struct {
	change    uint64
	Number    uint64 `json:"number"`
	Time      int64  `json:"time"` // milliseconds since 1970
	Kind      string `json:"kind"`
	Epoch     uint64 `json:"epoch,omitempty"`
	View      uint64 `json:"view,omitempty"`
	Height    uint64 `json:"height,omitempty"`
	Validator string `json:"validator,omitempty"` // whom it is about
	Reason    string `json:"reason,omitempty"`
}

// keepEvent remembers an event but for those that every block has.
func (t *Timeline) keepEvent(at time.Time, e *replica.Event) {
	if e.Kind == replica.EnteredView || e.Kind == replica.BlockNotarized {
		return
	}
	x := Event{change: t.changed(), Time: at.UnixMilli(), Kind: clip(string(e.Kind)), Epoch: uint64(e.Epoch), View: uint64(e.View), Height: uint64(e.Height), Reason: clip(e.Reason)}
	x.Number = x.change
	if i, ok := t.set.Index(e.Peer); ok {
		x.Validator = t.name(i)
	}
	if e.Kind == replica.MessageRefused { // a peer can make thousands a second: its newest is enough
		for i := range t.events {
			if old := &t.events[i]; old.Kind == x.Kind && old.Validator == x.Validator {
				x.Number = old.Number
				*old = x
				return
			}
		}
	}
	t.events = keep(append(t.events, x), t.limits.Events)
}
