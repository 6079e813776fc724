// Package events is the log of a run: what happened, when, at which replica, for people and for
// pictures. The simulator, the checkers and twins write it; reports, charts and the debugger read it.
//
// A log is a sequence of Events in the order in which they happened. As a file it is JSON lines, one
// event each.
package events

// Event is something that happened. Which of the optional fields are set depends on the Verb.
type Event struct {
	Index  uint64 `json:"i"`                // its place in the log, from 0
	AtUS   uint64 `json:"at_us"`            // simulated time; a step's number where there is no time
	Node   int    `json:"node"`             // the replica; World for none
	Verb   Verb   `json:"verb"`             //
	Peer   int    `json:"peer,omitempty"`   // the other end of a Sent or Received message; All
	Flight uint64 `json:"flight,omitempty"` // names one message on one link: its Sent, Received or Lost have the same; 0 for none
	Kind   string `json:"kind,omitempty"`   // of the message, fault or report
	Epoch  uint64 `json:"epoch,omitempty"`
	View   uint64 `json:"view,omitempty"`
	Height uint64 `json:"height,omitempty"`
	Block  string `json:"block,omitempty"` // the first eight hexadecimal digits of its id
	Text   string `json:"text,omitempty"`  // one line for people
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
	Lost      Verb = "loses"     // the network swallowed what Node sent to Peer
	Entered   Verb = "enters"    // a view
	TimedOut  Verb = "times-out" // of a view
	Executed  Verb = "executes"  // a block
	Certified Verb = "certifies" // a height
	Submitted Verb = "submits"   // a client's transactions, to Node
	Receipt   Verb = "receipt"   // the client knows the result
	Reported  Verb = "reports"   // anything else that a replica tells
	Fault     Verb = "fault"     // the world did something bad: Kind says what
	Healed    Verb = "heals"     // a fault, or all of them, ended
	Broken    Verb = "broken"    // an invariant; Kind is its name
	Noted     Verb = "notes"
)
