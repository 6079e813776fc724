package plugin

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// Observer looks on at the calls of guests through a Table. Whatever it does, results stay what they
// are. Its methods are called on the table's goroutine, in pairs that do not nest, and must be quick.
type Observer interface {
	// Begin comes before a call of a binding's guest. With true the call is recorded.
	Begin(b quoin.Binding, operation string) (record bool)
	// End comes after it. r is nil for a call that was not recorded, that failed on this host only
	// or by a panic of the state, or that took more than RecordingBytesMax; else it is the observer's from here on.
	// memory is how many bytes of memory the guest had by then.
	End(r *Recording, memory uint64)
}

// Observe makes the table's guests be looked on at; nil ends it.
func (t *Table) Observe(o Observer) { t.observer = o }

// RecordingBytesMax bounds what one recording holds.
const RecordingBytesMax = 4 << 20

// Recording is one call of a guest, with all that the call depended on: it can be replayed by another
// table, on another goroutine, at another time. A call of a batch operation is one recording with
// many requests.
type Recording struct {
	Release   quoin.Hash
	Operation string
	Requests  [][]byte
	Responses []Response // to all requests, or to all but the last one
	Status    uint32     // that the operation returned
	Fault     hook.Fault // that the call ended in
	Fuel      int64      // left at the end, if there was no fault

	hook      *hook.Hook
	operation hook.Operation
	binding   quoin.Binding
	timeMS    uint64
	writes    bool // whether there was a state to write
	reads     bool // whether there was a state
	world     bool // whether there was a world
	exchanges []exchange
	bytes     int
}

// Response is what a guest answered to one request.
type Response struct {
	Bytes  []byte
	None   bool // it did not answer
	Events [][]byte
	Fuel   int64      // left, of a batch operation's request
	Fault  hook.Fault // that the host found in the answer to a batch operation's request
}

// exchange is one question of the guest to its state or to the world, and the answer.
type exchange struct {
	question []byte
	answer   []byte
	found    bool
	pairs    [][2][]byte // of a scan
}

// RequestDigest returns the SHA-256 of the call's requests, each after its length in 4 bytes.
func (r *Recording) RequestDigest() quoin.Hash {
	h := sha256.New()
	for _, q := range r.Requests {
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(q))))
		h.Write(q)
	}
	return quoin.Hash(h.Sum(nil))
}

// observe tells the observer that an instance is about to be called.
func (t *Table) observe(h *hook.Hook, b *quoin.Binding, i *instance) {
	if t.observer == nil || !t.observer.Begin(*b, i.call.operation.Name) {
		return
	}
	sc := &i.call.scene
	r := &Recording{Release: b.Release, Operation: i.call.operation.Name, hook: h, operation: i.call.operation, binding: *b,
		timeMS: sc.timeMS, reads: sc.reader != nil, writes: sc.state != nil, world: sc.world != nil}
	i.call.recording = r
	tape := &tape{r: r, live: *sc}
	*sc = r.scene(tape)
}

// observed tells the observer that the instance's call has ended.
func (t *Table) observed(i *instance) {
	if t.observer == nil {
		return
	}
	c := &i.call
	r := c.recording
	c.recording = nil
	if r != nil {
		if c.batch == nil && !r.full() {
			r.ask(c.request)
			r.respond(c, 0, hook.FaultNone)
		}
		r.Status, r.Fault, r.Fuel = uint32(i.results[0]), c.fault, int64(i.fuel.Get())
		if r.full() || c.err != nil || c.fault == hook.FaultHost { // a panic of the state cannot be replayed
			r = nil
		}
	}
	t.observer.End(r, uint64(len(i.paged.bytes)))
}

func (r *Recording) full() bool { return r.bytes > RecordingBytesMax }

// keep copies bytes into the recording, as long as there is room.
func (r *Recording) keep(b []byte) []byte {
	if r.bytes += len(b) + 16; r.full() {
		return nil
	}
	return bytes.Clone(b)
}

// ask notes a request.
func (r *Recording) ask(request []byte) { r.Requests = append(r.Requests, r.keep(request)) }

// respond notes what the guest has answered, and what the host made of it.
func (r *Recording) respond(c *call, fuel int64, f hook.Fault) {
	s := Response{Bytes: r.keep(c.response), None: !c.answered, Fuel: fuel, Fault: f}
	for _, e := range c.events {
		s.Events = append(s.Events, r.keep(e))
	}
	r.Responses = append(r.Responses, s)
}

// stage is a state and a world: that of a call, noted down, or that of a recording.
type stage interface {
	State
	World
}

// scene is the recorded call's scene with a stage behind it.
func (r *Recording) scene(s stage) scene {
	sc := scene{timeMS: r.timeMS}
	if r.reads {
		sc.reader = s
	}
	if r.writes {
		sc.state = s
	}
	if r.world {
		sc.world = s
	}
	return sc
}

// Questions of exchanges begin with one of these.
const (
	askGet     = 'g'
	askScan    = 's'
	askPut     = 'p'
	askDelete  = 'd'
	askForeign = 'f'
	askHistory = 'h'
	askProof   = 'o'
	askBeacon  = 'b'
)

func asking(kind byte, parts ...[]byte) []byte {
	q := []byte{kind}
	for _, p := range parts {
		q = binary.LittleEndian.AppendUint32(q, uint32(len(p)))
		q = append(q, p...)
	}
	return q
}

// tape passes questions on to a call's own scene, and notes them with their answers.
type tape struct {
	r    *Recording
	live scene
}

var _ stage = (*tape)(nil)

func (t *tape) note(question, answer []byte, found bool, pairs [][2][]byte) {
	x := exchange{question: t.r.keep(question), answer: t.r.keep(answer), found: found, pairs: pairs}
	if !t.r.full() {
		t.r.exchanges = append(t.r.exchanges, x)
	}
}

func (t *tape) Get(key []byte) ([]byte, bool, error) {
	q := asking(askGet, key)
	value, ok, err := t.live.reader.Get(key)
	t.note(q, value, ok, nil)
	return value, ok, err
}

func (t *tape) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	q := asking(askScan, start, end)
	var pairs [][2][]byte
	err := t.live.reader.Scan(start, end, func(key, value []byte) bool {
		pairs = append(pairs, [2][]byte{t.r.keep(key), t.r.keep(value)})
		return visit(key, value)
	})
	t.note(q, nil, end != nil, pairs)
	return err
}

func (t *tape) Put(key, value []byte) error {
	t.note(asking(askPut, key, value), nil, false, nil)
	return t.live.state.Put(key, value)
}

func (t *tape) Delete(key []byte) error {
	t.note(asking(askDelete, key), nil, false, nil)
	return t.live.state.Delete(key)
}

func (t *tape) Foreign(namespace string, key []byte) ([]byte, bool, error) {
	q := asking(askForeign, []byte(namespace), key)
	value, ok, err := t.live.world.Foreign(namespace, key)
	t.note(q, value, ok, nil)
	return value, ok, err
}

func (t *tape) History(height uint64) (hook.Ancestor, bool, error) {
	a, ok, err := t.live.world.History(height)
	t.note(asking(askHistory, binary.LittleEndian.AppendUint64(nil, height)), a.Append(nil), ok, nil)
	return a, ok, err
}

func (t *tape) Proof(key []byte) ([]byte, error) {
	q := asking(askProof, key)
	proof, err := t.live.world.Proof(key)
	t.note(q, proof, false, nil)
	return proof, err
}

func (t *tape) Beacon() [32]byte {
	b := t.live.world.Beacon()
	t.note(asking(askBeacon), b[:], false, nil)
	return b
}
