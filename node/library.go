package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
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
}

// library keeps release files by their digest, brings them from peers, and compiles them in the
// background. Files are taken from peers only if governance names their digest.
type library struct {
	n        *Node
	mu       sync.Mutex
	releases map[quoin.Hash]*ReleaseStatus
	wanted   map[quoin.Hash]bool
	answered map[transport.Key]int
	work     chan quoin.Hash
	nudge    chan struct{}
}

func openLibrary(n *Node) (*library, error) {
	l := &library{n: n, releases: map[quoin.Hash]*ReleaseStatus{}, wanted: map[quoin.Hash]bool{},
		answered: map[transport.Key]int{}, work: make(chan quoin.Hash, libraryMax), nudge: make(chan struct{}, 1)}
	if err := n.fs.MkdirAll(libraryDir); err != nil {
		return nil, err
	}
	names, err := n.fs.List(libraryDir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		digest, err := quoin.ParseHash(name)
		if err != nil {
			continue
		}
		l.releases[digest] = &ReleaseStatus{Digest: digest, State: ReleaseStored}
		// What was ready before must be ready now: a bound release is needed to go on at all.
		if r, err := l.compile(digest); err == nil {
			n.table.Add(r)
			l.releases[digest].State = ReleaseReady
		} else {
			l.settle(digest, err)
		}
	}
	return l, nil
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

func (l *library) store(file []byte) error {
	digest := plugin.Digest(file)
	l.mu.Lock()
	r := l.releases[digest]
	if r != nil && r.State != ReleaseWanted {
		l.mu.Unlock()
		return nil
	}
	if len(l.releases) >= libraryMax && r == nil {
		l.mu.Unlock()
		return fmt.Errorf("node: %d releases are stored already; delete some from the data folder while the node is stopped", libraryMax)
	}
	l.releases[digest] = &ReleaseStatus{Digest: digest, State: ReleaseStored}
	l.mu.Unlock()
	if err := disk.WriteFile(l.n.fs, path(digest), file); err != nil {
		return err
	}
	l.work <- digest
	return nil
}

// want takes what governance names, from the loop.
func (l *library) want(digests []quoin.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.wanted)
	for _, d := range digests {
		if r := l.releases[d]; r != nil && r.State != ReleaseWanted {
			continue
		}
		l.wanted[d] = true
		if l.releases[d] == nil {
			l.releases[d] = &ReleaseStatus{Digest: d, State: ReleaseWanted}
		}
	}
	if len(l.wanted) > 0 {
		select {
		case l.nudge <- struct{}{}:
		default:
		}
	}
}

// receive takes a peer's message.
func (l *library) receive(from transport.Key, message []byte) {
	switch {
	case message[0] == kindAsk && len(message) == 1+len(quoin.Hash{}):
		digest := quoin.Hash(message[1:])
		l.mu.Lock()
		r := l.releases[digest]
		ok := r != nil && r.State != ReleaseWanted && r.State != ReleaseRefused && l.answered[from] < answersPerPeer
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
		ok := l.wanted[digest]
		l.mu.Unlock()
		if ok {
			if _, err := l.n.AddRelease(file); err != nil {
				l.n.log.Warn("a release from a peer is refused", "release", digest, "error", err)
				l.settle(digest, err)
			}
		}
	}
}

// run compiles what is stored and asks for what is wanted.
func (l *library) run(ctx context.Context) {
	defer l.n.running.Done()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case digest := <-l.work:
			l.prepare(ctx, digest)
		case <-l.nudge:
			l.ask()
		case <-tick.C:
			l.ask()
		}
	}
}

func (l *library) ask() {
	l.mu.Lock()
	clear(l.answered)
	var ask, retry []quoin.Hash
	for d := range l.wanted {
		if l.releases[d].State == ReleaseWanted {
			ask = append(ask, d)
		}
	}
	for d, r := range l.releases {
		if r.State == ReleaseDeferred {
			retry = append(retry, d)
		}
	}
	l.mu.Unlock()
	for _, d := range ask {
		l.n.link.Load().Broadcast(transport.Bulk, append([]byte{kindAsk}, d[:]...))
	}
	for _, d := range retry {
		select {
		case l.work <- d:
		default:
		}
	}
}

// prepare compiles a release and hands it to the loop.
func (l *library) prepare(ctx context.Context, digest quoin.Hash) {
	r, err := l.compile(digest)
	if err != nil {
		l.n.log.Warn("a release does not compile", "release", digest, "error", err)
		l.settle(digest, err)
		return
	}
	if l.n.loop.post(ctx, l.n.loop.own, task{input: replica.ReleaseReady{Digest: digest}, release: r}) == nil {
		l.mu.Lock()
		l.releases[digest].State = ReleaseReady
		l.mu.Unlock()
	}
}

func (l *library) compile(digest quoin.Hash) (*plugin.Release, error) {
	file, ok := l.n.Release(digest)
	if !ok || plugin.Digest(file) != digest {
		return nil, fmt.Errorf("node: %w: the stored file of release %s is missing or damaged", plugin.ErrLocal, digest)
	}
	return l.n.host.Compile(file)
}

// settle records why a release is not ready: for good, or for now.
func (l *library) settle(digest quoin.Hash, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.releases[digest]
	if r == nil {
		return
	}
	r.State, r.Reason = ReleaseRefused, err.Error()
	if errors.Is(err, plugin.ErrLocal) {
		r.State = ReleaseDeferred
	}
}
