package node

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/node/compile"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/transport"
)

// Kinds of messages between libraries, above those of replicas.
const (
	kindAsk  byte = 0x40 // digest (32): who has this release?
	kindFile byte = 0x41 // a release file
)

const (
	libraryDir     = "releases"
	libraryMax     = 256 // release files kept
	askEvery       = time.Second
	answersPerPeer = 8 // release files sent to one peer in askEvery
)

// ReleaseState says how far a release has come on this node.
type ReleaseState string

const (
	ReleaseWanted   ReleaseState = "wanted"   // asked for, not here
	ReleaseStored   ReleaseState = "stored"   // here, not compiled yet
	ReleaseReady    ReleaseState = "ready"    // compiled
	ReleaseRefused  ReleaseState = "refused"  // no node can accept it
	ReleaseDeferred ReleaseState = "deferred" // this node failed to compile it, and will try again
)

// ReleaseStatus describes a release on this node.
type ReleaseStatus struct {
	Digest quoin.Hash
	State  ReleaseState
	Reason string // why it is refused or deferred
	// Of a deferred one: how often compiling it failed, when it is tried again, and whether calls of
	// it are interpreted meanwhile because the chain needs it.
	Tries       int
	Retry       time.Time
	Interpreted bool
}

// library keeps release files by their digest, brings them from peers, and compiles them in the
// background, one at a time. Files are taken from peers only if governance names their digest.
type library struct {
	n        *Node
	cache    *compile.Cache
	writing  sync.Mutex // a file
	mu       sync.Mutex // what follows
	releases map[quoin.Hash]*ReleaseStatus
	named    map[quoin.Hash]bool // by governance
	answered map[transport.Key]int
	work     chan struct{} // there may be something to compile
	nudge    chan struct{} // there may be something to ask for
	doubt    chan struct{} // results differ from the others': seconds are needed
	seconds  map[quoin.Hash]bool
	prechecks
}

func openLibrary(n *Node) (*library, error) {
	l := &library{n: n, releases: map[quoin.Hash]*ReleaseStatus{}, named: map[quoin.Hash]bool{},
		answered: map[transport.Key]int{}, work: make(chan struct{}, 1), nudge: make(chan struct{}, 1),
		doubt: make(chan struct{}, 1), seconds: map[quoin.Hash]bool{}, prechecks: newPrechecks()}
	if err := n.fs.MkdirAll(libraryDir); err != nil {
		return nil, err
	}
	names, err := n.fs.List(libraryDir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if digest, err := quoin.ParseHash(name); err == nil {
			l.releases[digest] = &ReleaseStatus{Digest: digest, State: ReleaseStored}
		}
	}
	o := n.c.Plugins
	if l.cache, err = compile.Open(compile.Options{Dir: filepath.Join(n.c.Dir, "compiled"), Command: o.Compile, Time: o.CompileTime, Memory: o.CompileMemory}); err != nil {
		return nil, fmt.Errorf("node: the folder of compiled plugins cannot be used: %w", err)
	}
	return l, l.cache.Keep(func(d quoin.Hash) bool { return l.releases[d] != nil })
}

// resume makes the releases of a configuration ready before the replica starts, if their machine code
// is on disk: some 20 ms each. All others are compiled in the background, and until then the
// replica abstains where it needs one.
func (l *library) resume(bindings []quoin.Binding) {
	for _, b := range bindings {
		if r := l.releases[b.Release]; r == nil || r.State != ReleaseStored {
			continue
		}
		file, err := l.file(b.Release)
		if err != nil {
			continue // run finds it too, and says so
		}
		if r, err := l.cache.Load(b.Release, file); err == nil && r != nil {
			l.n.table.Add(r)
			l.releases[b.Release].State = ReleaseReady
			l.compiled[b.Release] = r
		}
	}
	wake(l.work)
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

func path(digest quoin.Hash) string { return libraryDir + "/" + digest.String() }

// AddRelease checks a release file, stores it and offers it to peers who ask. It is compiled in the
// background; once a proposal names it, this node attests its readiness by itself.
func (n *Node) AddRelease(file []byte) (quoin.Hash, error) {
	if _, err := plugin.Check(file, plugin.DefaultLimits()); err != nil {
		return quoin.Hash{}, err
	}
	if err := plugin.VerifySignature(file); err != nil {
		return quoin.Hash{}, err
	}
	return plugin.Digest(file), n.library.store(file)
}

// Release returns a release file.
func (n *Node) Release(digest quoin.Hash) ([]byte, bool) {
	file, err := disk.ReadFile(n.fs, path(digest), plugin.FileMax)
	return file, err == nil
}

// Releases returns what the node knows of releases, by digest.
func (n *Node) Releases() []ReleaseStatus {
	l := n.library
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []ReleaseStatus
	for _, r := range l.releases {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b ReleaseStatus) int { return slices.Compare(a.Digest[:], b.Digest[:]) })
	return all
}

