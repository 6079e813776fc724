package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node/osdisk"
	"quoin.dev/quoin/observe/health"
)

// Folder examines one node's folder and the machine that it is on. What could not be read of the folder is left
// out; whoever read it says so.
type Folder struct {
	Dir     string
	Key     quoin.PublicKey // zero: unknown
	Genesis *quoin.Genesis  // in the folder; nil: unknown
	Trusted *quoin.Genesis  // by the user; nil: unknown
	Listen  string          // for other nodes; empty: unknown
	API     string          // for clients; likewise
	Page    Page            // for browsers
	Peers   []Peer
	Targets health.Targets // the node's own
	Machine Machine
	Now     func() time.Time
	Within  time.Duration                                   // for one connection; 0: three seconds
	Sync    func(*os.File) error                            // nil: fsync
	Space   func(dir string) (free, size uint64, err error) // nil: osdisk.Space
}

// Peer is another node.
type Peer struct {
	Name    string
	Key     quoin.PublicKey
	Address string
}

// FilesMax is how large a file of a node's folder may be that is read whole: settings, keys, the genesis.
const FilesMax = 64 << 20

// Regular returns an error unless path is a regular file of at most FilesMax bytes, and no link: what else lies
// in a folder may hang who opens it, or be somewhere else.
func Regular(path string) error {
	s, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !s.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file, but %s", path, s.Mode().Type())
	case s.Size() > FilesMax:
		return fmt.Errorf("%s has %d bytes, and should have far fewer", path, s.Size())
	}
	return nil
}

func (f *Folder) data() string { return filepath.Join(f.Dir, "data") }

// Examine looks at everything. It is quick but for the disk's measurement, which takes ten seconds at most.
func (f *Folder) Examine(ctx context.Context) []Finding {
	if f.Within == 0 {
		f.Within = 3 * time.Second
	}
	l := &list{about: f.Dir}
	pid, running := f.running(l)
	f.genesis(l)
	f.files(l)
	f.votes(l, running)
	f.fsync(ctx, l)
	f.space(l)
	f.Machine.limits(l, pid)
	f.ports(ctx, l, running)
	f.certificate(ctx, l)
	f.peers(ctx, l)
	return l.found
}

// running reports whether a node has the folder open, and its process, 0 if that is unknown. It takes the lock for an
// instant, shared with whoever else looks.
func (f *Folder) running(l *list) (pid int, running bool) {
	name := filepath.Join(f.data(), osdisk.LockName)
	if Regular(name) != nil {
		return 0, false
	}
	lock, err := os.Open(name)
	if err != nil {
		l.add("files", Problem, "run doctor as the node's user", "its lock cannot be read: %v", err)
		return 0, false
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		return 0, false
	}
	b, _ := io.ReadAll(io.LimitReader(lock, 32))
	_, _ = fmt.Sscanf(string(b), "%d", &pid) // without it the limits are those of this process
	return pid, true
}

// Running reports whether a node has the folder open.
func (f *Folder) Running() bool {
	_, running := f.running(&list{})
	return running
}

func (f *Folder) genesis(l *list) {
	switch {
	case f.Genesis == nil:
	case f.Trusted == nil:
		l.add("genesis", Unknown, "pin the genesis that you trust: `quoin context use`", "the folder's is %s, and none is pinned here to compare it with", f.Genesis.Hash())
	case f.Genesis.Hash() != f.Trusted.Hash():
		l.add("genesis", Problem, "compare it with the other operators'; never start a node with another", "the folder's is %s, and %s is trusted here", f.Genesis.Hash(), f.Trusted.Hash())
	default:
		l.ok("genesis", "the folder's is the one that is trusted here")
	}
}

// files looks at who may read and write.
func (f *Folder) files(l *list) {
	before := len(l.found)
	f.private(l, "node.key", 0o077, "others can read the node's key: whoever did can vote in its place", "chmod 600 %s; if somebody may have read it, rotate it: see docs/playbooks.md")
	f.private(l, "data", 0o077, "others can read or write what the node keeps", "chmod 700 %s")
	f.private(l, filepath.Join("data", "compiled"), 0o022, "others can write machine code that the node runs", "stop the node, remove %s, and start it again")
	f.private(l, "node.json", 0o022, "others can change the node's settings", "chmod 644 %s")
	f.private(l, "", 0o022, "others can put files into the node's folder", "chmod 755 %s")
	if f.Genesis != nil && !f.Key.IsZero() && len(l.found) == before {
		who := "an observer"
		if i, ok := f.Genesis.Configuration.Validators.Index(f.Key); ok {
			who = "the validator " + f.Genesis.Configuration.Validators.At(i).Name
		}
		l.ok("files", "its keys and files are its own; by the genesis it is %s", who)
	}
}

