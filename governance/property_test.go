package governance

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the one seed of TestRandomCommands; 0 for 1, 2, 3, ...")
	seedsFlag = flag.Uint64("seeds", 40, "how many seeds TestRandomCommands runs, 2500 steps each")
)

const stepsPerSeed = 2_500

// TestRandomCommands sends random commands and lets an oracle of its own, which knows only what was
// sent and what was answered, judge every epoch.
func TestRandomCommands(t *testing.T) {
	seen := map[string]int{}
	if *seedFlag != 0 {
		runRandom(t, *seedFlag, plant{}, seen)
		return
	}
	for seed := uint64(1); seed <= *seedsFlag; seed++ {
		if broken := runRandom(t, seed, plant{}, seen); broken != "" {
			t.Fatalf("seed %d: %s\nreplay: go test ./governance -run TestRandomCommands -seed %d", seed, broken, seed)
		}
	}
	if *seedsFlag < 40 {
		return
	}
	for _, what := range []string{"activated", "moved", "rejected", "vetoed", "voided", "rollback", "quarantine", "set changed", "unbound"} {
		if seen[what] == 0 {
			t.Errorf("no run ever met %q: the commands are not random enough", what)
		}
	}
	t.Logf("%v", seen)
}

// plant is a bug, for the controls: a state that does not say what was written, or an executor that
// does things in the wrong order.
type plant struct {
	get       func(key string, value []byte, ok bool) ([]byte, bool)
	keep      string // prefix of keys that Put never changes again and Delete never removes
	enactLate bool
	early     quoin.Height // how far back the executor believes schedules to be
}

// TestPlantedBugs checks that the oracle sees what it is there to see.
func TestPlantedBugs(t *testing.T) {
	pretend := func(prefix string, there bool) func(string, []byte, bool) ([]byte, bool) {
		return func(key string, value []byte, ok bool) ([]byte, bool) {
			if strings.HasPrefix(key, prefix) {
				return make([]byte, 8), there
			}
			return value, ok
		}
	}
	for name, p := range map[string]plant{
		"readiness is not counted": {get: func(key string, value []byte, ok bool) ([]byte, bool) {
			if strings.HasPrefix(key, "ready/") {
				return bytes.Repeat([]byte{0x7f}, 8), true
			}
			return value, ok
		}},
		"vetoes are not counted": {get: pretend("veto/", false)},
		"one approval is enough": {get: func(key string, value []byte, ok bool) ([]byte, bool) {
			if strings.HasPrefix(key, "approval/") && strings.HasSuffix(key, key2("bil")) {
				return make([]byte, 8), true
			}
			return value, ok
		}},
		"notice counts from the block before": {early: 1},
		"withdrawn schedules stay":            {keep: "schedule/"},
		"enacted after the block":             {enactLate: true},
		"faults are not counted on": {get: func(key string, value []byte, ok bool) ([]byte, bool) {
			return value, ok && !strings.HasPrefix(key, "fault/")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= *seedsFlag; seed++ {
				if broken := runRandom(t, seed, p, map[string]int{}); broken != "" {
					t.Logf("seed %d: %s", seed, broken)
					return
				}
			}
			t.Error("not caught")
		})
	}
}

func key2(name string) string { return key(name).String() }

// watched is the state under test; it records what is written.
type watched struct {
	memory
	plant  plant
	writes int
	epochs []string
}

func (w *watched) Get(k []byte) ([]byte, bool) {
	v, ok := w.memory.Get(k)
	if w.plant.get != nil {
		return w.plant.get(string(k), v, ok)
	}
	return v, ok
}

func (w *watched) Put(k, v []byte) {
	w.writes++
	if strings.HasPrefix(string(k), "epoch/") {
		w.epochs = append(w.epochs, string(k))
	}
	w.memory.Put(k, v)
}

func (w *watched) Delete(k []byte) {
	w.writes++
	if w.plant.keep == "" || !strings.HasPrefix(string(k), w.plant.keep) {
		w.memory.Delete(k)
	}
}

