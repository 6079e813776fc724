package chained_test

import (
	"crypto/sha256"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/chained"
	"quoin.dev/quoin/consensus/model"
)

// FuzzStep drives a machine by a string of bytes: with messages that are signed as they must be, but by
// any number of faulty validators, so that proofs and certificates may contradict one another; with
// time-outs, answers, and restarts from its log and from a snapshot of it. It never panics, and what it
// persists recovers it.
func FuzzStep(f *testing.F) {
	for seed := range byte(24) {
		var b []byte
		for i := range byte(12) {
			d := sha256.Sum256([]byte{seed, i})
			b = append(b, d[:]...)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 4096 {
			return
		}
		z := &fuzzed{lone: newLone(t, chained.Rules{}), bytes: program}
		z.known = []*model.Outcome{z.root()}
		for len(z.bytes) > 0 && !z.machine.Status().Ended {
			z.act()
		}
		z.restart()
	})
}

type fuzzed struct {
	*lone
	bytes []byte
	known []*model.Outcome
}

func (z *fuzzed) next(n int) int {
	if len(z.bytes) == 0 {
		return 0
	}
	b := z.bytes[0]
	z.bytes = z.bytes[1:]
	return int(b) % n
}

func (z *fuzzed) act() {
	before := z.machine.Status()
	switch op := z.next(20); op {
	case 0:
		z.restart()
	case 1, 2:
		z.step(consensus.TimedOut{Timer: z.timer})
	case 3:
		z.step(consensus.Wanted{Wanted: z.next(2) == 0})
	case 4:
		for _, b := range z.out.Build {
			z.step(consensus.Built{View: b.View, Nothing: z.next(4) == 0})
		}
	case 5:
		o := z.block()
		z.step(consensus.Fetched{From: 1, Blocks: []*quoin.Block{o.Block}})
	case 6:
		o := z.block()
		z.step(consensus.Executed{Block: o.Block.ID(), Verdict: consensus.Verdict(z.next(3)), Checkpoint: o.Checkpoint, Last: o.Last})
		z.step(consensus.Retry{})
	default:
		z.receive(z.message(op % 7))
	}
	after := z.machine.Status()
	if after.View < before.View || after.CertifiedView < before.CertifiedView {
		z.t.Fatalf("from %+v to %+v", before, after)
	}
}

// block returns a block that was made before, or makes one on a block that was.
func (z *fuzzed) block() *model.Outcome {
	if len(z.known) > 1 && z.next(3) > 0 {
		return z.known[1+z.next(len(z.known)-1)]
	}
	parent := z.known[z.next(len(z.known))]
	var proof chained.Proof
	if parent.Checkpoint.View > 0 {
		proof = z.qc(parent)
	}
	o := z.lone.block(parent.Checkpoint.View+1+quoin.View(z.next(3)), parent, proof, uint64(1000+len(z.known)))
	z.known = append(z.known, o)
	return o
}

func (z *fuzzed) message(kind int) (int, consensus.Message) {
	from, o := 1+z.next(3), z.block()
	v := o.Checkpoint.View
	switch kind {
	case 0, 1:
		var proof chained.Proof
		if h := o.Block.Header(); h.ParentView > 0 {
			proof = z.qc(o.Parent)
		}
		if h := o.Block.Header(); h.ParentView+1 < h.View {
			return z.propose(o, proof, z.tc(v-1, proof))
		}
		return z.propose(o, proof, nil)
	case 2:
		return from, z.vote(from, o)
	case 3:
		return from, z.timeout(from, v+1, z.qc(o))
	case 4:
		return from, z.qc(o)
	case 5:
		return from, z.tc(v+1, z.qc(o))
	}
	if z.next(4) == 0 {
		return from, z.certificate(o)
	}
	return from, &chained.Ask{Certified: v, View: v}
}

// restart recovers a machine from the log, and that from a snapshot of the recovered one.
func (z *fuzzed) restart() {
	for range 2 {
		z.machine = chained.New(chained.Config{Member: z.member})
		for _, r := range z.log {
			if err := z.machine.Recover(r); err != nil {
				z.t.Fatalf("recovering: %v", err)
			}
		}
		z.log = z.machine.Snapshot()
	}
	z.step(consensus.Started{})
}