// store keeps a file that was checked. It is durable before the release is known to be here.
func (l *library) store(file []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	digest := plugin.Digest(file)
	l.mu.Lock()
	r, full := l.releases[digest], len(l.releases) >= libraryMax
	known, stored := r != nil, r != nil && r.State != ReleaseWanted
	l.mu.Unlock()
	if stored {
		return nil
	}
	if full && !known {
		return fmt.Errorf("node: %d releases are stored already; delete some from the data folder while the node is stopped", libraryMax)
	}
	if err := disk.WriteFile(l.n.fs, path(digest), file); err != nil {
		return err
	}
	l.mu.Lock()
	l.releases[digest] = &ReleaseStatus{Digest: digest, State: ReleaseStored}
	l.mu.Unlock()
	wake(l.work)
	return nil
}

// want takes what governance names, from the loop.
func (l *library) want(digests []quoin.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.named)
	for _, d := range digests {
		l.named[d] = true
	}
	maps.DeleteFunc(l.releases, func(d quoin.Hash, r *ReleaseStatus) bool { return r.State == ReleaseWanted && !l.named[d] })
	for _, d := range digests {
		if l.releases[d] == nil {
			l.releases[d] = &ReleaseStatus{Digest: d, State: ReleaseWanted}
		}
		if l.releases[d].State == ReleaseWanted {
			wake(l.nudge)
		}
	}
	l.name()
}

// receive takes a peer's message.
func (l *library) receive(from transport.Key, message []byte) {
	switch {
	case message[0] == kindAsk && len(message) == 1+len(quoin.Hash{}):
		digest := quoin.Hash(message[1:])
		l.mu.Lock()
		r := l.releases[digest]
		// Where governance names it, others must see for themselves what is wrong with a refused one.
		ok := r != nil && r.State != ReleaseWanted && (r.State != ReleaseRefused || l.named[digest]) && l.answered[from] < answersPerPeer
		if ok {
			l.answered[from]++
		}
		l.mu.Unlock()
		if file, here := l.n.Release(digest); ok && here {
			l.n.link.Load().Send(from, transport.Bulk, append([]byte{kindFile}, file...))
		}
	case message[0] == kindFile && len(message) <= plugin.FileMax+1:
		file := message[1:]
		digest := plugin.Digest(file)
		l.mu.Lock()
		r := l.releases[digest]
		ok := l.named[digest] && r != nil && r.State == ReleaseWanted
		l.mu.Unlock()
		if !ok {
			return
		}
		if _, err := l.n.AddRelease(file); err != nil {
			l.n.log.Warn("a release from a peer is refused", "event", "release-refused", "release", digest, "peer", from, "error", err)
			if compile.Final(err) { // a bad signature is not: the digest does not cover it, and another peer may have the author's
				l.settle(digest, err)
			}
		}
	}
}

// run asks for what is wanted.
func (l *library) run(ctx context.Context) {
	defer l.n.running.Done()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.nudge:
		case <-tick.C:
		}
		l.ask()
	}
}

func (l *library) ask() {
	l.mu.Lock()
	clear(l.answered)
	var ask []quoin.Hash
	for d := range l.named {
		if l.releases[d].State == ReleaseWanted {
			ask = append(ask, d)
		}
	}
	l.mu.Unlock()
	for _, d := range ask {
		l.n.link.Load().Broadcast(transport.Bulk, append([]byte{kindAsk}, d[:]...))
	}
}

func (l *library) file(digest quoin.Hash) ([]byte, error) {
	file, ok := l.n.Release(digest)
	if !ok || plugin.Digest(file) != digest {
		return nil, fmt.Errorf("node: the file %s is missing or damaged", path(digest))
	}
	return file, nil
}

// lose gives up a stored file that is not what it should be. If governance names it, peers are asked.
func (l *library) lose(digest quoin.Hash, err error) {
	l.n.log.Error("a stored release is lost", "event", "release-lost", "release", digest, "error", err)
	_ = l.n.fs.Remove(path(digest)) // it may be gone
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.releases, digest)
	if l.named[digest] {
		l.releases[digest] = &ReleaseStatus{Digest: digest, State: ReleaseWanted}
		wake(l.nudge)
	}
}
