package node

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node/compile"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/transport"
)

// compileEnv makes the test binary a process that compiles, or one that dies instead.
const compileEnv = "QUOIN_TEST_COMPILE"

func TestMain(m *testing.M) {
	switch os.Getenv(compileEnv) {
	case "":
		os.Exit(m.Run())
	case "die":
		os.Exit(7)
	}
	if err := compile.Child(os.Stdin, os.Stdout); err != nil {
		os.Exit(1)
	}
}

// compileIn has releases compiled in processes of a mode.
func compileIn(t testing.TB, mode string) []string {
	t.Setenv(compileEnv, mode)
	return []string{os.Args[0]}
}

// leaderRelease is a signed release of a leader whose answer is its parameter.
func leaderRelease(t testing.TB) (quoin.Hash, []byte) {
	t.Helper()
	f, ok := hostile.Find(hostile.LeaderParameter)
	if !ok {
		t.Fatal("no such fixture")
	}
	return sign(t, f.Release(authorKey()))
}

func authorKey() quoin.PublicKey {
	return quoin.PublicKey(validatorKey(0).Public().(ed25519.PublicKey))
}

func sign(t testing.TB, file []byte) (quoin.Hash, []byte) {
	t.Helper()
	file, err := plugin.Sign(file, validatorKey(0))
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Digest(file), file
}

// bound is a network whose leader is the release, which its nodes have.
func bound(t *testing.T, digest quoin.Hash, file []byte, mode string, logger *slog.Logger) *network {
	return newNetworkOf(t, 4, func(w *network) {
		w.logger = logger
		w.bind(t, digest, file, mode)
	})
}

// bind binds the release of a leader in the genesis and puts it into the folders.
func (w *network) bind(t *testing.T, digest quoin.Hash, file []byte, mode string) {
	w.plugins.Compile = compileIn(t, mode)
	w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: "leader.v1", Release: digest, Parameters: []byte{1, 0, 0, 0}})
	for _, dir := range w.dirs {
		if err := os.MkdirAll(filepath.Join(dir, libraryDir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path(digest)), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (n *Node) release(digest quoin.Hash) ReleaseStatus {
	all := n.Releases()
	if i := slices.IndexFunc(all, func(r ReleaseStatus) bool { return r.Digest == digest }); i >= 0 {
		return all[i]
	}
	return ReleaseStatus{}
}

// await waits until a release is as it should be on a node.
func (w *network) await(t testing.TB, i int, digest quoin.Hash, what string, is func(ReleaseStatus) bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !is(w.nodes[i].release(digest)); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("node %d: the release is not %s: %+v", i, what, w.nodes[i].release(digest))
		}
	}
}

func isReady(r ReleaseStatus) bool { return r.State == ReleaseReady }

func TestAddedReleaseIsCompiledAndKept(t *testing.T) {
	digest, file := leaderRelease(t)
	w := newNetworkOf(t, 1, func(w *network) { w.plugins.Compile = compileIn(t, "work") })
	if got, err := w.nodes[0].AddRelease(file); err != nil || got != digest {
		t.Fatal(got, err)
	}
	w.await(t, 0, digest, "ready", isReady)
	t.Setenv(compileEnv, "die") // nothing is compiled twice
	for range 5 {
		if _, err := w.nodes[0].AddRelease(file); err != nil || !isReady(w.nodes[0].release(digest)) {
			t.Fatalf("%v, %+v", err, w.nodes[0].release(digest))
		}
	}
	if err := w.nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	w.start(t, 0)
	w.await(t, 0, digest, "ready again", isReady)
}

// TestRefusedReleaseIsCompiledOnce: a release whose initialisation traps passes the static check. That no
// node can accept it is remembered, here and over a restart.
func TestRefusedReleaseIsCompiledOnce(t *testing.T) {
	file := stillbornRelease(t)
	digest := plugin.Digest(file)
	w := newNetworkOf(t, 1, func(w *network) { w.plugins.Compile = compileIn(t, "work") })
	refused := func(r ReleaseStatus) bool {
		return r.State == ReleaseRefused && strings.Contains(r.Reason, "initialisation failed")
	}
	add := func() {
		t.Helper()
		if _, err := w.nodes[0].AddRelease(file); err != nil {
			t.Fatal(err)
		}
		w.await(t, 0, digest, "refused", refused)
	}
	add()
	t.Setenv(compileEnv, "die")
	add()
	if err := w.nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	w.start(t, 0)
	add()
}

