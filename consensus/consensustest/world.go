package consensustest

import (
	"container/heap"
	"crypto/sha256"
	"fmt"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
)

// world is one random network.
type world struct {
	suite      Suite
	rand       random
	origin     quoin.Origin
	validators quoin.ValidatorSet
	parameters quoin.Parameters
	nodes      []*node
	events     events
	now        uint64 // microseconds
	sequence   uint64
	check      checker
	result     Result
	trace      []string
	hash       quoin.Hash

	// what the seed chose
	policy       uint64 // of leaders
	favourite    uint64
	epochHeights quoin.Height
	loss         uint64 // of a thousand messages
	duplicates   uint64
	delayMax     uint64 // microseconds
	crashes      uint64 // of a thousand chaos ticks
	partitions   uint64
	busyness     uint64 // of a thousand chaos ticks that bring a transaction
	traitors     int

	groups  []int // of the partition, by member; members of different groups do not hear each other
	healed  bool
	salt    uint64
	pending map[uint64]bool // injected after healing

	healedEpoch quoin.Epoch // the highest view of any member when the world healed
	healedView  quoin.View
}

const (
	chaosTick = 50_000     // microseconds between acts of chaos
	chaosEnd  = 12_000_000 // when the world heals
	worldEnd  = chaosEnd + 600_000_000
	eventsMax = 3_000_000
)

type event struct {
	at, sequence uint64
	do           func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].sequence < e[j].sequence
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	x := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return x
}

func newWorld(s Suite, seed uint64) *world {
	w := &world{suite: s, rand: random{seed * 0x2545f4914f6cdd1d}, pending: map[uint64]bool{}}
	w.check.w = w
	genesis := sha256.Sum256([]byte("consensustest"))
	w.origin = quoin.NewOrigin("test", "main", genesis)
	members := make([]quoin.Validator, len(s.Weights))
	for i := range members {
		members[i] = quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: quoin.PublicKey{0: 1, 1: byte(i)}, Weight: s.Weights[i]}
	}
	var err error
	if w.validators, err = quoin.NewValidatorSet(members); err != nil {
		panic(err)
	}
	r := &w.rand
	w.parameters = quoin.DefaultParameters()
	w.parameters.TimeoutBaseMS, w.parameters.TimeoutMaxMS = r.between(60, 200), 1_500
	w.parameters.PipelineMaxBlocks = r.between(1, 6)
	w.policy, w.favourite = r.below(3), r.below(uint64(len(members)))
	w.epochHeights = quoin.Height(r.between(1, 20))
	w.delayMax = r.between(2_000, 60_000)
	if r.chance(200) {
		w.delayMax = r.between(60_000, 400_000) // longer than time-outs: views are missed by a hair
	}
	if r.chance(700) {
		w.loss = r.below(250)
	}
	w.duplicates = r.below(100)
	if r.chance(600) {
		w.crashes = r.below(60)
	}
	if r.chance(600) {
		w.partitions = r.below(60)
	}
	w.busyness = r.between(100, 1000)
	w.groups = make([]int, len(members))
	if s.Traitor != nil {
		weight := uint64(0)
		for i := 0; i < len(members) && weight+w.validators.At(i).Weight <= w.validators.FaultBound(); i++ {
			weight += w.validators.At(i).Weight
			w.traitors++
		}
	}
	first := model.Genesis(w.origin, genesis, 1_700_000_000_000)
	w.check.begin(first)
	for i := range members {
		n := &node{w: w, index: i, traitor: i < w.traitors, skewMS: int64(r.below(1_800)) - 900, chain: []*model.Outcome{first}}
		w.nodes = append(w.nodes, n)
	}
	return w
}

func (w *world) run() {
	for _, n := range w.nodes {
		n.boot()
	}
	w.after(chaosTick, w.chaos)
	for n := 0; len(w.events) > 0 && w.result.Broken == ""; n++ {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		if w.now > worldEnd || n > eventsMax {
			w.broken("I5: the world did not come to rest: %s", w.state())
			return
		}
		e.do()
	}
	if w.result.Broken == "" {
		w.check.end()
	}
}

func (w *world) after(microseconds uint64, do func()) {
	w.sequence++
	heap.Push(&w.events, event{w.now + microseconds, w.sequence, do})
}

