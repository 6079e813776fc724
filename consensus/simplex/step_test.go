package simplex_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

// FuzzStep feeds a machine with whatever more than f faulty validators could have signed, and with
// every other input in any order: it may stop on a contradiction, but must not panic, must answer
// within limits, and must recover from what it persisted at any moment.
func FuzzStep(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"))
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
		newFuzzed(t, program).run()
	})
}

// fuzzed is a machine that a string of bytes drives.
type fuzzed struct {
	t       *testing.T
	bytes   []byte
	config  simplex.Config
	machine *simplex.Simplex
	root    *result
	blocks  []*quoin.Block
	results map[quoin.Hash]*result
	work    []*quoin.Block
	builds  []consensus.Build
	log     []consensus.Record
	timer   uint64
	ended   bool
}

func newFuzzed(t *testing.T, program []byte) *fuzzed {
	set, signers := members([]uint64{1, 1, 1, 1})
	genesis := sha256.Sum256([]byte("fuzz"))
	origin := quoin.NewOrigin("test", "main", genesis)
	root := &result{checkpoint: quoin.Checkpoint{Origin: origin, Block: genesis, Time: scenarioStart}}
	z := &fuzzed{t: t, bytes: program, root: root, results: map[quoin.Hash]*result{genesis: root}}
	z.config = simplex.Config{Member: consensus.Member{Origin: origin, Epoch: 1, Validators: set, Parameters: quoin.DefaultParameters(), Self: 1,
		Signer: cheapSigner{signers[1]}, Keys: nil, Leaders: z, Root: consensus.Root{Block: genesis, Checkpoint: root.checkpoint}}}
	z.machine = simplex.New(z.config)
	z.step(consensus.Started{})
	return z
}

// cheapSigner signs with nothing: Step verifies nothing.
type cheapSigner struct{ consensus.Signer }

func (cheapSigner) Sign([]byte) quoin.Signature { return quoin.Signature{1} }

func (z *fuzzed) Leader(v quoin.View, _ quoin.Hash) (int, bool) { return int(v % 4), v%7 != 6 }

func (z *fuzzed) next() byte {
	if len(z.bytes) == 0 {
		return 0
	}
	b := z.bytes[0]
	z.bytes = z.bytes[1:]
	return b
}

func (z *fuzzed) run() {
	for len(z.bytes) > 0 && !z.ended {
		switch op := z.next(); op % 16 {
		case 0:
			z.restart()
		case 1:
			z.step(consensus.TimedOut{Timer: z.timer})
		case 2:
			z.step(consensus.Wanted{Wanted: op&16 != 0})
		case 3:
			if len(z.builds) > 0 {
				z.step(consensus.Built{View: z.builds[0].View, Nothing: op&16 != 0})
				z.builds = z.builds[1:]
			}
		case 4, 5, 6:
			z.execute(op)
		case 7:
			z.step(consensus.Fetched{From: int(z.next() % 4), Blocks: []*quoin.Block{z.block(), z.block()}[:1+op>>7]})
		case 8:
			z.step(consensus.Retry{})
		default:
			z.receive(z.message(int(op % 8)))
		}
		z.machine.Status()
	}
	z.restart()
}

func (z *fuzzed) view() quoin.View { return quoin.View(z.next() % 24) }

// block returns a block that was made before, or makes one on a block that was.
func (z *fuzzed) block() *quoin.Block {
	op := z.next()
	if len(z.blocks) > 0 && op%3 != 0 {
		return z.blocks[int(op/3)%len(z.blocks)]
	}
	parent := z.root
	if len(z.blocks) > 0 && op&4 != 0 {
		if r := z.results[z.blocks[int(z.next())%len(z.blocks)].ID()]; r != nil {
			parent = r
		}
	}
	h := quoin.Header{Epoch: 1, View: parent.checkpoint.View + 1 + z.view()%6, Height: parent.checkpoint.Height + 1, Parent: parent.checkpoint.Block,
		ParentCheckpoint: parent.checkpoint.Digest(), ParentView: parent.checkpoint.View, Time: parent.checkpoint.Time + 1, Proposer: uint16(op % 4)}
	if h.ParentView > 0 {
		h.ParentVoters = quoin.Bitmap{7}
	}
	if parent.last {
		h.Height, h.Time = parent.checkpoint.Height, parent.checkpoint.Time
	}
	b := quoin.NewBlock(h, nil)
	z.blocks = append(z.blocks, b)
	z.result(b, parent)
	return b
}