// private looks at the permissions of a file or folder that may be missing.
func (f *Folder) private(l *list, name string, not fs.FileMode, what, mend string) {
	path := filepath.Join(f.Dir, name)
	s, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		l.add("files", Problem, "run doctor as the node's user", "%s cannot be looked at: %v", name, err)
		return
	case s.Mode()&fs.ModeSymlink != 0:
		l.add("files", Warning, "put the file itself there", "%s is a link to somewhere else", name)
		return
	}
	if s.Mode().Perm()&not != 0 {
		l.add("files", Problem, fmt.Sprintf(mend, path), "%s (%s)", what, s.Mode().Perm())
	}
	if o, ok := s.Sys().(*syscall.Stat_t); ok && int(o.Uid) != os.Geteuid() && os.Geteuid() != 0 {
		l.add("files", Warning, "run doctor and the node as the same user", "%s belongs to user %d, and you are %d", path, o.Uid, os.Geteuid())
	}
}

// ports looks whether the node's addresses are free, or answered if it runs.
func (f *Folder) ports(ctx context.Context, l *list, running bool) {
	for _, x := range []struct{ what, address, setting string }{{"other nodes", f.Listen, "listen"}, {"clients", f.API, "api"}, {"browsers", f.Page.Address, "dashboard"}} {
		host, port, err := net.SplitHostPort(x.address)
		switch {
		case x.address == "":
			continue
		case err != nil:
			l.add("ports", Problem, "write HOST:PORT as "+x.setting+" in node.json", "%s is no address", short(x.address))
			continue
		case !Fixed(x.address):
			l.add("ports", Unknown, "", "the system chooses the port for %s", x.what)
			continue
		}
		if !running {
			f.free(ctx, l, x.what, x.address, x.setting)
			continue
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		if err := f.dial(ctx, net.JoinHostPort(host, port)); err != nil {
			l.add("ports", Problem, "is a firewall on this machine? Read the node's log", "the node runs, and its address for %s does not answer: %v", x.what, err)
		} else {
			l.ok("ports", "the node answers on %s, for %s", x.address, x.what)
		}
	}
}

func (f *Folder) free(ctx context.Context, l *list, what, address, setting string) {
	var listen net.ListenConfig
	c, err := listen.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		l.add("ports", Problem, "stop what has it, or change "+setting+" in node.json", "the node does not run, and another program has its address for %s, %s", what, address)
	case err != nil:
		l.add("ports", Problem, "change "+setting+" in node.json to an address of this machine", "the node could not listen on its address for %s: %v", what, err)
	default:
		_ = c.Close() // nobody came
		l.ok("ports", "%s is free, for %s", address, what)
	}
}

func (f *Folder) dial(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, f.Within)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}

// Fixed reports whether an address is HOST:PORT with a port that the system does not choose.
func Fixed(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && port != "" && port != "0"
}

// peersMost is how many peers are dialled.
const peersMost = 256

// peers dials the other nodes, as this one would.
func (f *Folder) peers(ctx context.Context, l *list) {
	reached := 0
	type result struct {
		p   *Peer
		err error
	}
	results := make(chan result)
	dialled := 0
	for i := range f.Peers[:min(len(f.Peers), peersMost)] {
		p := &f.Peers[i]
		if _, port, _ := net.SplitHostPort(p.Address); p.Key == f.Key || port == "0" {
			continue // itself, or known to the node that chose it alone
		}
		dialled++
		go func() { results <- result{p, f.dial(ctx, p.Address)} }()
	}
	for range dialled {
		if r := <-results; r.err != nil {
			l.add("peers", Warning, "is it running? Are its address in peers.json and the firewalls right?", "%s cannot be reached at %s: %s", short(r.p.Name), short(r.p.Address), why(r.err))
		} else {
			reached++
		}
	}
	if dialled > 0 && reached == dialled {
		l.ok("peers", "all %d other nodes can be reached", reached)
	}
}
