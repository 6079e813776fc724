package audit

import (
	"errors"
	"fmt"
)

// Code says what is wrong with a history. Names are stable.
type Code string

// The codes.
const (
	Format     Code = "format"     // a line is not as this version writes it
	Chain      Code = "chain"      // the history is of another chain than the one that is trusted
	Order      Code = "order"      // a line stands where none of its kind belongs
	Handover   Code = "handover"   // the validators of an epoch are not proved by those of the one before
	Checkpoint Code = "checkpoint" // a certificate, or what it shows of the audit chain, does not verify
	Altered    Code = "altered"    // the bytes are not those of the event with that number
	Missing    Code = "missing"    // another event stands where the next one belongs: it was removed or moved
	Inserted   Code = "inserted"   // an event was there before, or is more than the checkpoint counts
	Text       Code = "text"       // what a line says for people is not what its event says
	Unlawful   Code = "unlawful"   // it is certified, but by the rules it cannot have happened
	Truncated  Code = "truncated"  // the file ends before the last event that its checkpoint counts
	Attested   Code = "attested"   // an attestation does not say what the history says
)

// Codes returns every code.
func Codes() []Code {
	return []Code{Format, Chain, Order, Handover, Checkpoint, Altered, Missing, Inserted, Text, Unlawful, Truncated, Attested}
}

// Fault is the error of whatever a history does not prove. Up to there it is proved.
type Fault struct {
	Code     Code
	Line     uint64 // of the file, from 1
	Event    uint64 // the first that was altered, or that is not there; 0 if no event is to blame
	Verified uint64 // events that were verified before
	Why      string
	cause    error
}

var _ error = (*Fault)(nil)

// Error says where and why.
func (f *Fault) Error() string {
	at := ""
	switch {
	case f.Event != 0 && f.Line != 0:
		at = fmt.Sprintf("event %d (line %d): ", f.Event, f.Line)
	case f.Event != 0:
		at = fmt.Sprintf("event %d: ", f.Event)
	case f.Line != 0:
		at = fmt.Sprintf("line %d: ", f.Line)
	}
	return "audit: " + at + f.Why
}

// Unwrap returns the cause, if there is one.
func (f *Fault) Unwrap() error { return f.cause }

func fault(c Code, format string, args ...any) *Fault {
	err := fmt.Errorf(format, args...)
	return &Fault{Code: c, Why: err.Error(), cause: errors.Unwrap(err)}
}
