package governance

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"quoin.dev/quoin"
)

// world is one run of the property test: a chain, the commands sent to it, and the observer.
type world struct {
	random   *rand.Rand
	flaws    Flaws
	env      Environment
	state    *noted
	genesis  *quoin.Configuration
	observer *observer
	height   quoin.Height
	pace     int      // commands of a block, about
	calm     int      // how much rarer than usual faults, bad reports and pauses are
	shadows  []uint64 // what plans declare
	trials   []uint64
	blocks   []Block
	epochs   []quoin.Configuration
	cells    map[cell]int
	seen     map[string]int
	fresh    int // numbers what must be new
	broken   string
	doing    string
}

// cell is one of the table of statuses and commands.
type cell struct {
	status Status
	kind   Kind
	taken  bool
}

// noted is the state under test; it notes what is written.
type noted struct {
	memory
	keys []string
}

func (n *noted) Put(k, v []byte) {
	n.keys = append(n.keys, string(k))
	n.memory.Put(k, v)
}

func (n *noted) Delete(k []byte) {
	n.keys = append(n.keys, string(k))
	n.memory.Delete(k)
}

func newWorld(seed uint64, genesis *quoin.Configuration, judge Judge, f Flaws) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 7)), flaws: f, env: testEnvironment(), state: &noted{memory: memory{}}, genesis: genesis,
		pace: 8, calm: 1, shadows: []uint64{0, 4, 4, 8}, trials: []uint64{0, 6, 12, 20}, cells: map[cell]int{}, seen: map[string]int{}}
	w.env.Judge = judge
	w.observer = newObserver(w)
	Init(w.state, genesis)
	return w
}

func (w *world) fail(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf("height %d: %s: ", w.height, w.doing) + fmt.Sprintf(format, args...)
	}
}

// run takes steps until something is broken. A panic is.
func (w *world) run(steps int) (broken string) {
	defer func() {
		if e := recover(); e != nil {
			broken = fmt.Sprintf("height %d: %s: panic: %v", w.height, w.doing, e)
		}
	}()
	for range steps {
		if w.step(); w.broken != "" {
			return w.broken
		}
	}
	w.replay()
	return w.broken
}

func (w *world) step() {
	if w.height == 0 || w.random.IntN(w.pace) == 0 {
		w.begin()
		return
	}
	signer, command := w.command()
	w.doing = fmt.Sprintf("%T%+v", command, command)
	payload := Encode(command)
	switch w.random.IntN(100) {
	case 0, 1:
		payload[w.random.IntN(len(payload))] ^= 1 << w.random.IntN(8)
		w.doing = fmt.Sprintf("bytes %x", payload)
	case 2:
		payload = make([]byte, w.random.IntN(80))
		for i := range payload {
			payload[i] = byte(w.random.IntN(24)) // what lengths and kinds are made of
		}
		w.doing = fmt.Sprintf("bytes %x", payload)
	}
	w.send(signer, payload)
}

func (w *world) send(signer quoin.PublicKey, payload []byte) {
	sent, err := DecodeCommand(payload)
	status := Status(0)
	if err == nil {
		status = w.statusOf(sent)
	}
	w.state.keys = w.state.keys[:0]
	x := w.flaws.Apply(w.env, w.state, w.height, signer, payload)
	w.seen[Code(x.Code).String()]++
	stale := err == nil && w.observer.stale(sent)
	block := &w.blocks[len(w.blocks)-1]
	block.Entries = append(block.Entries, quoin.Entry{Result: x,
		Transaction: quoin.Transaction{Sender: signer, Namespace: quoin.KernelNamespace, Payload: payload}})
	if status != 0 {
		w.cells[cell{status, sent.Kind(), x.Code == 0}]++
	}
	switch {
	case !Code(x.Code).Valid() || (err != nil) != (Code(x.Code) == Malformed):
		w.fail("result %s, decoding %v", Code(x.Code), err)
	case Code(x.Code) == StaleVoice && !stale:
		w.fail("it is of the present round")
	case stale && !slices.Contains([]Code{OK, StaleVoice, NotProposer, NotApprover, NotAssessor, NotValidator}, Code(x.Code)): // who may not comes first
		w.fail("of another round, and refused as %s", Code(x.Code))
	case x.Code != 0 && len(w.state.keys) > 0:
		w.fail("refused as %s and wrote %q", Code(x.Code), w.state.keys)
	case x.Code == 0 && len(w.state.keys) == 0:
		w.fail("succeeded and wrote nothing")
	case x.Code == 0:
		if err := w.observer.applied(signer, sent, x); err != nil {
			w.fail("%v", err)
		}
		if n := numberOf(sent); n != 0 {
			w.check(n)
			w.seen[passage(status, w.observer.dossiers[n-1].status)]++
		}
		w.checkWritten()
	}
}

// passage names a way from one status to another.
func passage(from, to Status) string { return from.String() + " to " + to.String() }

