package observe_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe"
	"quoin.dev/quoin/observe/trace"
	"quoin.dev/quoin/replica"
)

// nowhere takes spans and does nothing with them.
type nowhere struct{}

func (nowhere) Post(context.Context, []byte) error { return nil }
func (nowhere) Close()                             {}

// everything is an observer with all parts of a node among four.
func everything(tb testing.TB, share trace.Share) *observe.Observer {
	o, err := observe.New(observe.Config{Traces: &trace.Config{Exporter: nowhere{}, Share: share, Node: "v0"}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(o.Close)
	o.Described(status(tb))
	return o
}

func status(tb testing.TB) *node.Status {
	var members []quoin.Validator
	for i := range 4 {
		members = append(members, quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: quoin.PublicKey{byte(i + 1)}, Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		tb.Fatal(err)
	}
	s := &node.Status{At: time.Now()}
	s.Configuration = quoin.Configuration{Epoch: 1, Validators: set, Parameters: quoin.DefaultParameters()}
	s.Consensus.Epoch = 1
	return s
}

// full is how many transactions a full block of `quoin lab bench` has.
const full = 400

// newBlocks returns some full blocks, as they are finished, one after the other.
func newBlocks() []*replica.Finished {
	var all []*replica.Finished
	for n := range quoin.View(16) {
		f := &replica.Finished{Results: make([]quoin.Result, full), Waited: make([]uint32, full)}
		var txs []quoin.Transaction
		for i := range full {
			txs = append(txs, quoin.Transaction{Salt: uint64(n)<<32 | uint64(i), Expiry: 1000, Namespace: "kv", Payload: make([]byte, 128)})
			f.IDs = append(f.IDs, txs[i].ID(quoin.OriginID{}))
		}
		f.Block = quoin.NewBlock(quoin.Header{Epoch: 1, View: n + 1, Height: quoin.Height(n + 1), Time: quoin.Time(time.Now().UnixMilli())}, txs)
		f.Checkpoint.Height, f.Checkpoint.Time = quoin.Height(n+1), quoin.Time(time.Now().UnixMilli())
		all = append(all, f)
	}
	return all
}

// tell tells an observer of all that a node meets on a full block's way, one of whose transactions in four came
// from its own clients.
func tell(o *observe.Observer, f *replica.Finished, s *node.Status) {
	now := time.Now()
	h, id := f.Block.Header(), f.Block.ID()
	var admissions []replica.Admission
	for _, x := range f.IDs[:full/4] {
		admissions = append(admissions, replica.Admission{ID: x, Code: replica.Admitted})
	}
	o.Admitted(now, admissions)
	o.Happened(now, &replica.Event{Kind: replica.EnteredView, Epoch: 1, View: h.View})
	p := replica.Progress{Epoch: 1, View: h.View, Height: h.Height, Block: id, Transactions: full}
	for _, message := range []string{"propose", "notarize", "finalize"} {
		p.Kind, p.Message = replica.ProgressHeard, message
		for p.Validator = range 4 {
			o.Progressed(now, p)
		}
	}
	o.Called(call) // all in a row
	p.Kind = replica.ProgressExecuted
	o.Progressed(now, p)
	o.Executed(node.Execution{Progress: p, Began: now, Took: time.Millisecond})
	o.Happened(now, &replica.Event{Kind: replica.BlockNotarized, Epoch: 1, View: h.View, Block: id})
	p.Kind, p.WaitMS = replica.ProgressCertified, 10
	o.Progressed(now, p)
	o.Synced(node.FileVotes, time.Millisecond)
	o.Synced(node.FileStore, time.Millisecond)
	s.At = now
	o.Described(s)
	o.Finished(now, f)
}

var call = node.Call{Binding: quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"}, Requests: full, Fuel: full * 1000}

// BenchmarkBlock is what a full block costs a node that everything looks on at, tracer's goroutine included.
func BenchmarkBlock(b *testing.B) {
	for _, share := range []trace.Share{{}, {N: 1, D: 100}} {
		b.Run("traced="+share.String(), func(b *testing.B) {
			o, all, s := everything(b, share), newBlocks(), status(b)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				tell(o, all[i%len(all)], s)
			}
			o.Close() // until the tracer is through
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/full, "ns/tx")
		})
	}
}

// BenchmarkCalled is what one call of a guest, or a row of answers of a built-in, costs.
func BenchmarkCalled(b *testing.B) {
	o := everything(b, trace.Share{})
	b.ReportAllocs()
	for b.Loop() {
		o.Called(call)
	}
}

func BenchmarkFinished(b *testing.B) {
	for _, share := range []trace.Share{{}, {N: 1, D: 100}} {
		b.Run("traced="+share.String(), func(b *testing.B) {
			o, all := everything(b, share), newBlocks()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				o.Finished(time.Now(), all[i%len(all)])
			}
			o.Close()
		})
	}
}

func BenchmarkDescribed(b *testing.B) {
	o, s := everything(b, trace.Share{}), status(b)
	b.ReportAllocs()
	for b.Loop() {
		s.At = time.Now()
		o.Described(s)
	}
}
