package plugintest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"quoin.dev/quoin/hook"
)

// Record is what blocks asked of a plugin, and what it answered: calls in the order of the chain,
// on a namespace that each call leaves to the next. Two programs that serve a hook alike agree
// on every record: native code and module, two languages, two releases.
//
// # The file
//
// A record is kept as lines of JSON (https://jsonlines.org), each one object without white space:
//
//	{"format":"quoin-record-1"}
//	{"key":BYTES,"value":BYTES}          the namespace before the first call, keys ascending
//	{"operation":"machine.v1.apply","request":BYTES,"response":BYTES,"events":[BYTES],"writes":[{"key":BYTES,"value":BYTES}]}
//
// BYTES are base64 (RFC 4648, section 4). A request and a response are the bytes that package
// hook defines, so that a record holds calls of any hook. A transaction is one call, however
// the host puts it. No events or no writes are left out; a write with the value null deletes
// its key. A call that ended in a fault has its name instead of a response: "fault":"trap".
// Every record has one such text, and ReadRecord refuses any other.
//
// A record holds the plugin's own namespace and nothing else of the chain: a call that asks for
// other namespaces, history, proofs or the beacon is recorded as the fault import.
type Record struct {
	State []Pair // keys ascending
	Calls []Call
}

// Pair is a key of the namespace with its value.
type Pair struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// Call is one question and its answer.
type Call struct {
	Operation string `json:"operation"` // the function that a module exports for it
	Request   []byte `json:"request"`
	Answer
}

// Answer is how a call ended. The writes of a call are what it changed in the namespace, keys
// ascending, each key once; a nil value is a deletion.
type Answer struct {
	Fault    string   `json:"fault,omitempty"` // the name of a hook.Fault; empty: none
	Response []byte   `json:"response,omitempty"`
	Events   [][]byte `json:"events,omitempty"`
	Writes   []Pair   `json:"writes,omitempty"`
}

// Equal reports whether two answers are the same to the byte.
func (a *Answer) Equal(b *Answer) bool {
	return a.Fault == b.Fault && bytes.Equal(a.Response, b.Response) && slices.EqualFunc(a.Events, b.Events, bytes.Equal) &&
		slices.EqualFunc(a.Writes, b.Writes, func(x, y Pair) bool {
			return bytes.Equal(x.Key, y.Key) && bytes.Equal(x.Value, y.Value) && (x.Value == nil) == (y.Value == nil)
		})
}

// String tells the answer for people.
func (a *Answer) String() string {
	if a.Fault != "" {
		return "fault " + a.Fault
	}
	text := fmt.Sprintf("response %x", a.Response)
	for _, e := range a.Events {
		text += fmt.Sprintf(", event %x", e)
	}
	for _, w := range a.Writes {
		if w.Value == nil {
			text += fmt.Sprintf(", deletes %x", w.Key)
		} else {
			text += fmt.Sprintf(", %x = %x", w.Key, w.Value)
		}
	}
	return text
}

// Answerer answers the calls of a record: native code, or a module in the sandbox. It works on
// the state that it is given and returns the response and events alone; the caller finds the
// writes, and undoes them where the response says so. An error ends the replay: it is the
// host's, not an answer.
type Answerer interface {
	Answer(operation string, request []byte, state *State) (Answer, error)
}

// Replay puts the record's calls, in order, on a namespace that begins as the record's, and
// hands visit each call with the answer of this time. An error of visit ends it.
func (r *Record) Replay(by Answerer, visit func(call *Call, now *Answer) error) error {
	state := NewState(r.State)
	for i := range r.Calls {
		c := &r.Calls[i]
		now, err := answer(by, c.Operation, c.Request, state)
		if err == nil {
			err = visit(c, &now)
		}
		if err != nil {
			return fmt.Errorf("call %d of the record, %s: %w", i, c.Operation, err)
		}
	}
	return nil
}

// ErrDiffers is wrapped by Verify's error for an answer that is not the recorded one.
var ErrDiffers = errors.New("the answer is not the recorded one")

// Verify replays the record and compares every answer with the recorded one.
func (r *Record) Verify(by Answerer) error {
	return r.Replay(by, func(call *Call, now *Answer) error {
		if now.Equal(&call.Answer) {
			return nil
		}
		return fmt.Errorf("%w: request %x: now %v; recorded %v", ErrDiffers, call.Request, now, &call.Answer)
	})
}

// Recorder makes a record: it puts calls to who answers, and keeps them with their answers.
type Recorder struct {
	By     Answerer
	State  State // as the calls so far left it
	Record Record
}

// NewRecorder returns a recorder that begins with the pairs, which may be in any order.
func NewRecorder(by Answerer, pairs []Pair) *Recorder {
	state := NewState(pairs)
	return &Recorder{By: by, State: *state, Record: Record{State: state.Pairs()}}
}

