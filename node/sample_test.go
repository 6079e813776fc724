package node

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// sampled is a network that replays every call of its leader on the interpreter.
func sampled(t *testing.T, logger *slog.Logger) (*network, quoin.Hash) {
	digest, file := leaderRelease(t)
	w := bound(t, digest, file, "work", logger)
	for _, n := range w.nodes {
		if err := n.Do(context.Background(), func(*replica.Replica) { n.sampler.every = 1 }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range w.nodes {
		w.await(t, i, digest, "ready", isReady)
	}
	return w, digest
}

// until waits for something that a node counts.
func until(t testing.TB, n *Node, what string, is func(SampleStats) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(n.sampler.stats()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s: %+v", what, n.sampler.stats())
		}
	}
}

func TestSampledCallsAgree(t *testing.T) {
	w, _ := sampled(t, nil)
	for i := range 8 {
		w.put(t, i%4, string(rune('a'+i)), "1")
	}
	for _, n := range w.nodes {
		until(t, n, "replays", func(s SampleStats) bool { return s.Replayed > 3 })
		if s := n.Status().Samples; s.Differed != 0 || s.Failed != 0 || s.Unrecorded != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestPlantedDifferenceIsFound is the positive control: a recording that is not what the call was is
// reported, by log, event and count, and results are what they were.
func TestPlantedDifferenceIsFound(t *testing.T) {
	var logged strings.Builder
	handler := slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelError})
	w, digest := sampled(t, slog.New(handler)) // the handler writes one line at a time
	n := w.nodes[2]
	sub := n.Feed().SubscribeTo(64, func(i Item) bool { return i.Event != nil && i.Event.Kind == SampleDiffered })
	defer sub.Close()
	err := n.Do(context.Background(), func(*replica.Replica) {
		n.sampler.plant = func(r *plugin.Recording) { r.Responses[0].Bytes[0] ^= 1 }
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		w.put(t, i%4, string(rune('a'+i)), "1")
	}
	select {
	case item := <-sub.C:
		if r := item.Event.Reason; !strings.Contains(r, digest.String()) || !strings.Contains(r, "leader.v1") || !strings.Contains(r, "response 0: 4 bytes") {
			t.Errorf("the event says %q", r)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the difference was not found: %+v", n.sampler.stats())
	}
	if s := n.sampler.stats(); s.Differed == 0 {
		t.Errorf("%+v", s)
	}
	if got := w.get(t, 3, "h"); got != "1" { // of the node that acknowledged it; others may be a block behind
		t.Errorf("h is %q", got)
	}
	for _, n := range w.nodes {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"a call differs on the interpreter", digest.String(), "request="} {
		if !strings.Contains(logged.String(), part) {
			t.Errorf("the log lacks %q:\n%s", part, logged.String())
		}
	}
}

func TestSamplesAreChosenByNumberAndBounded(t *testing.T) {
	s := newSampler(&Node{c: Config{Plugins: PluginOptions{SampleEvery: 10}}})
	for i := 1; i <= 1000; i++ {
		if record := s.Begin(quoin.Binding{Release: quoin.Hash{1}}, "leader.v1"); record != (i%10 == 0) {
			t.Fatalf("call %d: %v", i, record)
		} else if record {
			s.End(&plugin.Recording{}, 0)
		} else {
			s.End(nil, 0)
		}
	}
	got := s.stats()
	if got.CallTime <= 0 {
		t.Error("no call was timed")
	}
	got.CallTime = 0
	if want := (SampleStats{Calls: 1000, Dropped: 100 - sampleQueue}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	s.Begin(quoin.Binding{Release: quoin.Hash{1}}, "leader.v1")
	s.chosen = true
	s.End(nil, 0)
	if s.stats().Unrecorded != 1 {
		t.Errorf("%+v", s.stats())
	}
}

func TestWatchdogReportsWhatDoesNotEnd(t *testing.T) {
	w := &watchdog{slow: 200 * time.Millisecond}
	ctx, cancel := context.WithCancel(context.Background())
	reports := make(chan quoin.Hash, 16)
	var ended atomic.Bool
	go func() {
		w.run(ctx, func(c *guestCall, least time.Duration) {
			if c.operation != "leader.v1" || least < w.slow {
				t.Errorf("%s after %v", c.operation, least)
			}
			reports <- c.release
		})
		ended.Store(true)
	}()
	// Many short calls are no long one.
	for start := time.Now(); time.Since(start) < 4*w.slow; time.Sleep(time.Millisecond) {
		w.begin(quoin.Hash{1}, "leader.v1")
		w.end()
	}
	w.begin(quoin.Hash{2}, "leader.v1")
	if got := <-reports; got != (quoin.Hash{2}) {
		t.Errorf("a report of %s", got)
	}
	time.Sleep(4 * w.slow) // it reports a call once
	w.end()
	w.begin(quoin.Hash{3}, "leader.v1")
	if got := <-reports; got != (quoin.Hash{3}) {
		t.Errorf("a report of %s", got)
	}
	cancel()
	for !ended.Load() {
		time.Sleep(time.Millisecond)
	}
	if len(reports) != 0 {
		t.Errorf("%d more reports", len(reports))
	}
}
