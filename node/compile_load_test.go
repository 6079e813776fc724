package node

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// goRelease is a signed release of about 2 MB, built by the Go toolchain.
func goRelease(t testing.TB) (quoin.Hash, []byte) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "guest.wasm")
	c := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-trimpath", "-o", out, "quoin.dev/quoin/plugin/testdata/goguest")
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if text, err := c.CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		t.Skip("the Go toolchain is not on the path")
	} else if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	file, err := plugin.Embed(module, &plugin.Manifest{Name: "go-guest", Version: "1.0.0", Sequence: 1, Author: authorKey(),
		Hooks: []string{"leader.v1", "machine.v1"}, Capabilities: []string{hook.CapabilityEvents, hook.CapabilityState},
		FuelMax: plugin.FuelMax, PagesMax: 256})
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, file)
}

// lost counts the views that the nodes gave up.
func (w *network) lost(t testing.TB) (n uint64) {
	t.Helper()
	for i := range w.nodes {
		err := w.nodes[i].Do(context.Background(), func(r *replica.Replica) { n += r.Stats().Timeouts + r.Stats().Nullified })
		if err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestNoViewIsLostToCompiling: four nodes under load compile a release of 2 MB at the same time, on the
// machine that they share. They time out in no view more than they do without it.
func TestNoViewIsLostToCompiling(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles under load")
	}
	digest, file := goRelease(t)
	w := newNetworkOf(t, 4, func(w *network) {
		w.plugins.Compile = compileIn(t, "work")
		w.genesis.Configuration.Parameters.TimeoutBaseMS = quoin.DefaultParameters().TimeoutBaseMS
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	certified := w.steady(ctx, 1, 500)
	time.Sleep(time.Second)
	// Others use this machine too: of up to three rounds, the best counts.
	best := ^uint64(0)
	for round := 0; round < 3 && best > 0; round++ {
		before, blocks := w.lost(t), certified.Load()
		start := time.Now()
		for i, n := range w.nodes {
			if round > 0 { // as if it were new
				forget(t, n, digest)
			}
			if _, err := n.AddRelease(file); err != nil {
				t.Fatalf("node %d: %v", i, err)
			}
		}
		for i := range w.nodes {
			w.await(t, i, digest, "ready", isReady)
		}
		took := time.Since(start)
		during, rate := w.lost(t)-before, float64(certified.Load()-blocks)/took.Seconds()
		before, blocks = w.lost(t), certified.Load()
		time.Sleep(took)
		calm := w.lost(t) - before
		t.Logf("while four nodes compile %d bytes, in %v: %d views lost, %.0f transactions a second; as long without: %d views, %.0f a second",
			len(file), took.Round(time.Millisecond), during, rate, calm, float64(certified.Load()-blocks)/took.Seconds())
		best = min(best, during-min(during, calm))
	}
	if best > 0 {
		t.Errorf("compiling costs %d views", best)
	}
}

// forget makes a node compile a release anew.
func forget(t testing.TB, n *Node, digest quoin.Hash) {
	t.Helper()
	l := n.library
	if err := l.cache.Keep(func(quoin.Hash) bool { return false }); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.releases, digest)
}
