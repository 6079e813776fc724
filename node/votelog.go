package node

import (
	"context"
	"crypto/sha256"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/replica"
)

// LogIdentity says whose vote log it is: see disk.Options.
func LogIdentity(o quoin.Origin, k quoin.PublicKey) [32]byte {
	return sha256.Sum256(append([]byte(o), k[:]...))
}

// heldMax is how many writes of the vote log may be under way before the loop waits for one.
const heldMax = 64

// voteLog writes the vote log beside the loop, so that a block is executed while the votes before
// it reach the disk. Its goroutine is the only one that touches the log. The records of all writes
// that came while a sync ran share the next one.
//
// The loop holds back what a write's step demands to be sent, and whatever came after it, until the
// write is done: no peer ever sees a vote that a crash could make this node forget. Certified
// blocks in the store do not wait: what proves them is in the store with them, and a vote for a view
// at or before the certified one is never needed again.
type voteLog struct {
	n       *Node
	writes  chan logWrite
	done    chan uint64 // numbers of writes that are durable; as large as there are writes under way
	number  uint64      // of the last write, in the loop's hands
	durable uint64      // of the last one that is done, likewise
	held    []held
}

// logWrite is records to append, oldest first. With prune they replace all that is older.
type logWrite struct {
	number  uint64
	records []replica.LogRecord
	prune   bool
}

// held is what waits for a write.
type held struct {
	number uint64
	send   []replica.Send
	timers []replica.Timer
}

func newVoteLog(n *Node) *voteLog {
	return &voteLog{n: n, writes: make(chan logWrite, heldMax), done: make(chan uint64, heldMax)}
}

// full reports whether the loop must wait for done before it steps on.
func (v *voteLog) full() bool { return v.number-v.durable >= heldMax-1 } // a step writes twice at most

// write hands over records. It does not wait: see full.
func (v *voteLog) write(records []replica.LogRecord, prune bool) {
	if v.n.votes == nil {
		return // an observer signs nothing that it could contradict
	}
	v.number++
	v.writes <- logWrite{v.number, append([]replica.LogRecord(nil), records...), prune}
}

// hold keeps demands until all that was written is durable, and reports whether it has to.
func (v *voteLog) hold(send []replica.Send, timers []replica.Timer) bool {
	if v.durable == v.number || len(send)+len(timers) == 0 {
		return v.durable != v.number
	}
	v.held = append(v.held, held{v.number, append([]replica.Send(nil), send...), append([]replica.Timer(nil), timers...)})
	return true
}

// release notes that writes are durable and passes on what waited for them.
func (v *voteLog) release(number uint64, meet func([]replica.Send, []replica.Timer)) {
	v.durable = number
	n := 0
	for ; n < len(v.held) && v.held[n].number <= number; n++ {
		meet(v.held[n].send, v.held[n].timers)
	}
	left := copy(v.held, v.held[n:])
	clear(v.held[left:])
	v.held = v.held[:left]
}

// run appends and syncs until the context ends.
func (v *voteLog) run(ctx context.Context) {
	defer v.n.running.Done()
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-v.writes:
			number, err := v.group(w)
			if err != nil {
				v.n.fail(err)
				return
			}
			v.done <- number
		}
	}
}

// group appends a write and those behind it, and syncs once.
func (v *voteLog) group(w logWrite) (number uint64, err error) {
	log := v.n.votes
	for more := true; more; {
		number = w.number
		first := log.Next()
		for _, r := range w.records {
			if _, err := log.Append(r); err != nil {
				return 0, err
			}
		}
		if w.prune {
			if err := v.sync(); err != nil {
				return 0, err
			}
			if err := log.PruneBefore(first); err != nil {
				return 0, err
			}
		}
		select {
		case w = <-v.writes:
		default:
			more = false
		}
	}
	return number, v.sync()
}

func (v *voteLog) sync() error {
	if v.n.c.NoSync {
		return nil
	}
	began := time.Now()
	v.n.c.Lab.beforeSync()
	err := v.n.votes.Sync()
	v.n.synced(FileVotes, began)
	return err
}
