package simplex_test

import (
	"fmt"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

// diary is a pacemaker that writes down what it is asked and told.
type diary struct {
	answer uint64
	lines  []string
}

func (d *diary) Timeout(v, certified quoin.View, builtinMS uint64, again bool) uint64 {
	d.lines = append(d.lines, fmt.Sprintf("view %d after %d, again %v: %d", v, certified, again, builtinMS))
	return d.answer
}

func (d *diary) Left(v quoin.View, notarized bool) {
	d.lines = append(d.lines, fmt.Sprintf("left %d, notarized %v", v, notarized))
}

// The reason for which a timer was set can go, and come again: then it gets its whole time.
func TestTimerStopsWhenItsReasonGoes(t *testing.T) {
	z := newFuzzed(t, nil)
	d := &diary{answer: 41}
	z.config.Pacemaker = d
	z.machine = simplex.New(z.config)
	step := func(in consensus.Input) *consensus.Output {
		var out consensus.Output
		z.machine.Step(scenarioStart, in, &out)
		return &out
	}
	step(consensus.Started{})
	first := step(consensus.Wanted{Wanted: true}).Timer
	step(consensus.Wanted{Wanted: false})
	if out := step(consensus.TimedOut{Timer: first.ID}); len(out.Reports) > 0 || len(out.Send) > 0 || out.Timer != nil {
		t.Errorf("a timer without a reason: %+v", out)
	}
	second := step(consensus.Wanted{Wanted: true}).Timer
	if second == nil || second.ID == first.ID {
		t.Fatalf("the first timer is %v, the second %v", first, second)
	}
	if out := step(consensus.TimedOut{Timer: first.ID}); len(out.Send) > 0 {
		t.Error("the timer that was stopped gives the view up")
	}
	if out := step(consensus.TimedOut{Timer: second.ID}); len(out.Send) == 0 {
		t.Error("the view is not given up")
	}
	step(consensus.Wanted{Wanted: false})
	step(consensus.Wanted{Wanted: true}) // a new wait, although the view timed out before
	fresh, again := "view 1 after 0, again false: 500", "view 1 after 0, again true: 500"
	if want := []string{fresh, fresh, again, fresh}; !slices.Equal(d.lines, want) {
		t.Errorf("the pacemaker heard %q, want %q", d.lines, want)
	}
}

// A pacemaker is asked for every timer that starts, and for none on an idle chain; it hears how each
// view ended, and its answers are the time-outs.
func TestPacemakerIsAskedForEveryTimer(t *testing.T) {
	z := newFuzzed(t, nil)
	d := &diary{answer: 41}
	z.config.Pacemaker = d
	z.machine = simplex.New(z.config)
	var after []uint64
	step := func(in consensus.Input) {
		var out consensus.Output
		z.machine.Step(scenarioStart, in, &out)
		if out.Timer != nil {
			z.timer = out.Timer.ID
			after = append(after, out.Timer.AfterMS)
			d.answer++
		}
	}
	receive := func(m consensus.Message) {
		step(consensus.Received{Verified: consensus.Verified{From: 0, Message: m}})
	}
	signers, signatures := z.signatures()
	nullified := func(v quoin.View) *simplex.Nullification {
		return &simplex.Nullification{View: v, Signers: signers, Signatures: signatures}
	}
	checkpoint := func(v quoin.View) quoin.Checkpoint {
		return quoin.Checkpoint{Origin: z.config.Origin, Epoch: 1, Height: 1, View: v, Block: quoin.Hash{byte(v)}, Time: scenarioStart + 1}
	}

	step(consensus.Started{})
	step(consensus.Wanted{Wanted: true}) // view 1 has a reason to wait
	step(consensus.TimedOut{Timer: z.timer})
	receive(nullified(1))
	receive(&simplex.Notarization{View: 2, Block: quoin.Hash{2}, Signers: signers, Signatures: signatures})
	receive(nullified(5))                  // passes over two views
	for _, v := range []quoin.View{6, 9} { // the second passes over two views
		receive(&simplex.Certificate{Certificate: quoin.Certificate{Checkpoint: checkpoint(v), Signers: signers, Signatures: signatures}})
	}

	want := []string{
		"view 1 after 0, again false: 500", "view 1 after 0, again true: 500",
		"left 1, notarized false", "view 2 after 0, again false: 1000",
		"left 2, notarized true", "view 3 after 0, again false: 2000",
		"left 3, notarized false", "view 6 after 0, again false: 16000",
		"left 6, notarized true", "view 7 after 6, again false: 500",
		"left 7, notarized false", "view 10 after 9, again false: 500",
	}
	if !slices.Equal(d.lines, want) {
		t.Errorf("the pacemaker heard %q, want %q", d.lines, want)
	}
	if want := []uint64{41, 42, 43, 44, 45, 46, 47}; !slices.Equal(after, want) {
		t.Errorf("time-outs of %d ms, want %d", after, want)
	}
}
