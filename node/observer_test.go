package node

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/replica"
)

// watcher counts what an observer is told.
type watcher struct {
	sync.Mutex
	events    map[replica.EventKind]int
	progress  map[replica.ProgressKind]int
	heard     map[int]bool
	executed  map[quoin.Hash]Execution
	calls     int
	admitted  int
	finished  []*replica.Finished
	synced    map[File]int
	described int
}

func newWatcher() *watcher {
	return &watcher{events: map[replica.EventKind]int{}, progress: map[replica.ProgressKind]int{}, heard: map[int]bool{}, executed: map[quoin.Hash]Execution{}, synced: map[File]int{}}
}

func (w *watcher) Happened(_ time.Time, e *replica.Event) { w.Lock(); w.events[e.Kind]++; w.Unlock() }

func (w *watcher) Progressed(_ time.Time, p replica.Progress) {
	w.Lock()
	defer w.Unlock()
	w.progress[p.Kind]++
	if p.Kind == replica.ProgressHeard {
		w.heard[p.Validator] = true
	}
}

func (w *watcher) Executed(x Execution) { w.Lock(); w.executed[x.Block] = x; w.Unlock() }

func (w *watcher) Called(Call) { w.Lock(); w.calls++; w.Unlock() }

func (w *watcher) Admitted(_ time.Time, a []replica.Admission) {
	w.Lock()
	w.admitted += len(a)
	w.Unlock()
}

func (w *watcher) Finished(_ time.Time, f *replica.Finished) {
	w.Lock()
	w.finished = append(w.finished, f)
	w.Unlock()
}

func (w *watcher) Synced(f File, _ time.Duration) { w.Lock(); w.synced[f]++; w.Unlock() }

func (w *watcher) Compiled(quoin.Hash, time.Duration, error) {}

func (w *watcher) Described(*Status) { w.Lock(); w.described++; w.Unlock() }

// What looks on is told of a block from the first message about it until it is durable.
func TestObserverSeesABlocksTrip(t *testing.T) {
	seen := make([]*watcher, 4)
	w := newNetworkOf(t, 4, func(w *network) {
		for i := range seen {
			seen[i] = newWatcher()
			w.watch = append(w.watch, seen[i])
		}
	})
	w.put(t, 1, "key", "value")
	w.get(t, 0, "key")
	w.nodes[0].Announce("fault-injected", "a sentence")
	for i, x := range seen {
		deadline := time.Now().Add(time.Minute)
		for {
			x.Lock()
			n := len(x.finished)
			x.Unlock()
			if n > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("node %d finished nothing", i)
			}
			time.Sleep(time.Millisecond)
		}
		x.Lock()
		f := x.finished[0]
		e, ok := x.executed[f.Block.ID()]
		if !ok || e.Took <= 0 || e.Transactions != len(f.IDs) || e.Height != f.Checkpoint.Height {
			t.Errorf("node %d: executed %+v of %+v", i, e, f.Checkpoint)
		}
		if len(f.Waited) != len(f.IDs) {
			t.Errorf("node %d: %d waited, %d transactions", i, len(f.Waited), len(f.IDs))
		}
		if len(x.heard) < 3 || x.progress[replica.ProgressCertified] == 0 || x.calls == 0 || x.synced[FileVotes] == 0 || x.synced[FileStore] == 0 || x.described == 0 {
			t.Errorf("node %d: %+v", i, x)
		}
		if i == 0 && x.events["fault-injected"] != 1 {
			t.Errorf("the announcement was seen %d times", x.events["fault-injected"])
		}
		x.Unlock()
	}
	if seen[1].admitted == 0 {
		t.Error("nobody was told of the admission")
	}
	status := w.nodes[0].Status()
	if p := w.nodes[0].Links().Peers[0]; runtime.GOOS == "linux" && p.RoundTrip <= 0 {
		t.Errorf("the link's round trip is not known: %+v", p)
	}
	if len(status.Heard) != 4 || status.Newest < status.Tip.Height {
		t.Errorf("heard %v, newest %d", status.Heard, status.Newest)
	}
}
