package replica

import (
	"bytes"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/execution"
)

// A replica whose result differs from a quorum's (a miscompilation, bad memory) executes the block
// once more, by the second engine where its table has one. If that gives the same, it asks the others
// for an account of the block, its results and writes, checks that they give the result that the
// quorum voted for, and goes on from there (KERNEL K7). Until then it neither votes nor proposes on top of the block: it counts as faulty.
type accounts struct {
	kept     []keptAccount
	bytes    int
	diverged quoin.Hash // the block with another result, or zero
	again    bool       // it was executed a second time
}

// accountsBytes bounds what is kept of certified blocks for those who ask.
const accountsBytes = 16 << 20

type keptAccount struct {
	block quoin.Hash
	bytes []byte
}

// keep keeps the accounts of blocks that are about to be committed: afterwards their writes are part
// of the state and no longer told apart.
func (a *accounts) keep(outcomes []*execution.Outcome) {
	for _, o := range outcomes {
		if o.Tail() {
			continue
		}
		b, err := o.AppendAccount(nil)
		if err != nil || len(b) > accountsBytes/2 {
			continue
		}
		a.kept = append(a.kept, keptAccount{o.Block.ID(), b})
		for a.bytes += len(b); a.bytes > accountsBytes || len(a.kept) > 64; {
			a.bytes -= len(a.kept[0].bytes)
			a.kept = append(a.kept[:0], a.kept[1:]...)
		}
	}
}

// diverge begins the way back.
func (r *Replica) diverge(block quoin.Hash, out *Output) {
	if r.accounts.diverged == block && r.accounts.again {
		r.askAccount(out)
		return
	}
	r.accounts.diverged, r.accounts.again = block, true
	if b, ok := r.machine.Block(block); ok && r.exec.Forget(block) {
		r.c.Marks.Reach(&marks[markExecutedAgain])
		r.work = append(r.work, consensus.Execution{Block: b})
	}
	r.askAccount(out)
}

// askAccount asks all for the account of the diverged block, now and at every time-out.
func (r *Replica) askAccount(out *Output) {
	block := r.accounts.diverged
	if block.IsZero() {
		return
	}
	agreed, ok := r.machine.Agreed(block)
	if !ok {
		r.accounts.diverged = quoin.Hash{}
		return
	}
	if o, ok := r.exec.Outcome(block); ok && o.Checkpoint.Digest() == agreed {
		r.accounts.diverged = quoin.Hash{}
		return
	}
	out.Send = append(out.Send, Send{Class: ClassConsensus, Bytes: append([]byte{kindAccountAsk}, block[:]...)})
}

func (r *Replica) giveAccount(from quoin.PublicKey, body []byte, out *Output) error {
	rd := canonical.NewReader(body)
	var block quoin.Hash
	rd.Copy(block[:])
	if err := rd.Done(); err != nil {
		return err
	}
	var account []byte
	for i := range r.accounts.kept {
		if r.accounts.kept[i].block == block {
			account = r.accounts.kept[i].bytes
		}
	}
	if o, ok := r.exec.Outcome(block); ok && account == nil && !o.Tail() {
		var err error
		if account, err = o.AppendAccount(nil); err != nil {
			return nil // the state cannot be read just now; the peer asks again
		}
	}
	if account == nil || len(account) > MessageBytesMax-64 {
		return nil
	}
	r.c.Marks.Reach(&marks[markAccountGiven])
	b := append(append([]byte{kindAccount}, block[:]...), account...)
	out.Send = append(out.Send, Send{To: from, Class: ClassBulk, Bytes: b})
	return nil
}

// takeAccount takes a peer's account, which counts for nothing unless it gives the agreed result.
func (r *Replica) takeAccount(now quoin.Time, body []byte, out *Output) error {
	rd := canonical.NewReader(body)
	var block quoin.Hash
	rd.Copy(block[:])
	if err := rd.Err(); err != nil {
		return err
	}
	if block != r.accounts.diverged {
		return nil
	}
	agreed, ok := r.machine.Agreed(block)
	b, here := r.machine.Block(block)
	if !ok || !here {
		return nil
	}
	o, err := r.exec.Adopt(b, bytes.Clone(body[len(block):]), agreed)
	if err != nil {
		return fmt.Errorf("%w: an account: %w", errMessage, err)
	}
	r.c.Marks.Reach(&marks[markAdopted])
	r.accounts.diverged = quoin.Hash{}
	out.Events = append(out.Events, Event{Kind: Adopted, Epoch: r.epoch, View: b.Header().View, Height: b.Header().Height, Block: block})
	r.feed(now, consensus.Executed{Block: block, Verdict: consensus.Valid, Checkpoint: o.Checkpoint, Last: o.Last, Adopted: true}, out)
	return nil
}
