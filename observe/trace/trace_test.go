package trace

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/otlp"
	"quoin.dev/quoin/observe/otlp/otlptest"
	"quoin.dev/quoin/replica"
)

const testOrigin = quoin.Origin("acme.example/main")

// fake is a node as its tracer sees it.
type fake struct {
	*Tracer
	spans *otlptest.Receiver
	index int
}

func newFake(t testing.TB, index int, share Share) *fake {
	t.Helper()
	f := &fake{spans: &otlptest.Receiver{T: t}, index: index}
	var err error
	f.Tracer, err = New(Config{Share: share, Node: fmt.Sprintf("v%d", index+1), Origin: testOrigin, Exporter: f.spans})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// close ends the tracer and returns its spans.
func (f *fake) close() []otlptest.Span {
	f.Close()
	return f.spans.Spans()
}

// blockOf returns a block as it is finished.
func blockOf(at time.Time, height quoin.Height, transactions int) *replica.Finished {
	f := &replica.Finished{}
	var txs []quoin.Transaction
	for i := range transactions {
		tx := quoin.Transaction{Salt: uint64(height)<<20 | uint64(i), Expiry: 1000, Namespace: "kv", Payload: []byte("a payload that nobody sees")}
		txs = append(txs, tx)
		f.IDs = append(f.IDs, tx.ID(testOrigin.ID()))
		f.Results = append(f.Results, quoin.Result{Fuel: 1000, Output: []byte("an output that nobody sees")})
		f.Waited = append(f.Waited, 12)
	}
	h := quoin.Header{Epoch: 1, View: quoin.View(height) + 1, ParentView: quoin.View(height), Height: height, Proposer: 2, Time: quoin.Time(at.UnixMilli())}
	f.Block = quoin.NewBlock(h, txs)
	f.Checkpoint.Height = height
	return f
}

// certify tells a node of a block's whole trip, beginning at a time.
func (f *fake) certify(at time.Time, b *replica.Finished) {
	h, id := b.Block.Header(), b.Block.ID()
	step := func(ms int) time.Time { return at.Add(time.Duration(ms) * time.Millisecond) }
	heard := func(ms, validator int, message string) {
		f.Progressed(step(ms), replica.Progress{Kind: replica.ProgressHeard, Epoch: h.Epoch, View: h.View, Block: id, Validator: validator, Message: message})
	}
	heard(0, int(h.Proposer), "propose")
	f.Executed(node.Execution{Progress: replica.Progress{Kind: replica.ProgressExecuted, Block: id}, Began: step(1), Took: 3 * time.Millisecond,
		Calls: []node.Call{{Binding: quoin.Binding{Hook: "machine.v1", Namespace: "kv", Release: quoin.Hash{7}, Parameters: []byte("parameters that nobody sees")},
			Operation: "machine.v1.apply", Began: step(2), Took: time.Millisecond, Requests: len(b.IDs), Fuel: 77, Fault: hook.FaultFuel, Memory: 1 << 20}}})
	for v := range 4 {
		heard(5+v, v, "notarize")
	}
	f.Happened(step(9), &replica.Event{Kind: replica.BlockNotarized, Epoch: h.Epoch, View: h.View, Block: id})
	for v := range 4 {
		heard(10+v, v, "finalize")
	}
	f.Progressed(step(14), replica.Progress{Kind: replica.ProgressCertified, Epoch: h.Epoch, View: h.View, Height: h.Height, Block: id})
	f.Finished(step(16), b)
}

func (f *fake) admit(at time.Time, ids ...quoin.Hash) {
	var a []replica.Admission
	for _, id := range ids {
		a = append(a, replica.Admission{ID: id})
	}
	f.Admitted(at, a)
}

func TestFourNodesTellOneTrace(t *testing.T) {
	at := time.Now().Add(-time.Second)
	b := blockOf(at, 4, 1)
	var all []otlptest.Span
	nodes := map[string]int{}
	for i := range 4 {
		f := newFake(t, i, Share{1, 1})
		if i == 1 {
			f.admit(at.Add(-20*time.Millisecond), b.IDs[0])
		}
		f.certify(at.Add(time.Duration(i)*time.Millisecond), b)
		spans := f.close()
		for _, s := range spans {
			nodes[s.Of["service.instance.id"]]++
		}
		all = append(all, spans...)
	}
	want := ofTransaction(b.IDs[0])
	byID, names := map[otlp.SpanID]otlptest.Span{}, map[string]int{}
	for _, s := range all {
		if s.Trace() != want.trace {
			t.Errorf("%s is of the trace %s, want %s", s.Name, s.Trace(), want.trace)
		}
		if _, twice := byID[s.ID()]; twice {
			t.Errorf("two spans are %s", s.ID())
		}
		byID[s.ID()] = s
		names[s.Name]++
	}
	for name, n := range map[string]int{spanTransaction: 1, spanPool: 1, spanBlock: 4, spanExecute: 4, spanCall: 4, spanQuorum: 4, spanCertify: 4, spanSync: 4} {
		if names[name] != n {
			t.Errorf("%d spans are %s, want %d", names[name], name, n)
		}
	}
	if nodes["v2"] != 8 || nodes["v1"] != 6 || len(nodes) != 4 {
		t.Errorf("spans by node: %v", nodes)
	}
	parents := map[string]string{spanPool: spanTransaction, spanBlock: spanTransaction, spanExecute: spanBlock, spanCall: spanExecute, spanQuorum: spanBlock, spanCertify: spanBlock, spanSync: spanBlock}
	for _, s := range all {
		if s.End().Before(s.Start()) {
			t.Errorf("%s ends before it begins", s.Name)
		}
		if s.Name == spanTransaction {
			if s.Parent() != (otlp.SpanID{}) || s.ID() != want.root {
				t.Errorf("the root is %s below %s, want %s", s.ID(), s.Parent(), want.root)
			}
			continue
		}
		parent, ok := byID[s.Parent()]
		if !ok || parent.Name != parents[s.Name] {
			t.Errorf("%s is below %q, want %q", s.Name, parent.Name, parents[s.Name])
		}
		if s.Start().Before(parent.Start()) || parent.Name != spanTransaction && s.End().After(parent.End()) {
			t.Errorf("%s is not within its %s", s.Name, parent.Name)
		}
	}
	for _, block := range all {
		if block.Name != spanBlock {
			continue
		}
		var parts []otlptest.Span
		for _, s := range all {
			if s.Parent() == block.ID() {
				parts = append(parts, s)
			}
		}
		slices.SortFunc(parts, func(a, b otlptest.Span) int { return a.Start().Compare(b.Start()) })
		for i, name := range []string{spanExecute, spanQuorum, spanCertify, spanSync} {
			if parts[i].Name != name || i > 0 && !parts[i].Start().Equal(parts[i-1].End()) {
				t.Errorf("part %d is %s from %s to %s", i, parts[i].Name, parts[i].Start(), parts[i].End())
			}
			if name == spanQuorum && len(parts[i].Events) != 4 {
				t.Errorf("%d votes", len(parts[i].Events))
			}
		}
	}
}

// Without what came before, as after a restart or when a block was fetched, the block's trip is still there.
func TestABlockOfWhichLittleWasSeen(t *testing.T) {
	f := newFake(t, 0, Share{1, 1})
	at := time.Now()
	b := blockOf(at, 9, 1)
	f.Finished(at, b)
	spans := f.close()
	if len(spans) != 4 {
		t.Errorf("%d spans, want block, quorum, certify and sync", len(spans))
	}
	for _, s := range spans {
		if !s.Start().Equal(at) || !s.End().Equal(at) {
			t.Errorf("%s is from %s to %s, want %s", s.Name, s.Start(), s.End(), at)
		}
	}
}

// What is a block's own is shown once, whichever nodes tell of it: in the trace of its first traced transaction.
func TestABlockIsShownOnce(t *testing.T) {
	at := time.Now()
	b := blockOf(at, 4, 3)
	first := ofTransaction(b.IDs[0]).trace
	for i := range 2 {
		f := newFake(t, i, Share{1, 1})
		f.certify(at, b)
		count := map[string]int{}
		var shown otlp.SpanID
		var links []otlp.SpanID
		for _, s := range f.close() {
			count[s.Name]++
			switch s.Name {
			case spanExecute, spanCall, spanQuorum, spanCertify, spanSync:
				if s.Trace() != first {
					t.Errorf("%s is not in the first trace", s.Name)
				}
			case spanBlock:
				if s.Trace() == first {
					shown = s.ID()
				}
				for _, l := range s.Links {
					links = append(links, otlp.SpanID(l.SpanId))
				}
			}
		}
		if count[spanExecute] != 1 || count[spanCall] != 1 || count[spanQuorum] != 1 || count[spanCertify] != 1 || count[spanSync] != 1 || count[spanBlock] != 3 {
			t.Errorf("%v", count)
		}
		if len(links) != 2 || links[0] != shown || links[1] != shown {
			t.Errorf("the other blocks are linked to %v, want %v", links, shown)
		}
	}
}

func TestNothingOfAUserIsInSpans(t *testing.T) {
	f := newFake(t, 0, Share{1, 1})
	at := time.Now()
	f.certify(at, blockOf(at, 4, 2))
	spans := f.close()
	if len(spans) == 0 {
		t.Fatal("no spans")
	}
	for _, s := range spans {
		text := s.Text()
		if strings.Contains(text, "nobody sees") {
			t.Errorf("%s says %s", s.Name, text)
		}
	}
}

// What peers, clients and a busy loop can do to a tracer is bounded.
func TestEverythingIsBounded(t *testing.T) {
	f := newFake(t, 0, Share{1, 1})
	at := time.Now()
	for i := range 3 * tripsMax {
		id := quoin.Hash{1, byte(i), byte(i >> 8)}
		f.Executed(node.Execution{Progress: replica.Progress{Block: id}, Began: at})
		for v := range 3 {
			f.Progressed(at, replica.Progress{Kind: replica.ProgressHeard, Epoch: 1, Block: id, Validator: v, Message: "notarize"})
		}
	}
	f.Progressed(at, replica.Progress{Kind: replica.ProgressHeard, Epoch: 1, Block: quoin.Hash{1}, Validator: quoin.ValidatorsMax, Message: "notarize"})
	for i := range 3 * admittedMax {
		f.admit(at, quoin.Hash{2, byte(i), byte(i >> 8), byte(i >> 16)})
	}
	f.mu.Lock()
	if len(f.trips.ring) != tripsMax || len(f.trips.at) != tripsMax {
		t.Errorf("%d trips, %d known, want %d", len(f.trips.ring), len(f.trips.at), tripsMax)
	}
	if len(f.admitted.ring) != admittedMax || len(f.admitted.at) != admittedMax {
		t.Errorf("%d admitted, %d known, want %d", len(f.admitted.ring), len(f.admitted.at), admittedMax)
	}
	if h := f.heard[1]; len(h.of) != 3 || len(h.of[0].ring) != heardMax {
		t.Errorf("%d validators, %d messages", len(h.of), len(h.of[0].ring))
	}
	f.mu.Unlock()
	f.Finished(at, blockOf(at, 3, 3*BlockTraces))
	f.Finished(at, blockOf(at.Add(-time.Hour), 4, 3))
	blocks := 0
	for _, s := range f.close() {
		if s.Name == spanBlock {
			blocks++
		}
	}
	if blocks != BlockTraces {
		t.Errorf("%d transactions of one block are traced, want %d", blocks, BlockTraces)
	}
	if s := f.Stats(); s.Transactions != 2*BlockTraces || s.Stale != 1 {
		t.Errorf("%+v", s)
	}
}

// A validator that floods this node with the names of blocks drives out its own messages alone.
func TestAFloodOfVotesHidesNoOther(t *testing.T) {
	f := newFake(t, 0, Share{1, 1})
	at := time.Now().Add(-time.Second)
	b := blockOf(at, 4, 1)
	for i := range 10 * heardMax {
		f.Progressed(at, replica.Progress{Kind: replica.ProgressHeard, Epoch: 1, Block: quoin.Hash{9, byte(i), byte(i >> 8)}, Validator: 3, Message: "propose"})
	}
	f.certify(at.Add(time.Millisecond), b)
	for _, s := range f.close() {
		if s.Name == spanBlock && !s.Start().Equal(at.Add(time.Millisecond)) {
			t.Errorf("the block begins at %s, want %s", s.Start(), at.Add(time.Millisecond))
		}
	}
}

// Observers are called on several goroutines.
func TestManyGoroutines(t *testing.T) {
	f := newFake(t, 0, Share{1, 2})
	f.Attach(&fakeSource{})
	at := time.Now()
	var running sync.WaitGroup
	for g := range 4 {
		running.Go(func() {
			for i := range 200 {
				b := blockOf(at, quoin.Height(1+g*1000+i), 2)
				f.admit(at, b.IDs...)
				f.certify(at, b)
				f.Compiled(quoin.Hash{byte(i)}, time.Millisecond, nil)
				f.Described(&node.Status{})
				f.Synced(node.FileVotes, time.Millisecond)
				_ = f.Stats()
			}
		})
	}
	running.Wait()
	spans := f.close()
	s := f.Stats()
	if s.Queue.Spans != s.Queue.Exported+s.Queue.Dropped+s.Queue.Failed || uint64(len(spans)) != s.Queue.Exported {
		t.Errorf("%d spans came, counted are %+v", len(spans), s)
	}
}
