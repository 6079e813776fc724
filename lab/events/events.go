// Package events is the log of a run: what happened, when, at which replica, for people and for
// pictures. The simulator, twins, the checker and chaos write it; reports, charts and the debugger read it.
//
// A log is a sequence of Events in the order in which they happened. As a file it is JSON lines, one
// event each.
package events

import "fmt"

// Event is something that happened. Which of the optional fields are set depends on the Verb.
type Event struct {
	Index       uint64 `json:"i"`                // its place in the log, from 0
	AtUS        uint64 `json:"at_us"`            // since the beginning, simulated or real; a step's number where there is no time
	Node        int    `json:"node"`             // the replica; World for none
	Verb        Verb   `json:"verb"`             // what happened
	Peer        int    `json:"peer,omitempty"`   // the other end of a Sent, Received or Lost message; All
	Flight      uint64 `json:"flight,omitempty"` // names what was Sent: each Received or Lost copy has the same, as a Healed has its Fault's; 0 for none
	Kind        string `json:"kind,omitempty"`   // of the message, fault or report
	Epoch       uint64 `json:"epoch,omitempty"`
	View        uint64 `json:"view,omitempty"`
	Height      uint64 `json:"height,omitempty"`
	Count       int    `json:"count,omitempty"`       // of a block's transactions
	Block       string `json:"block,omitempty"`       // the first eight hexadecimal digits of its id
	Transaction string `json:"transaction,omitempty"` // the same of a transaction
	TookUS      uint64 `json:"took_us,omitempty"`     // of a Receipt: since the client submitted it first
	Text        string `json:"text,omitempty"`        // one line for people
}

// Places that are no replica.
const (
	World = -1 // nobody: the world itself
	All   = -2 // as a peer: everybody
)

// Verb is what happened.
type Verb string

// The verbs.
const (
	Booted    Verb = "boots"
	Crashed   Verb = "crashes"
	Sent      Verb = "sends"     // to Peer
	Received  Verb = "receives"  // from Peer
	Lost      Verb = "loses"     // what Node sent does not reach Peer; Kind is the message's, Text says why
	Entered   Verb = "enters"    // a view
	TimedOut  Verb = "times-out" // of a view
	Notarized Verb = "notarizes" // Node learns that a quorum voted for the view's block
	Nullified Verb = "nullifies" // Node learns that a quorum gave the view up
	Executed  Verb = "executes"  // a block
	Certified Verb = "certifies" // a height
	Submitted Verb = "submits"   // a client's transaction, to Node
	Receipt   Verb = "receipt"   // the client knows the result, from Node
	Reported  Verb = "reports"   // anything else that a replica tells
	Fault     Verb = "fault"     // the world did something bad: Kind says what
	Healed    Verb = "heals"     // a fault, or all of them if Flight is 0, ended
	Broken    Verb = "broken"    // an invariant; Kind is its name
	Noted     Verb = "notes"
)

// Verbs returns all of them.
func Verbs() []Verb {
	return []Verb{Booted, Crashed, Sent, Received, Lost, Entered, TimedOut, Notarized, Nullified, Executed, Certified, Submitted, Receipt,
		Reported, Fault, Healed, Broken, Noted}
}

// Name returns the name of a replica, or of a place that is none.
func Name(node int) string {
	switch node {
	case World:
		return "world"
	case All:
		return "all"
	}
	return fmt.Sprintf("v%d", node)
}

const second = 1_000_000

// String is the event as a line for people.
func (e *Event) String() string {
	return fmt.Sprintf("%4d.%06d %-6s %s", e.AtUS/second, e.AtUS%second, Name(e.Node), e.What())
}

// What is the event without its time and place.
func (e *Event) What() string {
	b := fmt.Appendf(nil, "%-10s", e.Verb)
	word := func(format string, a ...any) { b = fmt.Appendf(append(b, ' '), format, a...) }
	if e.Kind != "" {
		word("%s", e.Kind)
	}
	switch e.Verb {
	case Sent, Lost:
		word("to %s", Name(e.Peer))
	case Received:
		word("from %s", Name(e.Peer))
	}
	if e.Epoch > 0 {
		word("epoch %d", e.Epoch)
	}
	if e.View > 0 {
		word("view %d", e.View)
	}
	if e.Height > 0 {
		word("height %d", e.Height)
	}
	if e.Block != "" {
		word("block %s", e.Block)
	}
	if e.Count > 0 {
		word("of %d", e.Count)
	}
	if e.Transaction != "" {
		word("transaction %s", e.Transaction)
	}
	if e.TookUS > 0 {
		word("after %d.%03d ms", e.TookUS/1_000, e.TookUS%1_000)
	}
	if e.Flight > 0 {
		word("#%d", e.Flight)
	}
	if e.Text != "" {
		word("%s", e.Text)
	}
	return string(b)
}