func TestBoundReleaseIsReadyAtOnceAfterARestart(t *testing.T) {
	digest, file := leaderRelease(t)
	w := bound(t, digest, file, "work", nil)
	for i := range w.nodes {
		w.await(t, i, digest, "ready", isReady)
	}
	w.put(t, 0, "a", "1")
	if err := w.nodes[2].Close(); err != nil {
		t.Fatal(err)
	}
	w.start(t, 2)
	if !isReady(w.nodes[2].release(digest)) {
		t.Error("a release whose machine code is on disk is not ready when the node starts")
	}
	w.connect(t)
	w.put(t, 2, "b", "2")
}

// TestBoundReleaseThatDoesNotCompileIsInterpreted: a network whose every node fails to compile its leader goes
// on, slower.
func TestBoundReleaseThatDoesNotCompileIsInterpreted(t *testing.T) {
	digest, file := leaderRelease(t)
	w := bound(t, digest, file, "die", nil)
	for i := range w.nodes {
		w.await(t, i, digest, "deferred and interpreted", func(r ReleaseStatus) bool {
			return r.State == ReleaseDeferred && r.Interpreted && r.Tries == 1 && r.Retry.After(time.Now())
		})
	}
	w.put(t, 0, "a", "1")
	w.put(t, 3, "b", "2")
	// When it compiles at last, the compiled one takes its place.
	t.Setenv(compileEnv, "work")
	l := w.nodes[1].library
	l.mu.Lock()
	l.releases[digest].Retry = time.Time{}
	l.mu.Unlock()
	w.await(t, 1, digest, "ready", isReady)
	w.put(t, 1, "c", "3")
}

// TestOnlyBoundReleasesAreInterpreted: a node that cannot compile what is proposed is not ready for it.
func TestOnlyBoundReleasesAreInterpreted(t *testing.T) {
	digest, file := leaderRelease(t)
	w := newNetworkOf(t, 1, func(w *network) { w.plugins.Compile = compileIn(t, "die") })
	if _, err := w.nodes[0].AddRelease(file); err != nil {
		t.Fatal(err)
	}
	w.await(t, 0, digest, "deferred", func(r ReleaseStatus) bool { return r.State == ReleaseDeferred })
	if r := w.nodes[0].release(digest); r.Interpreted || r.Reason == "" {
		t.Errorf("%+v", r)
	}
}

func TestRetriesBackOff(t *testing.T) {
	w := newNetwork(t, 1)
	l := w.nodes[0].library
	digest := quoin.Hash{1}
	l.mu.Lock()
	l.releases[digest] = &ReleaseStatus{Digest: digest, State: ReleaseDeferred, Retry: time.Now().Add(time.Hour)}
	l.mu.Unlock()
	var waits []time.Duration
	for range 7 {
		l.settle(digest, plugin.ErrLocal)
		waits = append(waits, time.Until(l.releases[digest].Retry).Round(time.Second))
	}
	want := []time.Duration{10 * time.Second, 40 * time.Second, 160 * time.Second, 640 * time.Second, 2560 * time.Second, time.Hour, time.Hour}
	if !slices.Equal(waits, want) {
		t.Errorf("waits of %v, want %v", waits, want)
	}
	if d, ok := l.next(time.Now()); ok {
		t.Errorf("%s is tried before its time", d)
	}
	if d, ok := l.next(time.Now().Add(2 * time.Hour)); !ok || d != digest {
		t.Error("it is never tried again")
	}
}

