package node

import (
	"errors"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/fault"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/transport"
)

// Kinds of the events that mark faults, with a sentence as their reason.
const (
	FaultInjected replica.EventKind = "fault-injected"
	FaultLifted   replica.EventKind = "fault-lifted"
)

// ErrFaultsNotAllowed is returned by Open.
var ErrFaultsNotAllowed = errors.New("node: the genesis does not allow that faults are injected")

// installFaults puts what injected faults do to the disk and to plugins before what the laboratory does.
func (c *Config) installFaults() error {
	f := c.Faults
	if f == nil {
		return nil
	}
	if !c.Genesis.Configuration.Parameters.FaultInjection() {
		return ErrFaultsNotAllowed
	}
	sync, call := c.Lab.Sync, c.Lab.Call
	c.Lab.Sync = func() {
		f.BeforeSync()
		if sync != nil {
			sync()
		}
	}
	c.Lab.Call = func(b quoin.Binding) {
		if f.SlowsCalls() {
			f.BeforeCall(b.Slot())
		}
		if call != nil {
			call(b)
		}
	}
	return nil
}

// impairment is what injected faults do to links.
func (c *Config) impairment() transport.Impairment {
	if c.Faults == nil {
		return nil
	}
	return impairment{c.Faults}
}

type impairment struct{ faults *fault.Set }

// Impair implements transport.Impairment.
func (i impairment) Impair(peer transport.Key, _ transport.Class) (delay time.Duration, lost bool) {
	return i.faults.Link(quoin.PublicKey(peer))
}

// mark publishes that a fault was injected, or is over.
func (n *Node) mark(f *fault.Fault, over bool) {
	sentence := f.Sentence(n.Status().Configuration.Validators.NameOf)
	if over {
		n.Announce(FaultLifted, sentence+": over")
		return
	}
	n.Announce(FaultInjected, sentence+", for "+time.Until(f.Until).Round(time.Second/10).String())
}