// Call puts one call and keeps it.
func (c *Recorder) Call(operation string, request []byte) (Answer, error) {
	now, err := answer(c.By, operation, request, &c.State)
	if err == nil {
		c.Record.Calls = append(c.Record.Calls, Call{Operation: operation, Request: bytes.Clone(request), Answer: now})
	}
	return now, err
}

// answer puts one call, finds what it wrote, and drops that after a refusal or a fault.
func answer(by Answerer, operation string, request []byte, state *State) (Answer, error) {
	before := maps.Clone(state.values)
	now, err := by.Answer(operation, request, state)
	if err != nil {
		return Answer{}, err
	}
	done := now.Fault == "" && bytes.HasPrefix(now.Response, make([]byte, 4)) // the code of machine.v1
	if operation == hook.Apply.Name && !done {
		state.values, now.Events = before, nil
	}
	now.Writes = changes(before, state.values)
	return now, nil
}

// NewState returns a namespace that holds the pairs, which may be in any order.
func NewState(pairs []Pair) *State {
	s := &State{}
	for _, p := range pairs {
		s.Put(p.Key, p.Value)
	}
	return s
}

// Pairs returns a copy of the namespace, keys ascending.
func (s *State) Pairs() []Pair { return changes(nil, s.values) }

// changes lists what makes a namespace of one the other.
func changes(before, after map[string][]byte) []Pair {
	var list []Pair
	for _, k := range slices.Sorted(maps.Keys(before)) {
		if _, kept := after[k]; !kept {
			list = append(list, Pair{Key: []byte(k)})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(after)) {
		if old, had := before[k]; !had || !bytes.Equal(old, after[k]) {
			list = append(list, Pair{Key: []byte(k), Value: append([]byte{}, after[k]...)})
		}
	}
	slices.SortFunc(list, func(a, b Pair) int { return bytes.Compare(a.Key, b.Key) })
	return list
}

const recordFormat = "quoin-record-1"

// Limits of a record's file.
const (
	RecordLineMax = 32 << 20 // bytes of one line
	RecordMax     = 1 << 30  // bytes of a file
)

type recordHeader struct {
	Format string `json:"format"`
}

// Write writes the record's file.
func (r *Record) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	line := func(v any) {
		b, _ := json.Marshal(v) // strings and bytes always marshal; the writer keeps its error
		_, _ = out.Write(append(b, '\n'))
	}
	line(recordHeader{recordFormat})
	for i := range r.State {
		line(&r.State[i])
	}
	for i := range r.Calls {
		line(&r.Calls[i])
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("plugintest: the record was not written: %w", err)
	}
	return nil
}

// ErrRecord is wrapped by the refusal of what is no record.
var ErrRecord = errors.New("plugintest: not a record of format " + recordFormat)

// ReadRecord reads a record's file. It checks the form of each line, not the messages in it:
// whoever answers decodes them.
func ReadRecord(from io.Reader) (*Record, error) {
	lines := bufio.NewScanner(io.LimitReader(from, RecordMax))
	lines.Buffer(make([]byte, 0, 64<<10), RecordLineMax)
	r, number := &Record{}, 0
	for ; lines.Scan(); number++ {
		if err := r.readLine(number, lines.Bytes()); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrRecord, number+1, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: line %d: %w", ErrRecord, number+1, err)
	}
	if number == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrRecord)
	}
	return r, nil
}

func (r *Record) readLine(number int, line []byte) error {
	if number == 0 {
		var h recordHeader
		if err := strict(line, &h); err != nil {
			return err
		}
		if h.Format != recordFormat {
			return fmt.Errorf("the format is %q", h.Format)
		}
		return nil
	}
	if bytes.HasPrefix(line, []byte(`{"key"`)) {
		var p Pair
		if err := strict(line, &p); err != nil {
			return err
		}
		if n := len(r.State); len(r.Calls) > 0 || n > 0 && bytes.Compare(r.State[n-1].Key, p.Key) >= 0 {
			return errors.New("keys ascend, before the first call")
		}
		if len(p.Key) < 1 || len(p.Key) > hook.KeyMax || p.Value == nil || len(p.Value) > hook.ValueMax {
			return errors.New("a key or value is beyond its limits")
		}
		r.State = append(r.State, p)
		return nil
	}
	var c Call
	if err := strict(line, &c); err != nil {
		return err
	}
	if o, known := hook.FindOperation(c.Operation); !known || o.Batch {
		return fmt.Errorf("there is no operation %q of one call", c.Operation)
	}
	if c.Request == nil || c.Fault != "" && c.Response != nil {
		return errors.New("a call has a request, and a response or a fault")
	}
	r.Calls = append(r.Calls, c)
	return nil
}

// strict reads a line that must be what Write makes of the same value.
func strict(line []byte, v any) error {
	if err := json.Unmarshal(line, v); err != nil {
		return err
	}
	if again, err := json.Marshal(v); err != nil || !bytes.Equal(again, line) {
		return errors.New("it is not in the one form of a record")
	}
	return nil
}
