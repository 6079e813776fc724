package timeline

import (
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// Message is what a validator said in a view.
type Message int32

// The messages.
const (
	Propose Message = iota
	Notarize
	Nullify
	Finalize
	messageCount
)

var messageNames = [messageCount]string{"propose", "notarize", "nullify", "finalize"}

// View is one attempt to agree on a block, as this node saw it. Offsets are microseconds after Began, and at
// least 1 for what has happened: 0 is not yet, or never.
type View struct {
	change       uint64
	after        uint64  // the change before it began
	done         uint64  // the newest change that was no vote, of a view that is certified; 0: it is not
	Epoch        uint64  `json:"epoch"`
	View         uint64  `json:"view"`
	Began        int64   `json:"began"` // the first sign of it here: microseconds since 1970
	Leader       int     `json:"leader"`
	Rescue       bool    `json:"rescue,omitempty"`
	Height       uint64  `json:"height,omitempty"` // of its block
	Block        string  `json:"block,omitempty"`  // the first 12 digits
	Transactions int     `json:"transactions,omitempty"`
	Entered      int32   `json:"entered,omitempty"`
	Executed     int32   `json:"executed,omitempty"`
	Notarized    int32   `json:"notarized,omitempty"`
	Nullified    int32   `json:"nullified,omitempty"`
	TimedOut     int32   `json:"timed_out,omitempty"`
	Certified    int32   `json:"certified,omitempty"` // by its own certificate or a descendant's
	Heard        []int32 `json:"heard,omitempty"`     // validator, Message, offset; and so on, in the order of arrival
	said         []uint8 // a bit for each message, by validator
}

// minor reports whether what happened in a view after a change is nothing that who saw the rest has to know: nothing
// went wrong in it, and nobody was told of it before, or all that came were late votes. whole is the newest change that
// somebody knows who was told of everything since.
func (v *View) minor(change, whole uint64) bool {
	return v.change > change && v.TimedOut == 0 && v.Nullified == 0 && (v.after >= max(change, whole) || v.done > 0 && v.done <= change)
}

// place names a view: views count anew in each epoch.
type place struct {
	epoch quoin.Epoch
	view  quoin.View
}

func (p place) before(q place) bool {
	return p.epoch < q.epoch || p.epoch == q.epoch && p.view < q.view
}

func (v *View) place() place { return place{quoin.Epoch(v.Epoch), quoin.View(v.View)} }

// viewsAhead is how far ahead of the present view anything is noted: a peer may claim any view.
const viewsAhead = 8

// at returns the view of a place, and makes it if there is none. It returns nil for what is too far from
// the present view.
func (t *Timeline) at(p place, at time.Time) *View {
	i := len(t.views)
	for i > 0 && p.before(t.views[i-1].place()) {
		i--
	}
	if i > 0 && t.views[i-1].place() == p {
		return t.views[i-1]
	}
	tooOld := i == 0 && len(t.views) >= t.limits.Views
	tooNew := t.entered != place{} && (p.epoch > t.entered.epoch || p.epoch == t.entered.epoch && p.view > t.entered.view+viewsAhead)
	if tooOld || tooNew {
		return nil
	}
	v := &View{after: t.change, Epoch: uint64(p.epoch), View: uint64(p.view), Began: at.UnixMicro(), Leader: -1, Rescue: simplex.IsRescue(p.view)}
	if n := t.set.Len(); v.Rescue && n > 0 && p.epoch == t.epoch {
		v.Leader = simplex.Rescuer(p.view, n)
	}
	t.views = append(t.views, nil)
	copy(t.views[i+1:], t.views[i:])
	t.views[i] = v
	t.views = keep(t.views, t.limits.Views)
	return v
}

// offset is a time in a view.
func (v *View) offset(at time.Time) int32 {
	return int32(min(max(at.UnixMicro()-v.Began, 1), 1<<31-1))
}

// note sets an offset once.
func (t *Timeline) note(v *View, which *int32, at time.Time) {
	if *which == 0 {
		*which, v.change = v.offset(at), t.changed()
		if v.Certified != 0 {
			v.done = v.change
		}
	}
}

// viewEvent takes what an event says of a view.
func (t *Timeline) viewEvent(at time.Time, e *replica.Event) {
	p := place{e.Epoch, e.View}
	if e.Kind == replica.EnteredView && t.entered.before(p) {
		t.entered = p
	}
	switch e.Kind {
	case replica.EnteredView, replica.ViewTimedOut, replica.ViewNullified, replica.BlockNotarized:
	default:
		return
	}
	v := t.at(p, at)
	if v == nil {
		return
	}
	switch e.Kind {
	case replica.EnteredView:
		t.note(v, &v.Entered, at)
	case replica.ViewTimedOut:
		t.note(v, &v.TimedOut, at)
	case replica.ViewNullified:
		t.note(v, &v.Nullified, at)
	case replica.BlockNotarized:
		v.Block = short(e.Block)
		t.note(v, &v.Notarized, at)
	}
}

// progress takes what was heard, executed or certified.
func (t *Timeline) progress(at time.Time, p *replica.Progress) {
	v := t.at(place{p.Epoch, p.View}, at)
	if v == nil {
		return
	}
	if p.Height > 0 && v.Height != uint64(p.Height) && (v.Height == 0 || p.Kind != replica.ProgressHeard) { // a claim is better than nothing
		v.Height, v.change = uint64(p.Height), t.changed()
	}
	switch p.Kind {
	case replica.ProgressHeard:
		t.hear(v, at, p)
	case replica.ProgressExecuted:
		v.Block, v.Transactions, v.Leader = short(p.Block), p.Transactions, p.Proposer
		t.note(v, &v.Executed, at)
	case replica.ProgressCertified:
		v.Block, v.Transactions, v.Leader, v.Rescue = short(p.Block), p.Transactions, p.Proposer, p.Rescue
		t.note(v, &v.Certified, at)
	}
}

func (t *Timeline) hear(v *View, at time.Time, p *replica.Progress) {
	var m Message
	for m < messageCount && messageNames[m] != p.Message {
		m++
	}
	if m == messageCount || p.Validator < 0 || p.Validator >= quoin.ValidatorsMax {
		return
	}
	for len(v.said) <= p.Validator {
		v.said = append(v.said, 0)
	}
	if v.said[p.Validator]&(1<<m) != 0 {
		return
	}
	v.said[p.Validator] |= 1 << m
	v.Heard = append(v.Heard, int32(p.Validator), int32(m), v.offset(at))
	if v.change = t.changed(); m == Propose && !v.settled() && (v.Leader < 0 || v.Leader == p.Validator) { // anybody can send a proposal
		v.Leader, v.Transactions, v.Block = p.Validator, p.Transactions, short(p.Block)
	}
}

// settled reports whether this node itself found out what the view's block is, and so who led.
func (v *View) settled() bool { return v.Executed != 0 || v.Certified != 0 }

// lead takes who leads the present view: this node's own finding, before what was heard.
func (t *Timeline) lead(s *node.Status) {
	c := &s.Consensus
	v := t.at(place{c.Epoch, c.View}, s.At)
	if v == nil || c.Leader < 0 || v.Leader == c.Leader || v.settled() {
		return
	}
	if v.Leader >= 0 {
		v.Transactions, v.Block = 0, "" // another one's
	}
	v.Leader, v.change = c.Leader, t.changed()
}

// executed is how the node itself tells of an execution; what a view needs of it came by progress.
func (t *Timeline) executed(x *node.Execution) { t.filling.executing += x.Took }

func short(h quoin.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()[:12]
}
