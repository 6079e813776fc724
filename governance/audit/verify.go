package audit

import (
	"bytes"
	"errors"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

// Trust follows a chain's validators from its genesis, as client.Verifier does.
type Trust interface {
	// Extend takes the proof of the epoch after the newest known one: a certificate of its last
	// height, and the canonical bytes of the state proof of governance.EpochKey.
	Extend(c quoin.Certificate, proof []byte) error
	// VerifyCertificate returns nil for what a quorum of the validators of a known epoch certified.
	VerifyCertificate(c *quoin.Certificate) error
	// Epoch returns the newest epoch that is known.
	Epoch() quoin.Epoch
	// Configuration returns the configuration of an epoch, if it is known.
	Configuration(e quoin.Epoch) (quoin.Configuration, bool)
}

// Options say what a history is verified against.
type Options struct {
	Origin      quoin.Origin                       // of the chain that is trusted; it holds the hash of the genesis
	Environment governance.Environment             // of the chain's hooks
	Trust       func(genesis *quoin.Genesis) Trust // begins at a genesis that is the origin's
	Watch       Watcher                            // nil: nobody
}

// Verifier verifies a history line by line. The first error is final.
type Verifier struct {
	o      Options
	trust  Trust   // nil before the header
	replay *Replay // likewise
	lines  uint64
	events uint64 // verified
	under  under
	failed *Fault
	flaws  flaws
}

// flaws are mistakes that tests make on purpose, to see that they are found. None is the zero value.
type flaws struct {
	noProofs bool // of events are verified
	noWords  bool // are compared
	noEnd    bool // is looked for
}

// under is the checkpoint that events are proved under.
type under struct {
	quoin.Checkpoint
	shown Shown
}

// NewVerifier returns a Verifier that has seen nothing yet.
func NewVerifier(o Options) *Verifier { return &Verifier{o: o} }

// Line verifies the next line, without its end. It returns an Entry if the line is an event. Errors are
// *Fault.
func (v *Verifier) Line(b []byte) (*Entry, error) {
	if v.failed != nil {
		return nil, v.failed
	}
	v.lines++
	var entry *Entry
	var f *Fault
	switch kind := kindOf(b); {
	case len(b) > LineMax:
		f = fault(Format, "the line has more than %d bytes", LineMax)
	case kind == lineHeader:
		f = v.headerLine(b)
	case kind != "" && v.trust == nil:
		f = fault(Order, "a history begins with its header")
	case kind == lineHandover:
		f = v.handoverLine(b)
	case kind == lineCheckpoint:
		f = v.checkpointLine(b)
	case kind == lineEvent:
		entry, f = v.eventLine(b)
	default:
		f = fault(Format, "it is no line of %s", FormatName)
		f.Event = v.expected()
	}
	if f != nil {
		return nil, v.fail(f)
	}
	return entry, nil
}

// expected returns the number of the event that belongs into the next line; 0 if none does.
func (v *Verifier) expected() uint64 {
	if v.events < v.under.shown.Chain.Count {
		return v.events + 1
	}
	return 0
}

func (v *Verifier) fail(f *Fault) *Fault {
	f.Line, f.Verified = v.lines, v.events
	v.failed = f
	return f
}

// written compares a line with what it must be, by what it proves. said is what was read from it.
func written(b []byte, said, is any) *Fault {
	want := encode(is)
	switch {
	case bytes.Equal(b, want):
		return nil
	case bytes.Equal(b, encode(said)):
		return fault(Text, "the line says other than it proves")
	}
	return fault(Format, "the line is not in its one form; leave it as it was written")
}

func (v *Verifier) headerLine(b []byte) *Fault {
	x, f := decode[headerLine](b)
	if f != nil {
		return f
	}
	switch {
	case v.trust != nil:
		return fault(Order, "a second header")
	case x.Format != FormatName:
		return fault(Format, "its format is %.40q, this version reads %s", x.Format, FormatName)
	case x.Genesis == nil:
		return fault(Format, "a header without genesis")
	}
	if f := v.header(x.Genesis); f != nil {
		return f
	}
	return written(b, x, headerOf(x.Genesis))
}

func headerOf(g *quoin.Genesis) headerLine {
	return headerLine{lineHeader, FormatName, g.Origin(), g}
}

func (v *Verifier) header(g *quoin.Genesis) *Fault {
	if g.Origin() != v.o.Origin {
		return fault(Chain, "the history is of %s, you trust %s", g.Origin(), v.o.Origin)
	}
	v.trust = v.o.Trust(g)
	v.o.Environment.Origin = v.o.Origin.ID()
	v.replay = NewReplay(v.o.Environment, &g.Configuration, v.o.Watch)
	return nil
}

func (v *Verifier) handoverLine(b []byte) *Fault {
	x, f := decode[handoverLine](b)
	if f != nil {
		return f
	}
	c, err := quoin.DecodeCertificate(x.Certificate)
	if err != nil {
		return fault(Handover, "its certificate: %w", err)
	}
	if f := v.handover(c, x.Proof); f != nil {
		return f
	}
	return written(b, x, v.handoverOf(c, x.Proof))
}

// handoverOf is the line of the handover to the newest epoch.
func (v *Verifier) handoverOf(c quoin.Certificate, proof []byte) handoverLine {
	next, _ := v.trust.Configuration(v.trust.Epoch())
	return handoverLine{lineHandover, next.Epoch, next.First, c.AppendBinary(nil), proof}
}

func (v *Verifier) handover(c quoin.Certificate, proof []byte) *Fault {
	if f := v.exact(&c, Handover); f != nil {
		return f
	}
	if err := v.trust.Extend(c, proof); err != nil {
		return fault(Handover, "%w", err)
	}
	return nil
}

// exact refuses a certificate with more signatures than a quorum needs: a history has one form.
func (v *Verifier) exact(c *quoin.Certificate, code Code) *Fault {
	now, ok := v.trust.Configuration(c.Checkpoint.Epoch)
	if !ok {
		return fault(code, "its certificate is of epoch %d, handovers lead up to epoch %d", c.Checkpoint.Epoch, v.trust.Epoch())
	}
	if t := c.Trim(now.Validators); len(t.Signatures) != len(c.Signatures) {
		return fault(code, "%d signatures, a quorum needs %d", len(c.Signatures), len(t.Signatures))
	}
	return nil
}

func (v *Verifier) checkpointLine(b []byte) *Fault {
	x, f := decode[checkpointLine](b)
	if f != nil {
		return f
	}
	c, err := quoin.DecodeCertificate(x.Certificate)
	if err != nil {
		return fault(Checkpoint, "its certificate: %w", err)
	}
	if f := v.checkpoint(c, x.Proof); f != nil {
		return f
	}
	return written(b, x, v.checkpointOf(c, x.Proof))
}

// checkpointOf is the line of the newest checkpoint.
func (v *Verifier) checkpointOf(c quoin.Certificate, proof []byte) checkpointLine {
	u := &v.under
	return checkpointLine{lineCheckpoint, u.Height, u.Epoch, u.Time, u.shown.Chain.Count, u.shown.Chain.Head.String(), c.AppendBinary(nil), proof}
}

func (v *Verifier) checkpoint(c quoin.Certificate, proof []byte) *Fault {
	if c.Checkpoint.Height < v.under.Height {
		return fault(Order, "a checkpoint of height %d after one of height %d", c.Checkpoint.Height, v.under.Height)
	}
	if f := v.exact(&c, Checkpoint); f != nil {
		return f
	}
	if newest := v.trust.Epoch(); c.Checkpoint.Epoch != newest {
		return fault(Order, "a checkpoint of epoch %d after the handover to epoch %d", c.Checkpoint.Epoch, newest)
	}
	if err := v.trust.VerifyCertificate(&c); err != nil {
		return fault(Checkpoint, "%w", err)
	}
	shown, err := Show(c.Checkpoint.State, proof)
	if err != nil {
		return fault(Checkpoint, "what it shows of the audit chain: %w", err)
	}
	v.under = under{c.Checkpoint, shown}
	return nil
}

func (v *Verifier) eventLine(b []byte) (*Entry, *Fault) {
	fail := func(f *Fault) (*Entry, *Fault) {
		f.Event = v.events + 1
		return nil, f
	}
	x, f := decode[eventLine](b)
	if f != nil {
		return fail(f)
	}
	switch next := v.events + 1; {
	case x.Number > next:
		return fail(fault(Missing, "event %d stands where event %d belongs: it was removed or moved", x.Number, next))
	case x.Number < next:
		return fail(fault(Inserted, "event %d stands where event %d belongs, and was there before", x.Number, next))
	}
	entry, f := v.event(x.Bytes, x.Path)
	if f != nil {
		return fail(f)
	}
	if v.flaws.noWords {
		return entry, nil
	}
	if f := compare(&x.Entry, entry); f != nil {
		v.events--
		return fail(f)
	}
	if f := written(b, x, eventLine{lineEvent, *entry, x.Bytes, x.Path}); f != nil {
		v.events--
		return fail(f)
	}
	return entry, nil
}

// event verifies that the bytes are those of the next event, and does it again.
func (v *Verifier) event(b, path []byte) (*Entry, *Fault) {
	number := v.events + 1
	if number > v.under.shown.Chain.Count {
		return nil, fault(Inserted, "the checkpoint counts %d events", v.under.shown.Chain.Count)
	}
	if newest := v.trust.Epoch(); v.under.Epoch != newest {
		return nil, fault(Order, "it is proved by epoch %d, after the handover to epoch %d", v.under.Epoch, newest)
	}
	if err := v.under.shown.Event(number, b, path); err != nil && !v.flaws.noProofs {
		return nil, fault(Altered, "these are not the bytes certified as event %d at height %d: %w", number, v.under.Height, err)
	}
	entry, err := v.replay.Next(b)
	if f := asFault(err); f != nil {
		return nil, f
	}
	if entry.Height > v.under.Height {
		return nil, fault(Unlawful, "it is of height %d, and certified at height %d already", entry.Height, v.under.Height)
	}
	v.events++
	if entry.Kind == kindDecision {
		return entry, v.configurations()
	}
	return entry, nil
}

func asFault(err error) *Fault {
	var f *Fault
	errors.As(err, &f)
	return f
}

// configurations refuses a decision that began an epoch with another configuration than the one that was
// handed over.
func (v *Verifier) configurations() *Fault {
	now := &v.replay.now
	certified, ok := v.trust.Configuration(now.Epoch)
	if !ok || bytes.Equal(certified.AppendBinary(nil), now.AppendBinary(nil)) {
		return nil
	}
	return fault(Unlawful, "by the rules epoch %d begins with another configuration than the one that was certified", now.Epoch)
}

// compare says which field lies.
func compare(said, is *Entry) *Fault {
	for _, x := range []struct {
		field    string
		said, is any
	}{
		{"height", said.Height, is.Height}, {"kind", said.Kind, is.Kind}, {"member", said.Member, is.Member},
		{"organisation", said.Organisation, is.Organisation}, {"validator", said.Validator, is.Validator}, {"key", said.Key, is.Key},
		{"what", said.What, is.What}, {"why", said.Why, is.Why}, {"proposals", said.Proposals, is.Proposals}, {"slots", said.Slots, is.Slots},
		{"became", said.Became, is.Became},
	} {
		if a, b := encode(x.said), encode(x.is); !bytes.Equal(a, b) {
			return fault(Text, "field %q says %.200s; by the event it is %.200s", x.field, a, b)
		}
	}
	return nil
}