// chaos acts once in a while until the world heals.
func (w *world) chaos() {
	r := &w.rand
	if w.now >= chaosEnd {
		w.heal()
		return
	}
	w.after(chaosTick, w.chaos)
	if r.chance(w.busyness) {
		w.inject(1)
	}
	if r.chance(5) {
		w.busyness = r.between(0, 1) * r.between(100, 1000) // idle for a while
	}
	if r.chance(w.partitions) {
		parts := r.between(1, 3)
		for i := range w.groups {
			w.groups[i] = int(r.below(parts))
		}
		w.note("partition %v", w.groups)
	}
	if r.chance(w.crashes) {
		n := w.nodes[r.below(uint64(len(w.nodes)))]
		if n.machine != nil {
			n.crash()
		}
	}
	for _, n := range w.nodes {
		if n.machine == nil && r.chance(100) {
			n.boot()
		}
	}
}

// heal ends losses and partitions, restarts all but f at most, and brings new transactions.
func (w *world) heal() {
	w.note("healed")
	w.healed, w.loss, w.duplicates = true, 0, 0
	w.delayMax = min(w.delayMax, 20_000)
	dead := uint64(0)
	for i := range w.traitors {
		dead += w.validators.At(i).Weight
	}
	for i, n := range w.nodes {
		w.groups[i] = 0
		if n.machine != nil {
			continue
		}
		if weight := w.validators.At(i).Weight; !n.traitor && dead+weight <= w.validators.FaultBound() && w.rand.chance(500) {
			dead += weight
			n.dead = true
			continue
		}
		n.boot()
	}
	for _, n := range w.nodes {
		if n.machine == nil {
			continue
		}
		if s := n.machine.Status(); s.Epoch > w.healedEpoch || s.Epoch == w.healedEpoch && s.View > w.healedView {
			w.healedEpoch, w.healedView = s.Epoch, s.View
		}
	}
	w.inject(3)
}

// inject gives transactions to a member, who tells the others.
func (w *world) inject(count int) {
	for range count {
		w.salt++
		i := int(w.rand.below(uint64(len(w.nodes))))
		for w.nodes[i].traitor || w.healed && w.nodes[i].machine == nil {
			i = (i + 1) % len(w.nodes)
		}
		if w.healed {
			w.pending[w.salt] = true
		}
		w.nodes[i].submit(w.salt)
		w.nodes[i].forward([]uint64{w.salt})
	}
}

// carry brings something from one member to another, or not.
func (w *world) carry(from, to int, what func(n *node)) {
	if from == to {
		return
	}
	copies := 1
	if w.rand.chance(w.duplicates) {
		copies++
	}
	for range copies {
		if w.groups[from] != w.groups[to] || w.rand.chance(w.loss) {
			w.result.Lost++
			continue
		}
		delay := w.rand.between(200, w.delayMax)
		w.after(delay, func() {
			if n := w.nodes[to]; n.machine != nil {
				what(n)
			}
		})
	}
}

func (w *world) broken(format string, args ...any) {
	if w.result.Broken == "" {
		w.result.Broken = fmt.Sprintf(format, args...)
		w.result.Trace = strings.Join(w.trace, "\n")
	}
}

// note keeps the last events for people, and all of them in the digest.
func (w *world) note(format string, args ...any) {
	line := fmt.Sprintf("%9d µs  ", w.now) + fmt.Sprintf(format, args...)
	w.hash = sha256.Sum256(append(w.hash[:], line...))
	if len(w.trace) >= 200 {
		w.trace = append(w.trace[:0], w.trace[100:]...)
	}
	w.trace = append(w.trace, line)
}

func (w *world) digest() quoin.Hash {
	return sha256.Sum256(canonical.AppendUint64(w.hash[:], w.now))
}

func (w *world) state() string {
	var b strings.Builder
	for i, n := range w.nodes {
		if n.machine == nil {
			fmt.Fprintf(&b, "\n  %d down", i)
			continue
		}
		s := n.machine.Status()
		fmt.Fprintf(&b, "\n  %d epoch %d view %d certified view %d height %d uncertified %d pending %d traitor %v", i, s.Epoch, s.View, s.CertifiedView,
			n.tip().Checkpoint.Height, s.Uncertified, len(n.pool), n.traitor)
	}
	return b.String()
}

// describe writes a message in a few words.
func describe(m consensus.Message, claims []consensus.Claim) string {
	for _, c := range claims {
		if c.Kind == m.Kind() {
			return fmt.Sprintf("%s %d %x", c.Kind, c.View, c.Content[:3])
		}
	}
	return m.Kind()
}
