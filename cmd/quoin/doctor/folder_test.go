package doctor

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/signature"
)

// machineOf writes what a kernel would tell.
func machineOf(t *testing.T, files, memoryKiB, groupMemory, cpuMax string) Machine {
	t.Helper()
	m := Machine{Proc: t.TempDir(), Groups: t.TempDir()}
	write := func(text string, path ...string) {
		name := filepath.Join(path...)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Limit                     Soft Limit           Hard Limit           Units\nMax open files            "+files+"                 524288               files\n", m.Proc, "self", "limits")
	write("0::/system.slice/quoin.service\n", m.Proc, "self", "cgroup")
	write("MemTotal:       "+memoryKiB+" kB\nMemFree: 1 kB\n", m.Proc, "meminfo")
	write("processor\t: 0\nprocessor\t: 1\n", m.Proc, "cpuinfo")
	write(groupMemory+"\n", m.Groups, "system.slice", "memory.max")
	write(cpuMax+"\n", m.Groups, "system.slice", "quoin.service", "cpu.max")
	return m
}

// ranFolder is the folder of a node that has run and is stopped.
func ranFolder(t *testing.T) *Folder {
	t.Helper()
	key := apitest.Key("doctor/node")
	set, err := quoin.NewValidatorSet([]quoin.Validator{{Name: "v0", Key: signature.PublicOf(key), Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	g := &quoin.Genesis{Network: "doctor", Chain: "main", Time: quoin.Time(time.Now().UnixMilli())}
	g.Configuration.Validators, g.Configuration.Parameters = set, quoin.DefaultParameters()
	g.Configuration.Parameters.HeartbeatMS = 20
	g.Configuration = withLeader(g.Configuration)
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o700))
	n, err := node.Open(node.Config{Dir: filepath.Join(dir, "data"), Genesis: g, Identity: key, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); n.Status().Tip.Height < 3 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	must(t, n.Close())
	must(t, os.WriteFile(filepath.Join(dir, "node.key"), []byte("key"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "node.json"), []byte("{}"), 0o644))
	return &Folder{Dir: dir, Key: signature.PublicOf(key), Genesis: g, Trusted: g, Listen: freeAddress(t), API: freeAddress(t),
		Machine: machineOf(t, "65536", "8000000", "max", "max 100000"), Now: time.Now, Sync: func(*os.File) error { return nil },
		Space: func(string) (uint64, uint64, error) { return 100 << 30, 200 << 30, nil }}
}

func withLeader(c quoin.Configuration) quoin.Configuration {
	c.Epoch, c.First = 1, 1
	c.Bindings = []quoin.Binding{{Hook: "leader.v1", Builtin: "round-robin"}}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestAHealthyFolderHasNoFindings(t *testing.T) {
	f := ranFolder(t)
	before := contents(t, f.Dir)
	found := f.Examine(context.Background())
	wants(t, "healthy", found, "", OK)
	seen := map[string]bool{}
	for _, x := range found {
		seen[x.Check] = true
	}
	for _, check := range []string{"genesis", "files", "votes", "fsync", "space", "limits", "ports"} {
		if !seen[check] {
			t.Errorf("%s was not looked at", check)
		}
	}
	if after := contents(t, f.Dir); after != before {
		t.Errorf("doctor changed the folder:\n%s\nbefore:\n%s", after, before)
	}
}

// contents lists a folder's files with their sizes and times.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	must(t, filepath.Walk(dir, func(path string, s os.FileInfo, err error) error {
		if err == nil && !s.IsDir() {
			fmt.Fprintln(&b, path, s.Size(), s.ModTime(), s.Mode())
		}
		return err
	}))
	return b.String()
}

// newestSegment returns the newest segment of the vote log.
func newestSegment(t *testing.T, f *Folder) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(f.data(), "log", "*.log"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no segment: %v", err)
	}
	return names[len(names)-1]
}