// statusOf returns where the proposal stands that a command is about; 0 for none.
func (w *world) statusOf(c Command) Status {
	n := numberOf(c)
	if r, ok := c.(Rollback); ok {
		n = w.observer.top(r.Slot).proposal
	}
	if n == 0 || uint64(n) > uint64(len(w.observer.dossiers)) {
		return 0
	}
	return w.observer.dossiers[n-1].status
}

// checkWritten compares every proposal that was written with what the observer expects.
func (w *world) checkWritten() {
	for _, k := range w.state.keys {
		var n ProposalNumber
		if _, err := fmt.Sscanf(k, "proposal/%d", &n); err == nil {
			w.check(n)
		}
		if strings.HasPrefix(k, "epoch/") && w.doing != "begin" {
			w.fail("%s was written", k)
		}
	}
}

func (w *world) check(n ProposalNumber) {
	p, ok := ReadProposal(w.state.memory, n)
	if !ok || uint64(n) > uint64(len(w.observer.dossiers)) {
		w.fail("proposal %d: there %v", n, ok)
		return
	}
	d := w.observer.dossiers[n-1]
	if p.Status != d.status || p.Round != d.round || p.Class != d.class || p.Due != d.due {
		w.fail("proposal %d of class %c is %s in round %d, due at %d; what was said makes it %c, %s, %d, %d", n, p.Class, p.Status, p.Round, p.Due,
			d.class, d.status, d.round, d.due)
	}
}

// begin begins a height, with its faults if it has some.
func (w *world) begin() {
	w.height++
	w.doing = "begin"
	w.blocks = append(w.blocks, Block{Height: w.height})
	w.observer.begin()
	w.state.keys = w.state.keys[:0]
	d := w.flaws.Decide(w.env, w.state, w.height)
	if len(w.state.keys) > 0 {
		w.fail("deciding wrote %q", w.state.keys)
	}
	before := make([]Status, len(w.observer.dossiers))
	for i, x := range w.observer.dossiers {
		before[i] = x.status
	}
	want := w.observer.due(func(n ProposalNumber) bool {
		return !slices.ContainsFunc(d.Outcomes, func(o Outcome) bool { return o.Proposal == n && o.Why == WhyConfiguration })
	})
	if (want == nil) != (d.Next == nil) || want != nil && want.Digest() != d.Next.Digest() {
		w.fail("the next epoch is not what was earned: %+v", d.Outcomes)
		return
	}
	Enact(w.state, d)
	if d.Next != nil {
		w.epochs = append(w.epochs, *d.Next)
	}
	w.checkWritten()
	for i, x := range w.observer.dossiers {
		if x.status != before[i] {
			w.check(x.number)
			w.seen[passage(before[i], x.status)]++
		}
	}
	if w.random.IntN(8*w.calm) == 0 {
		w.fault()
	}
	if w.random.IntN(60) == 0 {
		Suspend(w.state, "bank", Suspension{Height: w.height})
	}
}

// fault records some faults of a slot.
func (w *world) fault() {
	slot := pick(w, slots...)
	for i := 0; i < 3 && w.observer.top(slot).proposal == 0; i++ {
		slot = pick(w, slots...)
	}
	block := &w.blocks[len(w.blocks)-1]
	for range 1 + w.random.IntN(5) {
		block.Faults = append(block.Faults, SlotFault{slot, 4})
		RecordFault(w.env, w.state, slot, 4, w.height)
		w.observer.fault(slot)
	}
	w.checkWritten()
}

// replay runs the audit's events, and then the ledger's blocks, on states of their own.
func (w *world) replay() {
	w.doing = "replay"
	again := memory{}
	Init(again, w.genesis)
	height := quoin.Height(0)
	for n := uint64(1); n <= ReadAudit(w.state).Count; n++ {
		e, _ := ReadAuditEvent(w.state, n)
		for ; height < e.Height; height++ {
			Enact(again, w.flaws.Decide(w.env, again, height+1))
		}
		switch e.Kind {
		case AuditCommand:
			c, _ := e.Command()
			w.flaws.Apply(w.env, again, e.Height, c.Signer, c.Payload)
		case AuditFault:
			f, _ := e.Fault()
			RecordFault(w.env, again, f.Slot, f.Code, e.Height)
		case AuditSuspension:
			namespace, x, _ := e.Suspension()
			Suspend(again, namespace, x)
		}
	}
	if !maps.EqualFunc(again, w.state.memory, bytes.Equal) {
		w.fail("the events give another state")
	}
	folded, err := w.flaws.Fold(w.env, w.genesis, slices.Values(w.blocks), w.height)
	live := append([]quoin.Configuration{*w.genesis}, w.epochs...)
	if err != nil || !slices.EqualFunc(folded, live, func(a, b quoin.Configuration) bool { return a.Digest() == b.Digest() }) {
		w.fail("the fold gives %d epochs, the chain has %d, or they differ: %v", len(folded), len(live), err)
	}
	for _, c := range live {
		if r, ok := ReadConfiguration(w.state.memory, c.Epoch); !ok || r.Digest() != c.Digest() {
			w.fail("epoch %d was not kept", c.Epoch)
		}
	}
}

func pick[T any](w *world, of ...T) T { return of[w.random.IntN(len(of))] }
