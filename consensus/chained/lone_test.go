package chained_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/chained"
	"quoin.dev/quoin/consensus/model"
)

// lone is one machine, member 0 of four, whose others are played by the test. Executions are answered
// at once; the leader of view v is v mod 4.
type lone struct {
	t        testing.TB
	member   consensus.Member
	machine  *chained.Chained
	outcomes map[quoin.Hash]*model.Outcome
	log      []consensus.Record
	timer    uint64
	out      consensus.Output // of the last step, with those of the answers
}

const start = 1_700_000_000_000

func newLone(t testing.TB, rules chained.Rules) *lone {
	var members []quoin.Validator
	for i := range 4 {
		members = append(members, quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: quoin.PublicKey{1, byte(i)}, Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	genesis := sha256.Sum256([]byte("lone"))
	origin := quoin.NewOrigin("test", "main", genesis)
	root := model.Genesis(origin, genesis, start)
	w := &lone{t: t, outcomes: map[quoin.Hash]*model.Outcome{genesis: root}}
	w.member = consensus.Member{Origin: origin, Epoch: 1, Validators: set, Parameters: quoin.DefaultParameters(), Self: 0,
		Signer: model.Signer{Index: 0}, Keys: model.Keys{N: 4}, Leaders: w, Root: consensus.Root{Block: genesis, Checkpoint: root.Checkpoint}}
	w.machine = chained.New(chained.Config{Member: w.member, Rules: rules})
	w.step(consensus.Started{})
	return w
}

func (w *lone) Leader(v quoin.View, _ quoin.Hash) (int, bool) { return int(v % 4), true }

func (w *lone) root() *model.Outcome { return w.outcomes[w.member.Root.Block] }

// step feeds the machine and answers executions.
func (w *lone) step(in consensus.Input) *consensus.Output {
	w.out = consensus.Output{}
	for queue := []consensus.Input{in}; len(queue) > 0; queue = queue[1:] {
		before := len(w.out.Execute)
		w.machine.Step(start, queue[0], &w.out)
		for _, x := range w.out.Execute[before:] {
			o := w.execute(x.Block)
			queue = append(queue, consensus.Executed{Block: x.Block.ID(), Verdict: consensus.Valid, Checkpoint: o.Checkpoint, Last: o.Last})
		}
	}
	w.log = append(w.log, w.out.Persist...)
	if w.out.Timer != nil {
		w.timer = w.out.Timer.ID
	}
	return &w.out
}

func (w *lone) execute(b *quoin.Block) *model.Outcome {
	id := b.ID()
	if w.outcomes[id] == nil {
		w.outcomes[id] = model.Execute(w.member.Origin, w.outcomes[b.Header().Parent], b, 1000)
	}
	return w.outcomes[id]
}

// receive brings a message as a driver does, all checks included, and reports whether it was taken.
func (w *lone) receive(from int, m consensus.Message) bool {
	w.out = consensus.Output{}
	decoded, err := w.machine.Decode(m.AppendBinary(nil))
	if err != nil {
		w.t.Fatalf("%s: %v", m.Kind(), err)
	}
	if !w.machine.Fresh(from, decoded, &w.out) {
		return false
	}
	v, err := w.machine.Verify(from, decoded)
	if err != nil {
		return false
	}
	w.step(consensus.Received{Verified: v})
	return true
}

// block makes a block of a view on a parent.
func (w *lone) block(v quoin.View, parent *model.Outcome, justify chained.Proof, salt uint64) *model.Outcome {
	c := &parent.Checkpoint
	h := quoin.Header{Epoch: 1, View: v, Height: c.Height + 1, Parent: c.Block, ParentCheckpoint: c.Digest(), ParentView: c.View,
		Time: c.Time + 1, Proposer: uint16(v % 4)}
	if v >= 4 && v%4 < 2 {
		h.Proposer = uint16(v / 4 % 4)
	}
	if qc, ok := justify.(*chained.QC); ok {
		h.ParentVoters = qc.Signers
	}
	return w.execute(quoin.NewBlock(h, []quoin.Transaction{model.Transaction(salt)}))
}

func (w *lone) propose(o *model.Outcome, justify chained.Proof, tc *chained.TC) (int, consensus.Message) {
	h := o.Block.Header()
	from := int(h.Proposer)
	return from, &chained.Proposal{Block: o.Block, Justify: justify, Opened: tc,
		Signature: w.sign(from, chained.ProposeBytes(w.member.Origin.ID(), 1, h.View, o.Block.ID()))}
}

func (w *lone) sign(i int, text []byte) quoin.Signature { return model.Signer{Index: i}.Sign(text) }

func (w *lone) vote(i int, o *model.Outcome) *chained.Vote {
	c := &o.Checkpoint
	x := &chained.Vote{View: c.View, Block: c.Block, Checkpoint: c.Digest(),
		Signature: w.sign(i, chained.VoteBytes(w.member.Origin.ID(), 1, c.View, c.Block, c.Digest()))}
	if p := &o.Parent.Checkpoint; p.View > 0 && p.View+1 == c.View {
		x.Parent, x.Cosignature = p, w.sign(i, p.CosignedBytes())
	}
	return x
}

func (w *lone) qc(o *model.Outcome) *chained.QC {
	c := &o.Checkpoint
	qc := &chained.QC{View: c.View, Block: c.Block, Checkpoint: c.Digest()}
	for _, i := range []int{1, 2, 3} {
		qc.Signers = qc.Signers.With(i)
		qc.Signatures = append(qc.Signatures, w.vote(i, o).Signature)
	}
	return qc
}

func (w *lone) timeout(i int, v quoin.View, proof chained.Proof) *chained.Timeout {
	x := &chained.Timeout{View: v, Proof: proof}
	if qc, ok := proof.(*chained.QC); ok {
		x.High = qc.View
	}
	x.Signature = w.sign(i, chained.TimeoutBytes(w.member.Origin.ID(), 1, v, x.High))
	return x
}

func (w *lone) tc(v quoin.View, proof chained.Proof) *chained.TC {
	tc := &chained.TC{View: v, Proof: proof}
	for _, i := range []int{1, 2, 3} {
		x := w.timeout(i, v, proof)
		tc.Signers = tc.Signers.With(i)
		tc.Signatures, tc.Highs = append(tc.Signatures, x.Signature), append(tc.Highs, x.High)
	}
	return tc
}

func (w *lone) certificate(o *model.Outcome) *chained.Certificate {
	c := &chained.Certificate{Certificate: quoin.Certificate{Checkpoint: o.Checkpoint}}
	for _, i := range []int{1, 2, 3} {
		c.Signers = c.Signers.With(i)
		c.Signatures = append(c.Signatures, w.sign(i, o.Checkpoint.CosignedBytes()))
	}
	return c
}

// sent returns the message of a kind that the last step sent, nil if there is none.
func (w *lone) sent(kind string) consensus.Message {
	for _, e := range w.out.Send {
		if e.Message.Kind() == kind {
			return e.Message
		}
	}
	return nil
}