// TestEveryFaultOfAFolderIsFound plants one fault after the other.
func TestEveryFaultOfAFolderIsFound(t *testing.T) {
	for _, x := range []struct {
		name  string
		plant func(*testing.T, *Folder)
		check string
		level Level
	}{
		{"another genesis", func(t *testing.T, f *Folder) {
			g := *f.Genesis
			g.Chain = "other"
			f.Trusted = &g
		}, "genesis", Problem},
		{"nothing to compare the genesis with", func(t *testing.T, f *Folder) { f.Trusted = nil }, "genesis", Unknown},
		{"others read the key", func(t *testing.T, f *Folder) { must(t, os.Chmod(filepath.Join(f.Dir, "node.key"), 0o644)) }, "files", Problem},
		{"others read the data", func(t *testing.T, f *Folder) { must(t, os.Chmod(f.data(), 0o755)) }, "files", Problem},
		{"others write machine code", func(t *testing.T, f *Folder) { must(t, os.Chmod(filepath.Join(f.data(), "compiled"), 0o777)) }, "files", Problem},
		{"others write settings", func(t *testing.T, f *Folder) { must(t, os.Chmod(filepath.Join(f.Dir, "node.json"), 0o666)) }, "files", Problem},
		{"others write the folder", func(t *testing.T, f *Folder) { must(t, os.Chmod(f.Dir, 0o777)) }, "files", Problem},
		{"the key is a link", func(t *testing.T, f *Folder) {
			key := filepath.Join(f.Dir, "node.key")
			must(t, os.Rename(key, key+"2"))
			must(t, os.Symlink(key+"2", key))
		}, "files", Warning},
		{"no vote log", func(t *testing.T, f *Folder) { must(t, os.RemoveAll(filepath.Join(f.data(), "log"))) }, "votes", Problem},
		{"no mark", func(t *testing.T, f *Folder) { must(t, os.Remove(filepath.Join(f.data(), "log", "mark"))) }, "votes", Problem},
		{"a segment is gone", func(t *testing.T, f *Folder) { must(t, os.Remove(newestSegment(t, f))) }, "votes", Problem},
		{"a flipped bit", func(t *testing.T, f *Folder) {
			name := newestSegment(t, f)
			b, err := os.ReadFile(name)
			must(t, err)
			b[len(b)/2] ^= 1
			must(t, os.WriteFile(name, b, 0o600))
		}, "votes", Problem},
		{"cut off", func(t *testing.T, f *Folder) { must(t, os.Truncate(newestSegment(t, f), 100)) }, "votes", Problem},
		{"the log of another", func(t *testing.T, f *Folder) {
			g := *f.Genesis
			g.Chain = "other"
			f.Genesis, f.Trusted = &g, &g
		}, "votes", Problem},
		{"an older log", func(t *testing.T, f *Folder) {
			entries, err := os.ReadDir(filepath.Join(f.data(), "log"))
			must(t, err)
			for _, e := range entries {
				at := time.Now().Add(-time.Hour)
				must(t, os.Chtimes(filepath.Join(f.data(), "log", e.Name()), at, at))
			}
		}, "votes", Warning},
		{"a pipe in the log", func(t *testing.T, f *Folder) { must(t, syscall.Mkfifo(filepath.Join(f.data(), "log", "pipe"), 0o600)) }, "votes", Unknown},
		{"a disk that is slow now and then", func(t *testing.T, f *Folder) { f.Now = ticking(30, 150*time.Millisecond) }, "fsync", Problem},
		{"a disk that is always slow", func(t *testing.T, f *Folder) { f.Now = ticking(1, 30*time.Millisecond) }, "fsync", Warning},
		{"a disk that hardly moves", func(t *testing.T, f *Folder) { f.Now = ticking(1, 8*time.Second) }, "fsync", Problem},
		{"a disk that fails", func(t *testing.T, f *Folder) { f.Sync = func(*os.File) error { return syscall.EIO } }, "fsync", Problem},
		{"a full disk", func(t *testing.T, f *Folder) {
			f.Space = func(string) (uint64, uint64, error) { return 1 << 20, 200 << 30, nil }
		}, "space", Problem},
		{"a disk that nobody knows", func(t *testing.T, f *Folder) {
			f.Space = func(string) (uint64, uint64, error) { return 0, 0, syscall.ENOSYS }
		}, "space", Unknown},
		{"few open files", func(t *testing.T, f *Folder) { f.Machine = machineOf(t, "256", "8000000", "max", "max 100000") }, "limits", Problem},
		{"rather few open files", func(t *testing.T, f *Folder) { f.Machine = machineOf(t, "1024", "8000000", "max", "max 100000") }, "limits", Warning},
		{"little memory", func(t *testing.T, f *Folder) { f.Machine = machineOf(t, "unlimited", "400000", "max", "max 100000") }, "limits", Problem},
		{"little memory in the group", func(t *testing.T, f *Folder) {
			f.Machine = machineOf(t, "65536", "8000000", "1073741824", "max 100000")
		}, "limits", Warning},
		{"half a processor", func(t *testing.T, f *Folder) { f.Machine = machineOf(t, "65536", "8000000", "max", "50000 100000") }, "limits", Warning},
		{"a kernel that tells nothing", func(t *testing.T, f *Folder) { f.Machine = Machine{Proc: t.TempDir(), Groups: t.TempDir()} }, "limits", Unknown},
		{"a kernel that tells nonsense", func(t *testing.T, f *Folder) { f.Machine = machineOf(t, "\x00", "-1", "99999999999999999999", "0 0") }, "", OK},
		{"a port that is taken", func(t *testing.T, f *Folder) { f.Listen = listening(t) }, "ports", Problem},
		{"the page's port is taken", func(t *testing.T, f *Folder) { f.Page.Address = listening(t) }, "ports", Problem},
		{"an address of another machine", func(t *testing.T, f *Folder) { f.API = "192.0.2.1:26600" }, "ports", Problem},
		{"no address", func(t *testing.T, f *Folder) { f.API = "nonsense" }, "ports", Problem},
		{"a peer that is away", func(t *testing.T, f *Folder) { f.Peers = []Peer{{Name: "away", Address: freeAddress(t)}} }, "peers", Warning},
		{"a peer that is there", func(t *testing.T, f *Folder) { f.Peers = []Peer{{Name: "there", Address: listening(t)}} }, "", OK},
		{"a running node that does not answer", func(t *testing.T, f *Folder) { hold(t, f) }, "ports", Problem},
	} {
		t.Run(strings.ReplaceAll(x.name, " ", "-"), func(t *testing.T) {
			f := ranFolder(t)
			x.plant(t, f)
			wants(t, x.name, f.Examine(context.Background()), x.check, x.level)
		})
	}
}

