package simplex_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/signature"
)

// BenchmarkView runs views of a chain in the good case: every machine steps through every message,
// encoded and decoded, with real signatures. Time and allocations are those of all machines
// together; sign/view and verify/view are what they signed and verified.
func BenchmarkView(b *testing.B) {
	for _, n := range []int{4, 7} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			w := newBenchmark(n)
			b.ReportAllocs()
			b.ResetTimer()
			for w.certified < quoin.Height(b.N) {
				w.turn()
			}
			b.StopTimer()
			views := float64(w.certified)
			b.ReportMetric(float64(w.signs)/views, "sign/view")
			b.ReportMetric(float64(w.verifies)/views, "verify/view")
			b.ReportMetric(float64(w.messages)/views, "messages/view")
			b.ReportMetric(float64(w.bytes)/views, "bytes/view")
		})
	}
}

// benchmark is a network without loss or delay.
type benchmark struct {
	machines  []*simplex.Simplex
	queue     []parcel
	results   []map[quoin.Hash]quoin.Checkpoint
	certified quoin.Height
	signs     int
	verifies  int
	messages  int
	bytes     int
}

type counting struct {
	w *benchmark
	signature.Signer
	*signature.Keys
}

func (c counting) Sign(m []byte) quoin.Signature {
	c.w.signs++
	return c.Signer.Sign(m)
}

func (c counting) Verify(i int, m []byte, s quoin.Signature) bool {
	c.w.verifies++
	return c.Keys.Verify(i, m, s)
}

type inTurn int

func (n inTurn) Leader(v quoin.View, _ quoin.Hash) (int, bool) { return int(v) % int(n), true }

func newBenchmark(n int) *benchmark {
	weights := make([]uint64, n)
	for i := range weights {
		weights[i] = 1
	}
	set, signers := members(weights)
	genesis := sha256.Sum256([]byte("benchmark"))
	origin := quoin.NewOrigin("test", "main", genesis)
	w := &benchmark{}
	for i := range n {
		c := counting{w, signers[i], signature.KeysOf(set)}
		root := quoin.Checkpoint{Origin: origin, Block: genesis}
		w.machines = append(w.machines, simplex.New(simplex.Config{Member: consensus.Member{Origin: origin, Epoch: 1, Validators: set, Parameters: quoin.DefaultParameters(),
			Self: i, Signer: c, Keys: c, Leaders: inTurn(n), Root: consensus.Root{Block: genesis, Checkpoint: root}}}))
		w.results = append(w.results, map[quoin.Hash]quoin.Checkpoint{genesis: root})
	}
	for i := range n {
		w.step(i, consensus.Started{})
		w.step(i, consensus.Wanted{Wanted: true})
	}
	return w
}

// turn delivers one message.
func (w *benchmark) turn() {
	p := w.queue[0]
	w.queue = w.queue[1:]
	m := w.machines[p.to]
	x, err := m.Decode(p.message)
	if err != nil {
		panic(err)
	}
	var out consensus.Output
	if !m.Fresh(p.from, x, &out) {
		return
	}
	v, err := m.Verify(p.from, x)
	if err != nil {
		panic(err)
	}
	w.step(p.to, consensus.Received{Verified: v})
}

func (w *benchmark) step(i int, in consensus.Input) {
	var out consensus.Output
	w.machines[i].Step(1, in, &out)
	for _, e := range out.Send {
		b := e.Message.AppendBinary(nil)
		for to := range w.machines {
			if to != i && (e.To == consensus.All || e.To == to) {
				w.messages++
				w.bytes += len(b)
				w.queue = append(w.queue, parcel{from: i, to: to, message: b})
			}
		}
	}
	for _, x := range out.Execute {
		h := x.Block.Header()
		c := w.results[i][h.Parent]
		c.Epoch, c.Height, c.View, c.Block, c.Time = 1, h.Height, h.View, x.Block.ID(), h.Time
		w.results[i][c.Block] = c
		delete(w.results[i], c.State) // the block before the parent
		c.State = h.Parent
		w.results[i][c.Block] = c
		w.step(i, consensus.Executed{Block: c.Block, Verdict: consensus.Valid, Checkpoint: c})
	}
	for _, x := range out.Build {
		w.step(i, consensus.Built{View: x.View})
	}
	for _, c := range out.Certified {
		w.certified = max(w.certified, c.Certificate.Checkpoint.Height)
	}
}
