package simplex_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
	"quoin.dev/quoin/consensus/simplex"
)

// TestStateKnowsEveryField fails when a field is added to the machine: write it in AppendState, or give
// the reason there why it cannot change what the machine does, and list it here.
func TestStateKnowsEveryField(t *testing.T) {
	machine := reflect.TypeFor[simplex.Simplex]()
	field := func(name string) reflect.Type {
		f, _ := machine.FieldByName(name)
		return f.Type
	}
	for _, x := range []struct {
		of      reflect.Type
		written []string
		leftOut []string
	}{
		{machine, []string{"view", "enteredBy", "root", "cert", "step", "notarized", "hole", "order", "rounds", "candidates", "wanted", "nothing",
			"started", "ended", "halted", "stirred", "armed", "overdue", "building", "fetching"},
			[]string{"c", "domain", "links", "candidateBytes", "timer", "ticks", "peers", "leaders", "encoded"}},
		{field("root").Elem(), []string{"id", "parent", "stage", "needed", "outdated", "abstained", "adopted", "withheld", "persisted", "digest", "last"},
			[]string{"block", "view", "height", "time", "diverged", "checkpoint"}},
		{field("rounds").Elem().Elem(), []string{"offers", "leaderCalls", "proposal", "notarizes", "nullifies", "finalizes", "notarization",
			"nullification", "proposed", "voted", "nullified", "finalized", "hopeless"}, []string{"equivocators", "suspected", "split"}},
		{field("building").Elem(), []string{"View", "Parent", "Time", "Empty", "Tail", "Must"}, nil},
	} {
		var have []string
		for i := range x.of.NumField() {
			have = append(have, x.of.Field(i).Name)
		}
		want := slices.Concat(x.written, x.leftOut)
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Errorf("%s has the fields\n%v, and AppendState was written for\n%v", x.of, have, want)
		}
	}
}

// TestEqualStatesBehaveAlike brings two machines the same messages in different orders. When their
// states are equal, both get the same further inputs, and must stay equal and demand the same.
func TestEqualStatesBehaveAlike(t *testing.T) {
	const seeds = 400
	equal := 0
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, b := newStated(), newStated()
		pool := a.pool()
		mixed := func() []consensus.Input {
			inputs := slices.Clone(pool)
			r.Shuffle(len(inputs), func(i, j int) { inputs[i], inputs[j] = inputs[j], inputs[i] })
			return inputs
		}
		first := mixed()[:1+r.IntN(6)]
		again := slices.Clone(first)
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		for i := range first {
			a.step(first[i])
			b.step(again[i])
		}
		if !bytes.Equal(a.state(), b.state()) {
			continue
		}
		if !slices.EqualFunc(first, again, func(x, y consensus.Input) bool { return reflect.DeepEqual(x, y) }) {
			equal++
		}
		for i, in := range mixed() {
			if did, also := a.step(in), b.step(in); did != also || !bytes.Equal(a.state(), b.state()) {
				t.Fatalf("seed %d: after equal states, input %d (%T) makes one machine do\n%s\nand the other\n%s\nreplay: go test ./consensus/simplex -run TestEqualStatesBehaveAlike",
					seed, i, in, did, also)
			}
		}
	}
	if equal < seeds/10 {
		t.Errorf("only %d of %d pairs had equal states after different histories", equal, seeds)
	}
}

// stated is a machine whose blocks are executed at once.
type stated struct {
	machine *simplex.Simplex
	config  consensus.Member
	timer   uint64
}

func newStated() *stated {
	set, _ := members([]uint64{1, 1, 1, 1})
	genesis := quoin.Hash{1}
	origin := quoin.NewOrigin("test", "main", genesis)
	s := &stated{}
	s.config = consensus.Member{Origin: origin, Epoch: 1, Validators: set, Parameters: quoin.DefaultParameters(), Self: 1,
		Signer: model.Signer{Index: 1}, Keys: model.Keys{N: 4}, Leaders: s,
		Root: consensus.Root{Block: genesis, Checkpoint: quoin.Checkpoint{Origin: origin, Block: genesis, Time: scenarioStart}}}
	s.machine = simplex.New(simplex.Config{Member: s.config})
	s.step(consensus.Started{})
	s.step(consensus.Wanted{Wanted: true})
	return s
}

func (s *stated) Leader(v quoin.View, _ quoin.Hash) (int, bool) { return 0, v <= 3 }

func (s *stated) state() []byte { return s.machine.AppendState(nil, nil) }

// pool returns inputs that members could have sent: two blocks of view 1 and one of view 2, all votes
// for them, and time-outs.
func (s *stated) pool() []consensus.Input {
	inputs := []consensus.Input{consensus.TimedOut{}, consensus.TimedOut{}}
	root := &s.config.Root.Checkpoint
	for i, view := range []quoin.View{1, 1, 2} {
		block := quoin.NewBlock(quoin.Header{Epoch: 1, View: view, Height: 1, Parent: root.Block, ParentCheckpoint: root.Digest(),
			Time: root.Time + 1 + quoin.Time(i)}, nil)
		c := s.execute(block)
		inputs = append(inputs, received(0, &simplex.Proposal{Block: block}))
		for _, from := range []int{0, 2, 3} {
			inputs = append(inputs, received(from, &simplex.Notarize{View: view, Block: block.ID(), Checkpoint: c.Digest()}),
				received(from, &simplex.Finalize{Checkpoint: c}), received(from, &simplex.Nullify{View: view}))
		}
	}
	return inputs
}

func received(from int, m consensus.Message) consensus.Input {
	return consensus.Received{Verified: consensus.Verified{From: from, Message: m}}
}

func (s *stated) execute(b *quoin.Block) quoin.Checkpoint {
	h := b.Header()
	return quoin.Checkpoint{Origin: s.config.Origin, Epoch: 1, Height: h.Height, View: h.View, Block: b.ID(), Time: h.Time}
}

// step takes an input as a driver would, and returns what the machine demands, questions apart.
func (s *stated) step(in consensus.Input) string {
	var did bytes.Buffer
	if _, ok := in.(consensus.TimedOut); ok {
		in = consensus.TimedOut{Timer: s.timer}
	}
	if m, ok := in.(consensus.Received); ok && !s.machine.Fresh(m.From, m.Message, &consensus.Output{}) {
		return ""
	}
	for queue := []consensus.Input{in}; len(queue) > 0; queue = queue[1:] {
		var out consensus.Output
		s.machine.Step(scenarioStart+1_000, queue[0], &out)
		for _, e := range out.Send {
			if e.To == consensus.All && e.Message.Kind() != "need" {
				fmt.Fprintf(&did, "send %s %v\n", e.Message.Kind(), simplex.Protocol("", simplex.Rules{}).Claims(e.Message))
			}
		}
		fmt.Fprintf(&did, "persist %d, certify %d, timer %v\n", len(out.Persist), len(out.Certified), out.Timer != nil)
		for _, x := range out.Execute {
			queue = append(queue, consensus.Executed{Block: x.Block.ID(), Verdict: consensus.Valid, Checkpoint: s.execute(x.Block)})
		}
		for _, b := range out.Build {
			queue = append(queue, consensus.Built{View: b.View})
		}
		if out.Timer != nil {
			s.timer = out.Timer.ID
		}
	}
	return did.String()
}