func (z *fuzzed) result(b *quoin.Block, parent *result) *result {
	h := b.Header()
	c := quoin.Checkpoint{Origin: z.config.Origin, Epoch: 1, Height: h.Height, View: h.View, Block: b.ID(), Time: h.Time}
	r := &result{block: b, checkpoint: c, last: parent.last || h.Height == 4}
	z.results[b.ID()] = r
	return r
}

func (z *fuzzed) signatures() (quoin.Bitmap, []quoin.Signature) {
	return quoin.Bitmap{7}, make([]quoin.Signature, 3)
}

func (z *fuzzed) message(kind int) (int, consensus.Message) {
	from := int(z.next()) % 4
	b := z.block()
	c := z.results[b.ID()].checkpoint
	if z.next()%8 == 0 {
		c.State[0] = 1
	}
	signers, signatures := z.signatures()
	switch kind {
	case 0:
		p := &simplex.Proposal{Block: b}
		if h := b.Header(); h.ParentView > 0 {
			p.Parent = &simplex.Notarization{View: h.ParentView, Block: h.Parent, Checkpoint: h.ParentCheckpoint, Signers: signers, Signatures: signatures}
		}
		return int(b.Header().Proposer), p
	case 1:
		return from, &simplex.Notarize{View: b.Header().View, Block: b.ID(), Checkpoint: c.Digest()}
	case 2:
		return from, &simplex.Nullify{View: z.view()}
	case 3:
		return from, &simplex.Finalize{Checkpoint: c}
	case 4:
		return from, &simplex.Notarization{View: b.Header().View, Block: b.ID(), Checkpoint: c.Digest(), Signers: signers, Signatures: signatures}
	case 5:
		return from, &simplex.Nullification{View: z.view(), Signers: signers, Signatures: signatures}
	case 6:
		return from, &simplex.Certificate{Certificate: quoin.Certificate{Checkpoint: c, Signers: signers, Signatures: signatures}}
	}
	v := z.view()
	if z.next()%4 == 0 {
		v -= 30 // the largest numbers there are
	}
	return from, &simplex.Need{From: v, To: max(v, v+z.view())}
}

func (z *fuzzed) receive(from int, m consensus.Message) {
	if from == z.config.Self {
		return
	}
	var out consensus.Output
	fresh := z.machine.Fresh(from, m, &out)
	z.meet(&out)
	if fresh || z.next()%4 == 0 {
		z.step(consensus.Received{Verified: consensus.Verified{From: from, Message: m}})
	}
}

func (z *fuzzed) execute(op byte) {
	if len(z.work) == 0 {
		return
	}
	b := z.work[0]
	z.work = z.work[1:]
	in := consensus.Executed{Block: b.ID(), Verdict: consensus.Verdict(op / 16 % 3)}
	if in.Verdict == consensus.Valid || op&1 == 0 {
		r := z.results[b.ID()]
		if r == nil { // of the machine's own making
			r = z.result(b, z.results[b.Header().Parent])
		}
		in.Verdict, in.Checkpoint, in.Last = consensus.Valid, r.checkpoint, r.last
	}
	z.step(in)
}

func (z *fuzzed) step(in consensus.Input) {
	var out consensus.Output
	z.machine.Step(scenarioStart, in, &out)
	z.meet(&out)
}

func (z *fuzzed) meet(out *consensus.Output) {
	if len(out.Send) > 4*simplex.NullificationsMax {
		z.t.Fatalf("%d messages in one step", len(out.Send))
	}
	for _, r := range out.Persist {
		z.log = append(z.log, bytes.Clone(r))
	}
	for _, x := range out.Execute {
		if p := z.results[x.Block.Header().Parent]; p == nil {
			z.t.Fatal("a block is to be executed whose parent was not")
		}
		z.work = append(z.work, x.Block)
	}
	z.builds = append(z.builds, out.Build...)
	if out.Timer != nil {
		z.timer = out.Timer.ID
	}
	for _, c := range out.Certified {
		z.ended = z.ended || c.Ended
	}
}

// restart recovers a machine from the log, once of the records as they came and once of a snapshot
// of the recovered one.
func (z *fuzzed) restart() {
	z.work, z.builds = nil, nil
	for range 2 {
		z.machine = simplex.New(z.config)
		for _, r := range z.log {
			if err := z.machine.Recover(r); err != nil {
				z.t.Fatalf("recovering: %v", err)
			}
		}
		z.log = nil
		for _, r := range z.machine.Snapshot() {
			z.log = append(z.log, bytes.Clone(r))
		}
	}
	z.step(consensus.Started{})
}