// TestWhatGovernanceNamesComesFirst, and what has failed after what has not.
func TestWhatGovernanceNamesComesFirst(t *testing.T) {
	l := &library{named: map[quoin.Hash]bool{}, releases: map[quoin.Hash]*ReleaseStatus{}}
	for i, r := range []ReleaseStatus{{State: ReleaseStored}, {State: ReleaseStored}, {State: ReleaseDeferred, Tries: 3}, {State: ReleaseStored},
		{State: ReleaseReady}, {State: ReleaseWanted}, {State: ReleaseRefused}} {
		r.Digest[0] = byte(i)
		l.releases[r.Digest] = &r
		l.named[r.Digest] = i == 2 || i >= 3
	}
	var order []byte
	for {
		d, ok := l.next(time.Now())
		if !ok {
			break
		}
		order = append(order, d[0])
		l.releases[d].State = ReleaseReady
	}
	if want := []byte{3, 2, 0, 1}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

// TestBadSignatureIsNoVerdict: the digest does not cover the author's signature, so a peer that spoils it
// must not make the node refuse the release.
func TestBadSignatureIsNoVerdict(t *testing.T) {
	digest, file := leaderRelease(t)
	w := newNetwork(t, 1)
	l := w.nodes[0].library
	if err := w.nodes[0].Do(t.Context(), func(*replica.Replica) {}); err != nil { // the replica has said by now what it wants: nothing
		t.Fatal(err)
	}
	message := func(file []byte) []byte { return append([]byte{kindFile}, file...) }
	l.receive(transport.Key{}, message(file))
	if w.nodes[0].release(digest).State != "" {
		t.Error("a release that nobody named was taken")
	}
	l.want([]quoin.Hash{digest})
	spoiled := slices.Clone(file)
	spoiled[len(spoiled)-1] ^= 1
	if plugin.Digest(spoiled) != digest {
		t.Fatal("the digest covers the signature")
	}
	l.receive(transport.Key{}, message(spoiled))
	if r := w.nodes[0].release(digest); r.State != ReleaseWanted {
		t.Errorf("after a bad signature: %+v", r)
	}
	l.want([]quoin.Hash{digest})
	l.receive(transport.Key{}, message(file))
	w.await(t, 0, digest, "ready", isReady)
}

// TestWhatNeverCameIsForgotten: proposals of releases that nobody has leave no room taken behind them.
func TestWhatNeverCameIsForgotten(t *testing.T) {
	digest, file := leaderRelease(t)
	w := newNetwork(t, 1)
	for i := range libraryMax + 1 {
		w.nodes[0].library.want([]quoin.Hash{{1, byte(i), byte(i >> 8)}})
	}
	if n := len(w.nodes[0].Releases()); n != 1 {
		t.Errorf("%d releases are wanted, one is named", n)
	}
	if got, err := w.nodes[0].AddRelease(file); err != nil || got != digest {
		t.Error(err)
	}
}

func TestDamagedReleaseIsFetchedAgain(t *testing.T) {
	digest, file := leaderRelease(t)
	w := bound(t, digest, file, "work", nil)
	w.put(t, 0, "a", "1")
	if err := w.nodes[2].Close(); err != nil {
		t.Fatal(err)
	}
	spoiled := slices.Clone(file)
	spoiled[100] ^= 1
	if err := os.WriteFile(filepath.Join(w.dirs[2], path(digest)), spoiled, 0o600); err != nil {
		t.Fatal(err)
	}
	w.start(t, 2)
	w.connect(t)
	w.await(t, 2, digest, "ready", isReady)
	w.put(t, 2, "b", "2")
}

// TestDoubtReadiesTheInterpreter: a replica that diverges gets a second engine for what it is bound to.
func TestDoubtReadiesTheInterpreter(t *testing.T) {
	digest, file := leaderRelease(t)
	logged := make(lines, 64)
	w := bound(t, digest, file, "work", slog.New(slog.NewTextHandler(logged, nil)))
	w.put(t, 0, "a", "1")
	l := w.nodes[1].loop
	err := w.nodes[1].Do(context.Background(), func(*replica.Replica) { l.event(&replica.Event{Kind: replica.HasDiverged}) })
	if err != nil {
		t.Fatal(err)
	}
	for line := range logged {
		if strings.Contains(line, "by the interpreter too") && strings.Contains(line, digest.String()) {
			break
		}
	}
	w.put(t, 1, "b", "2")
}

// lines are what is logged; those that nobody reads are dropped.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}
