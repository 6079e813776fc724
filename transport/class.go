package transport

import "fmt"

// Class separates messages that must not delay each other. Each has its own queue for each peer,
// its own stream and flow control, and its own goroutine at the receiver.
type Class uint8

const (
	// Consensus is for votes, proposals and certificates. A full queue drops its oldest
	// message: newer votes supersede older ones, and a replica repeats what still matters
	// at each time-out.
	Consensus Class = iota
	// Bulk is for block bodies and catch-up. A full queue refuses the new message, so that
	// whoever serves a peer notices and waits.
	Bulk
	// Transactions is for what pools forward to each other. A full queue refuses the new
	// message; the pool keeps it anyway.
	Transactions

	// ClassCount is the number of classes.
	ClassCount = 3
)

var classNames = [ClassCount]string{"Consensus", "Bulk", "Transactions"}

// String returns the name of the class, which is also its stream's name on the wire.
func (c Class) String() string {
	if !c.valid() {
		return fmt.Sprintf("Class(%d)", uint8(c))
	}
	return classNames[c]
}

// Classes lists all classes in the order of their numbers.
func Classes() [ClassCount]Class { return [ClassCount]Class{Consensus, Bulk, Transactions} }

func (c Class) valid() bool { return c < ClassCount }

// dropsOldest reports whether a full queue makes room for the new message.
func (c Class) dropsOldest() bool { return c == Consensus }