// ticking is a clock that moves on at every nth pair of looks.
func ticking(every int, by time.Duration) func() time.Time {
	at, looks := time.Now(), 0
	return func() time.Time {
		if looks++; looks%2 == 0 && looks/2%every == 0 {
			at = at.Add(by)
		}
		return at
	}
}

func listening(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// hold takes the folder's lock as a node does that runs.
func hold(t *testing.T, f *Folder) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(f.data(), "LOCK"), os.O_RDWR, 0o600)
	must(t, err)
	must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	must(t, lock.Truncate(0))
	t.Cleanup(func() { _ = lock.Close() })
	if !f.Running() {
		t.Error("a folder whose lock is held does not count as running")
	}
}

func TestRoom(t *testing.T) {
	f := ranFolder(t)
	f.Now = func() time.Time { return time.UnixMilli(int64(f.Genesis.Time)).Add(10 * 24 * time.Hour) }
	for _, x := range []struct {
		free, size uint64
		level      Level
	}{
		{100 << 30, 200 << 30, OK},
		{spaceLeast - 1, 10 << 30, Problem},
		{3 << 30, 100 << 30, Problem}, // below a twentieth, and little
		{4 << 30, 100 << 30, OK},
		{3 << 30, 50 << 30, OK},
	} {
		l := &list{about: "disk"}
		f.room(l, x.free, x.size)
		wants(t, fmt.Sprint(x.free), l.found, "space", x.level)
	}
	// Ten days made all of this: as much again is not enough for a fortnight, twice as much is.
	must(t, os.Truncate(newestSegment(t, f), spaceLeast)) // a hole: it takes no room
	used, _ := newestIn(f.data())
	for _, x := range []struct {
		free  uint64
		level Level
	}{{uint64(used) * 13 / 10, Warning}, {uint64(used) * 15 / 10, OK}} {
		l := &list{about: "disk"}
		f.room(l, x.free, x.free)
		wants(t, fmt.Sprint(x.free), l.found, "space", x.level)
	}
}

// TestDamagedFoldersDoNoHarm: whatever lies in a folder, doctor ends without a panic.
func TestDamagedFoldersDoNoHarm(t *testing.T) {
	for _, dir := range []string{filepath.Join(t.TempDir(), "absent"), os.DevNull} {
		f := &Folder{Dir: dir, Now: time.Now, Machine: Machine{Proc: t.TempDir(), Groups: t.TempDir()}}
		if found := f.Examine(context.Background()); Worst(found) != Problem {
			t.Errorf("%s: %+v", dir, found)
		}
	}
	f := ranFolder(t)
	must(t, os.RemoveAll(f.data()))
	must(t, os.MkdirAll(filepath.Join(f.data(), "LOCK"), 0o700))
	must(t, os.WriteFile(filepath.Join(f.data(), "log"), []byte("a file"), 0o600))
	must(t, os.WriteFile(filepath.Join(f.data(), "store"), []byte("a file"), 0o600))
	if found := f.Examine(context.Background()); Worst(found) == OK {
		t.Errorf("%+v", found)
	}
	for _, path := range []string{os.DevNull, f.Dir, filepath.Join(f.Dir, "absent")} {
		if Regular(path) == nil {
			t.Errorf("%s is taken for a regular file", path)
		}
	}
}
