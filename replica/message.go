package replica

import (
	"errors"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

// Kinds of messages between replicas: the first byte.
const (
	kindConsensus    byte = iota + 1 // epoch (8), message of that epoch's machine
	kindTransactions                 // count (2), transactions
	kindFetch                        // block id (32), certified height (8)
	kindBlocks                       // blocks (count 2, each with length in 4), certificate (length in 4, may be 0)
	kindExplain                      // view (8), block id (32), entry's place in the block plus one, or 0 (4)
	kindExplanation                  // see explanation
	kindAccountAsk                   // block id (32)
	kindAccount                      // see account
)

// Limits of messages, in bytes.
const (
	MessageBytesMax      = quoin.BlockBytesMax + 1<<20
	transactionsPerBatch = 1 << 14
	transactionsBytes    = 1 << 20
	servedBytes          = 3 << 20
	servedBlocks         = 256
)

// errMessage is wrapped by the reasons for which a peer's message is refused.
var errMessage = errors.New("malformed message")

// message takes a peer's message. Nothing in it is trusted but who sent it.
func (r *Replica) message(now quoin.Time, in Message, out *Output) {
	r.stats.Messages++
	if len(in.Bytes) == 0 {
		r.refuse(in.From, errMessage, out)
		return
	}
	body := in.Bytes[1:]
	var err error
	switch in.Bytes[0] {
	case kindConsensus:
		err = r.consensusMessage(now, in.From, body, out)
	case kindTransactions:
		err = r.transactions(body, out)
	case kindFetch:
		err = r.serve(in.From, body, out)
	case kindBlocks:
		err = r.blocks(now, in.From, body, out)
	case kindExplain:
		err = r.explain(in.From, body, out)
	case kindExplanation:
		err = r.explained(in.From, body, out)
	case kindAccountAsk:
		err = r.giveAccount(in.From, body, out)
	case kindAccount:
		err = r.takeAccount(now, body, out)
	default:
		err = fmt.Errorf("%w: kind %d", errMessage, in.Bytes[0])
	}
	if err != nil {
		r.refuse(in.From, err, out)
	}
}

func (r *Replica) refuse(from quoin.PublicKey, err error, out *Output) {
	r.c.Marks.Reach(&marks[markMessageRefused])
	r.stats.Refused++
	out.Events = append(out.Events, Event{Kind: MessageRefused, Epoch: r.epoch, Peer: from, Reason: err.Error()})
}

func (r *Replica) consensusMessage(now quoin.Time, from quoin.PublicKey, body []byte, out *Output) error {
	rd := canonical.NewReader(body)
	epoch := quoin.Epoch(rd.Uint64())
	if err := rd.Err(); err != nil {
		return err
	}
	switch {
	case epoch < r.epoch:
		return r.answerOld(from, epoch, body[8:], out)
	case epoch > r.epoch:
		r.heardLater(from, body[8:])
		r.lag(from, out)
		return nil
	}
	i, ok := r.set.Index(from)
	if !ok {
		return fmt.Errorf("%w: %s is no validator of epoch %d", errMessage, from, r.epoch)
	}
	m, err := r.machine.Decode(body[8:])
	if err != nil {
		return err
	}
	r.heard(i, m, out)
	o := &r.scratch
	o.Reset()
	fresh := r.machine.Fresh(i, m, o)
	r.meet(now, o, out)
	if !fresh {
		r.c.Marks.Reach(&marks[markMessageStale])
		r.stats.Stale++
		return nil
	}
	verified, err := r.machine.Verify(i, m)
	if err != nil {
		return err
	}
	r.feed(now, consensus.Received{Verified: verified}, out)
	return nil
}

func (r *Replica) sendConsensus(e consensus.Envelope, out *Output) {
	size := 1 << 10
	if p, ok := e.Message.(*simplex.Proposal); ok {
		size = p.Block.Size() + 4<<10
	}
	b := canonical.AppendUint64(append(make([]byte, 0, size), kindConsensus), r.epoch)
	s := Send{Class: ClassConsensus, Bytes: e.Message.AppendBinary(b)}
	if e.To != consensus.All {
		s.To = r.set.At(e.To).Key
	} else if r.index >= 0 {
		r.heard(r.index, e.Message, out)
	}
	out.Send = append(out.Send, s)
}

// transactions takes forwarded pending transactions. They are not forwarded again.
func (r *Replica) transactions(body []byte, out *Output) error {
	rd := canonical.NewReader(body)
	txs := make([]quoin.Transaction, rd.Count16(transactionsPerBatch, 22))
	for i := range txs {
		txs[i] = quoin.ReadTransaction(rd)
	}
	if err := rd.Done(); err != nil {
		return err
	}
	r.admitted(r.pool.admit(txs, false, r.machine.Status().View, r.epoch, r.judge))
	return nil
}

// submit takes transactions of this node's clients and forwards what was admitted to all.
func (r *Replica) submit(in Submit, out *Output) {
	admissions := r.pool.admit(in.Transactions, true, r.machine.Status().View, r.epoch, r.judge)
	r.admitted(admissions)
	var admitted []quoin.Transaction
	for i := range admissions {
		if admissions[i].Code == Admitted {
			admitted = append(admitted, in.Transactions[i])
		}
	}
	out.Admissions = append(out.Admissions, admissions...)
	r.forward(admitted, out)
}

// admitted counts what became of transactions.
func (r *Replica) admitted(admissions []Admission) {
	for i := range admissions {
		r.stats.Admissions[admissions[i].Code]++
	}
}

// forward sends transactions to all validators, in messages of limited size.
func (r *Replica) forward(txs []quoin.Transaction, out *Output) {
	for len(txs) > 0 {
		n, size := 0, 0
		for n < len(txs) && n < transactionsPerBatch && (n == 0 || size+txs[n].Size() <= transactionsBytes) {
			size += txs[n].Size()
			n++
		}
		b := canonical.AppendUint16(append(make([]byte, 0, 3+size), kindTransactions), uint16(n))
		for i := range txs[:n] {
			b = txs[i].AppendBinary(b)
		}
		out.Send = append(out.Send, Send{Class: ClassTransactions, Bytes: b})
		txs = txs[n:]
	}
}

// forwardOldest repeats what has been pending for long, at a view's time-out: a message may have
// been lost.
func (r *Replica) forwardOldest(out *Output) { r.forward(r.pool.oldest(256), out) }

// judge refuses what the pool cannot: transactions that no machine would serve, or only one that is
// suspended, and suspensions without evidence.
func (r *Replica) judge(t *quoin.Transaction) AdmissionCode {
	if t.Kernel() {
		if !t.Signed() {
			if _, err := r.exec.Judge(t.Payload); err != nil {
				return RefusedSignature
			}
		}
		return Admitted
	}
	if !r.exec.Serves(t.Namespace) || r.isSuspended(t.Namespace) {
		return RefusedNamespace
	}
	return Admitted
}

// isSuspended reports whether a namespace is suspended in the certified state. Answers are kept until
// a block touches the kernel's state.
func (r *Replica) isSuspended(namespace string) bool {
	suspended, known := r.suspended[namespace]
	if !known {
		suspended = r.exec.Suspended(nil, namespace)
		r.suspended[namespace] = suspended
	}
	return suspended
}