// runRandom returns what was broken, or nothing. A panic counts as broken.
func runRandom(t *testing.T, seed uint64, p plant, seen map[string]int) (broken string) {
	w := &world{
		random: rand.New(rand.NewPCG(seed, 7)), env: testEnvironment(), state: &watched{memory: memory{}, plant: p},
		oracle: newOracle(testGenesis(t)), genesis: testGenesis(t), seen: seen,
	}
	defer func() {
		if e := recover(); e != nil {
			if p.get == nil && p.keep == "" && !p.enactLate && p.early == 0 {
				panic(e)
			}
			broken = fmt.Sprintf("panic: %v", e)
		}
	}()
	Init(w.state, w.genesis)
	w.state.epochs = nil
	for range stepsPerSeed {
		w.step()
		if w.broken != "" {
			return w.broken
		}
	}
	w.finish()
	w.checkFold()
	return w.broken
}

// world is one run: a chain, the commands sent to it, and the oracle.
type world struct {
	random   *rand.Rand
	env      Environment
	state    *watched
	genesis  *quoin.Configuration
	oracle   *oracle
	height   quoin.Height
	decision Decision
	blocks   []Block
	epochs   []quoin.Configuration
	seen     map[string]int
	broken   string
}

func (w *world) fail(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf("height %d: ", w.height) + fmt.Sprintf(format, args...)
	}
}

func (w *world) step() {
	if w.height == 0 || w.random.IntN(4) == 0 {
		w.finish()
		w.begin()
		return
	}
	signer, command := w.command()
	payload := Encode(command)
	if w.random.IntN(20) == 0 && len(payload) > 0 {
		payload[w.random.IntN(len(payload))] ^= 1 << w.random.IntN(8)
	}
	w.state.writes, w.state.epochs = 0, nil
	h := w.height
	if _, ok := command.(Schedule); ok {
		h -= min(h-1, w.state.plant.early)
	}
	x := Apply(w.env, w.state, h, signer, payload)
	w.seen[Code(x.Code).String()]++
	block := &w.blocks[len(w.blocks)-1]
	block.Entries = append(block.Entries, quoin.Entry{Result: x,
		Transaction: quoin.Transaction{Sender: signer, Namespace: quoin.KernelNamespace, Payload: payload}})
	switch {
	case !Code(x.Code).Valid():
		w.fail("code %d is not in the table", x.Code)
	case x.Code != 0 && w.state.writes > 0:
		w.fail("%T was refused as %s and wrote", command, Code(x.Code))
	case x.Code == 0 && w.state.writes == 0:
		w.fail("%T succeeded and wrote nothing", command)
	case len(w.state.epochs) > 0:
		w.fail("%T wrote %v", command, w.state.epochs)
	case x.Code == 0:
		sent, err := DecodeCommand(payload)
		if err != nil {
			w.fail("undecodable bytes succeeded")
		}
		w.oracle.applied(w, signer, sent, x)
	}
}

// begin begins a height, with its fault if it has one.
func (w *world) begin() {
	w.height++
	w.blocks = append(w.blocks, Block{Height: w.height})
	w.state.writes = 0
	w.decision = Decide(w.state, w.height)
	if w.state.writes > 0 {
		w.fail("Decide wrote")
	}
	w.oracle.due(w, w.decision)
	if !w.state.plant.enactLate {
		w.enact()
	}
	if w.random.IntN(6) == 0 {
		slot := w.slot()
		block := &w.blocks[len(w.blocks)-1]
		block.Faults = append(block.Faults, SlotFault{slot, 4})
		RecordFault(w.env, w.state, slot, 4, w.height)
		w.oracle.fault(w, slot)
	}
}

func (w *world) finish() {
	if w.height > 0 && w.state.plant.enactLate {
		w.enact()
	}
}

func (w *world) enact() {
	w.state.epochs = nil
	Enact(w.state, w.decision)
	next := w.decision.Next
	switch {
	case next == nil && len(w.state.epochs) > 0:
		w.fail("%v was written in an ordinary block", w.state.epochs)
	case next != nil && (len(w.state.epochs) != 1 || w.state.epochs[0] != string(EpochKey(next.Epoch))):
		w.fail("%v was written, want epoch %d", w.state.epochs, next.Epoch)
	case next != nil:
		w.epochs = append(w.epochs, *next)
	}
}

