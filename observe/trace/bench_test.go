package trace

import (
	"context"
	"runtime"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// BenchmarkBlock is what the tracer costs a node for a block of 1000 transactions with 64 calls, all of them of the
// node's own clients: loop-ns/block on the node's loop, ns/op with the tracer's own goroutine. What is exported goes
// nowhere. At ten blocks a second, a millisecond a block is a hundredth of one processor.
//
//	go test -run - -bench Block ./observe/trace
func BenchmarkBlock(b *testing.B) {
	for _, x := range []struct {
		name  string
		share Share
		on    bool
	}{{"off", Share{}, false}, {"share=0", Share{}, true}, {"share=1%", Share{1, 100}, true}, {"share=100%", Share{1, 1}, true}} {
		b.Run(x.name, func(b *testing.B) {
			tracer, err := New(Config{Share: x.share, Exporter: nowhere{}})
			if err != nil {
				b.Fatal(err)
			}
			var o node.Observer = tracer
			if !x.on {
				o = nil
			}
			block := blockOf(time.Now(), 4, 1000)
			admissions := make([]replica.Admission, len(block.IDs))
			for i := range admissions {
				admissions[i].ID = block.IDs[i]
			}
			calls := make([]node.Call, 64)
			for i := range calls {
				calls[i] = node.Call{Binding: quoin.Binding{Hook: "machine.v1", Namespace: "kv"}, Operation: "machine.v1.apply", Began: time.Now()}
			}
			b.ReportAllocs()
			loop := time.Duration(0)
			for b.Loop() {
				at := time.Now()
				if o == nil {
					continue
				}
				id := block.Block.ID()
				o.Admitted(at, admissions)
				for v := range 4 {
					for _, m := range []string{"propose", "notarize", "finalize"} {
						o.Progressed(at, replica.Progress{Kind: replica.ProgressHeard, Epoch: 1, Block: id, Validator: v, Message: m})
					}
				}
				o.Executed(node.Execution{Progress: replica.Progress{Block: id}, Began: at, Took: time.Millisecond, Calls: calls})
				for i := range calls {
					o.Called(calls[i])
				}
				o.Happened(at, &replica.Event{Kind: replica.BlockNotarized, Block: id})
				o.Progressed(at, replica.Progress{Kind: replica.ProgressCertified, Block: id})
				o.Finished(at, block)
				loop += time.Since(at)
				for len(tracer.blocks) > 0 {
					runtime.Gosched()
				}
			}
			b.ReportMetric(float64(loop.Nanoseconds())/float64(b.N), "loop-ns/block")
			tracer.Close()
		})
	}
}

// nowhere takes spans and does nothing with them.
type nowhere struct{}

func (nowhere) Post(context.Context, []byte) error { return nil }
func (nowhere) Close()                             {}