func (w *world) checkFold() {
	folded, err := Fold(w.env, w.genesis, slices.Values(w.blocks), w.height)
	if err != nil {
		w.fail("%v", err)
		return
	}
	live := append([]quoin.Configuration{*w.genesis}, w.epochs...)
	if !slices.EqualFunc(folded, live, func(a, b quoin.Configuration) bool { return a.Digest() == b.Digest() }) {
		w.fail("the fold gives %d epochs, the chain has %d, or they differ", len(folded), len(live))
	}
	for _, c := range live {
		if r, ok := ReadConfiguration(w.state.memory, c.Epoch); !ok || r.Digest() != c.Digest() {
			w.fail("epoch %d was not kept", c.Epoch)
		}
	}
}

func pick[T any](w *world, of ...T) T { return of[w.random.IntN(len(of))] }

func (w *world) slot() string {
	return pick(w, "leader.v1", "leader.v1", "machine.v1/kv", "machine.v1/bank", "machine.v1/none")
}

// number picks a proposal, mostly an open one.
func (w *world) number() ProposalNumber {
	if open := OpenProposals(w.state.memory); len(open) > 0 && w.random.IntN(10) > 0 {
		return open[w.random.IntN(len(open))].Number
	}
	return ProposalNumber(w.random.Uint64N(uint64(len(w.oracle.proposals)) + 2))
}

func (w *world) command() (quoin.PublicKey, Command) {
	validator := key(pick(w, "v1", "v2", "v3", "v4", "v5", "v6"))
	proposer, approver := key(pick(w, proposerNames...)), key(pick(w, approverNames...))
	if w.random.IntN(12) == 0 {
		proposer, approver, validator = key("eve"), key("ann"), key("bea")
	}
	height := w.height + quoin.Height(w.random.Uint64N(9))
	switch n := w.random.IntN(100); {
	case n < 12:
		return proposer, w.proposal()
	case n < 32:
		return approver, Approve{w.number(), pick(w, 0, 0, 0, height)}
	case n < 46:
		return proposer, Schedule{w.number(), height}
	case n < 78:
		return validator, Ready{w.number()}
	case n < 86:
		return validator, Veto{w.number()}
	case n < 94:
		slot := w.slot()
		x, _ := ReadSlot(w.state.memory, slot)
		return pick(w, approver, validator, validator), Rollback{slot, x.Serving - HistoryNumber(w.random.IntN(8)/7)}
	case n < 97:
		return proposer, Cancel{w.number()}
	}
	Suspend(w.state.memory, "bank", Suspension{Height: w.height})
	return approver, Lift{"bank"}
}

func (w *world) proposal() Command {
	if w.random.IntN(8) == 0 {
		names := []string{"v1", "v2", "v3", "v4", "v5", "v6"}
		w.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		var members []quoin.Validator
		for _, n := range names[:4] {
			members = append(members, quoin.Validator{Name: n, Key: key(n), Weight: 1 + w.random.Uint64N(2)})
		}
		set, _ := quoin.NewValidatorSet(members)
		return NewValidators(set)
	}
	hook, namespace, _ := strings.Cut(w.slot(), "/")
	b := quoin.Binding{Hook: hook, Namespace: namespace, FuelMax: 1000, Parameters: []byte{byte(w.random.IntN(250))}}
	if w.random.IntN(4) == 0 {
		b.Builtin = pick(w, "weighted", "round-robin", "kv")
		return NewBuiltin(b)
	}
	name := pick(w, "fast", "slow", "bank")
	known, _ := ReadName(w.state.memory, name)
	sequence := known.Sequence + uint64(w.random.IntN(3))
	r := testRelease(&w.env, pick(w, "aud", "aud", "bea"), name, fmt.Sprint(sequence), sequence)
	return NewRelease(r, b)
}

func binaryHeight(b []byte) quoin.Height { return quoin.Height(binary.BigEndian.Uint64(b)) }
