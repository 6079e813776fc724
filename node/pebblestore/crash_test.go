package pebblestore

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"quoin.dev/quoin/store"
)

// tiny makes flushes, compactions and new logs out of little.
func tiny(fs vfs.FS) Options {
	return Options{FS: fs, MemTableBytes: 32 << 10, CacheBytes: 1 << 20}
}

// history is a sequence of batches and the state after each: states[n] is what n
// batches leave.
type history struct {
	batches []store.Batch
	durable []bool
	states  []map[string]string
}

func newHistory(seed uint64, length int) *history {
	r := rand.New(rand.NewPCG(seed, 3))
	h := &history{batches: make([]store.Batch, length), states: []map[string]string{{}}}
	state := map[string]string{}
	for n := range length {
		b := &h.batches[n]
		set := func(key, value string) {
			b.Set([]byte(key), []byte(value))
			state[key] = value
		}
		set("batch", fmt.Sprint(n+1))
		for range r.IntN(12) {
			set(fmt.Sprintf("key %02d", r.IntN(60)), strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(600)))
		}
		key := fmt.Sprintf("key %02d", r.IntN(60))
		switch r.IntN(6) {
		case 0:
			b.DeleteRange([]byte(key), nil)
			maps.DeleteFunc(state, func(k, _ string) bool { return k >= key })
		case 1:
			b.Delete([]byte(key))
			delete(state, key)
		}
		h.durable = append(h.durable, r.IntN(3) == 0)
		h.states = append(h.states, maps.Clone(state))
	}
	return h
}

// progress is how far a run has come: what must survive a crash and what may.
type progress struct{ acknowledged, attempted atomic.Int64 }

// run applies the history until an error. Closing counts as durable only if it
// says so, which it does not.
func (h *history) run(s *Store, p *progress) error {
	for n := range h.batches {
		p.attempted.Store(int64(n + 1))
		if err := s.Apply(&h.batches[n], h.durable[n]); err != nil {
			return err
		}
		if h.durable[n] {
			p.acknowledged.Store(int64(n + 1))
		}
	}
	return nil
}

// check opens the store on the disk that a crash left and compares.
func (h *history) check(fs vfs.FS, acknowledged, attempted int64) error {
	s, err := Open("store", tiny(fs))
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	got := map[string]string{}
	err = s.Scan(nil, nil, func(key, value []byte) bool { got[string(key)] = string(value); return true })
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	n := int64(0)
	if text, ok := got["batch"]; ok {
		if n, err = strconv.ParseInt(text, 10, 64); err != nil {
			return err
		}
	} else if len(got) > 0 {
		// A range deletion never reaches the key "batch".
		return fmt.Errorf("%d keys, but not the one of every batch", len(got))
	}
	if n < acknowledged || n > attempted {
		return fmt.Errorf("%d batches survived, %d were acknowledged as durable and %d attempted", n, acknowledged, attempted)
	}
	if !maps.Equal(got, h.states[n]) {
		return fmt.Errorf("what survived is not the state after batch %d: the batch was torn", n)
	}
	return nil
}

// snapshot is a disk as a crash leaves it.
type snapshot struct {
	fs                      *vfs.MemFS
	operation               string
	acknowledged, attempted int64
}

// notWhileCloning keeps MemFS.ReuseForWrite, which takes the lock for reading twice,
// out of the way of CrashClone, which takes it for writing in between.
type notWhileCloning struct {
	vfs.FS
	mu *sync.Mutex
}

func (f notWhileCloning) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.FS.ReuseForWrite(from, to, category)
}

// crashes runs the history and takes snapshots before the operations of the disk
// that change it, every so-manyeth.
func crashes(t *testing.T, h *history, seed uint64, every int, wrap func(vfs.FS) vfs.FS) (list []snapshot) {
	mem := vfs.NewCrashableMem()
	var p progress
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 4))
	count := 0
	hook := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		count++
		if count%every == 0 {
			// The order matters: acknowledged before, attempted after the clone.
			s := snapshot{operation: fmt.Sprintf("%d: %s", count, opName(op)), acknowledged: p.acknowledged.Load()}
			s.fs = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 90}[count/every%3], RNG: r})
			s.attempted = p.attempted.Load()
			list = append(list, s)
		}
		return nil
	})
	s, err := Open("store", tiny(wrap(errorfs.Wrap(notWhileCloning{mem, &mu}, hook))))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.run(s, &p); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return list
}

// TestCrashAtEveryWrite: whatever Pebble was doing when the power went, every
// durable batch is there, no batch is torn, and none is missing before another.
func TestCrashAtEveryWrite(t *testing.T) {
	h := newHistory(1, 400)
	list := crashes(t, h, 1, 1, func(fs vfs.FS) vfs.FS { return fs })
	kinds := map[string]int{}
	for _, s := range list {
		if err := h.check(s.fs, s.acknowledged, s.attempted); err != nil {
			t.Errorf("crash before operation %s: %v", s.operation, err)
		}
		for _, kind := range []string{".log", ".sst", "MANIFEST"} {
			if strings.Contains(s.operation, kind) {
				kinds[kind]++
			}
		}
	}
	t.Logf("%d crashes, %v", len(list), kinds)
	if len(kinds) < 3 {
		t.Fatalf("the workload crashes only during %v", kinds)
	}
}

// lazyFS does not sync logs: a positive control.
type lazyFS struct{ vfs.FS }

type lazyFile struct{ vfs.File }

func (f lazyFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	if err != nil || !isLog(name) {
		return file, err
	}
	return lazyFile{file}, nil
}

func (lazyFile) Sync() error                { return nil }
func (lazyFile) SyncData() error            { return nil }
func (lazyFile) SyncTo(int64) (bool, error) { return false, nil }

func TestCrashHarnessCatchesALogWithoutSync(t *testing.T) {
	h := newHistory(1, 200)
	for _, s := range crashes(t, h, 1, 5, func(fs vfs.FS) vfs.FS { return lazyFS{fs} }) {
		if err := h.check(s.fs, s.acknowledged, s.attempted); err != nil {
			t.Log(err)
			return
		}
	}
	t.Fatal("no crash showed that the log is not synced")
}

// TestFailureAtEveryWrite: any operation fails. The store says so once, refuses
// everything, can be closed, and leaves a disk on which every durable batch is
// there. The process survives.
func TestFailureAtEveryWrite(t *testing.T) {
	h := newHistory(2, 120)
	planned := errors.New("planned failure")
	frozen, survived := 0, 0
	for at := int64(0); ; at += 1 + at/40 {
		mem := vfs.NewCrashableMem()
		var count atomic.Int64
		var failed atomic.Pointer[string]
		hook := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && count.Add(1) == at+1 {
				what := opName(op)
				failed.Store(&what)
				return planned
			}
			return nil
		})
		var p progress
		var calls atomic.Int64
		o := tiny(errorfs.Wrap(mem, hook))
		o.Fatal = func(err error) {
			if !errors.Is(err, planned) || !errors.Is(err, store.ErrBroken) {
				t.Errorf("Fatal was called with %v", err)
			}
			calls.Add(1)
		}
		s, err := Open("store", o)
		if err == nil {
			err = h.run(s, &p)
			closing := s.Close()
			if err != nil && !errors.Is(closing, store.ErrBroken) {
				t.Errorf("operation %d: closing a broken store: %v", at, closing)
			}
			err = errors.Join(err, closing)
		}
		what := failed.Load()
		if what == nil {
			t.Logf("%d failures froze the disk, %d did no harm, %d operations", frozen, survived, at)
			break
		}
		switch broken := calls.Load(); {
		case err != nil && broken == 0 && !errors.Is(err, planned):
			t.Errorf("operation %d, %s: %v without a call of Fatal", at, *what, err)
		case err != nil && !errors.Is(err, planned):
			t.Errorf("operation %d, %s: the cause is missing: %v", at, *what, err)
		case broken > 1:
			t.Errorf("operation %d, %s: Fatal called %d times", at, *what, broken)
		case broken == 1:
			frozen++
		default:
			survived++
		}
		for _, percent := range []int{0, 100} {
			left := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, 1))})
			if err := h.check(left, p.acknowledged.Load(), p.attempted.Load()); err != nil {
				t.Errorf("after operation %d, %s, failed: %v", at, *what, err)
			}
		}
	}
	if frozen < 50 {
		t.Errorf("only %d failures", frozen)
	}
}

// TestFailedSync is the shortest form: the sync of one durable batch fails.
func TestFailedSync(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var fail atomic.Bool
	planned := errors.New("planned failure")
	hook := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if fail.Load() && isLog(op.Path) && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return planned
		}
		return nil
	})
	told := make(chan error, 2)
	o := tiny(errorfs.Wrap(mem, hook))
	o.Fatal = func(err error) { told <- err }
	s := open(t, "store", o)
	if err := s.Apply(set("a", "1"), true); err != nil {
		t.Fatal(err)
	}
	fail.Store(true)
	err := s.Apply(set("b", "1"), true)
	if !errors.Is(err, store.ErrBroken) || !errors.Is(err, planned) {
		t.Fatalf("a failed sync: %v", err)
	}
	if err := <-told; !errors.Is(err, planned) { // from Pebble's goroutine, so perhaps later than the answer
		t.Fatalf("told of %v", err)
	}
	fail.Store(false)
	if _, _, err := s.Get([]byte("a")); !errors.Is(err, store.ErrBroken) {
		t.Fatalf("get: %v", err)
	}
	if err := s.Scan(nil, nil, nil); !errors.Is(err, store.ErrBroken) {
		t.Fatalf("scan: %v", err)
	}
	for _, durable := range []bool{false, true} {
		if err := s.Apply(set("c", "1"), durable); !errors.Is(err, store.ErrBroken) {
			t.Fatalf("apply: %v", err)
		}
	}
	if err := s.Close(); !errors.Is(err, store.ErrBroken) {
		t.Fatalf("close: %v", err)
	}
	if len(told) != 0 {
		t.Fatalf("told again, of %v", <-told)
	}
	s = open(t, "store", tiny(mem.CrashClone(vfs.CrashCloneCfg{})))
	defer s.Close()
	if _, ok, err := s.Get([]byte("a")); !ok || err != nil {
		t.Fatalf("the durable batch is gone: %v", err)
	}
	if _, ok, err := s.Get([]byte("b")); ok || err != nil {
		t.Fatalf("the batch whose sync failed is there: %v", err)
	}
}

// TestFlushFailsWhileWritersWait: without a flush there is no room; Apply must come
// back, Close too, and the same disk must open again.
func TestFlushFailsWhileWritersWait(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var full atomic.Bool
	hook := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && strings.HasSuffix(op.Path, ".sst") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			time.Sleep(5 * time.Millisecond) // until memtables have piled up
			return errors.New("no space left")
		}
		return nil
	})
	s := open(t, "store", tiny(errorfs.Wrap(mem, hook)))
	full.Store(true)
	returned := make(chan error, 1)
	go func() {
		for {
			if err := s.Apply(set("key", strings.Repeat("x", 3000)), false); err != nil {
				returned <- errors.Join(err, s.Close())
				return
			}
		}
	}()
	select {
	case err := <-returned:
		if !errors.Is(err, store.ErrBroken) {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Apply or Close hangs on a disk that has failed")
	}
	s = open(t, "store", tiny(mem))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBitRot flips bits of every file. The store refuses, or reports, or reads what
// was written; it never reads anything else, and the process survives.
func TestBitRot(t *testing.T) {
	h := newHistory(3, 60)
	mem := vfs.NewCrashableMem()
	var p progress
	s := open(t, "store", tiny(mem))
	if err := h.run(s, &p); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // which syncs the log
		t.Fatal(err)
	}
	disk := func() *vfs.MemFS { return mem.CrashClone(vfs.CrashCloneCfg{}) }
	names, err := mem.List("store")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 5))
	counts := map[string]int{}
	for _, name := range names {
		for range 40 {
			fs := disk()
			if !flipBit(t, fs, "store/"+name, r) {
				break
			}
			last := p.attempted.Load()
			kind := name[max(strings.LastIndexByte(name, '.'), 0):]
			switch err := h.check(fs, 0, last); {
			case err == nil && h.check(fs, last, last) == nil:
				counts[kind+" harmless"]++
			case err == nil:
				counts[kind+" lost a suffix"]++
			case strings.Contains(err.Error(), "torn") || strings.Contains(err.Error(), "not the one"):
				t.Errorf("%s: %v", name, err)
			default:
				counts[kind+" noticed"]++
			}
		}
	}
	t.Log(counts)
	if counts[".sst noticed"] == 0 || counts[".log noticed"] == 0 {
		t.Fatal("flipped bits are not noticed")
	}
}

func flipBit(t *testing.T, fs vfs.FS, name string, r *rand.Rand) bool {
	file, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	at := r.Int64N(info.Size())
	var one [1]byte
	if _, err := file.ReadAt(one[:], at); err != nil {
		t.Fatal(err)
	}
	one[0] ^= 1 << r.IntN(8)
	if _, err := file.WriteAt(one[:], at); err != nil {
		t.Fatal(err)
	}
	return true
}

func opName(op errorfs.Op) string { return fmt.Sprintf("kind %d of %s", op.Kind, op.Path) }

// FuzzNotes: any bytes parse to notes on files that Pebble has in its directory.
func FuzzNotes(f *testing.F) {
	p := appendNote(nil, "000004.log", note{length: 100, sum: 7})
	f.Add(appendNote(p, "MANIFEST-000001", note{length: 5, sum: 1}))
	f.Add(p[:len(p)-1])
	f.Fuzz(func(t *testing.T, p []byte) {
		for name, n := range parseNotes(p) {
			if !isSummed(name) || strings.Contains(name, "/") || n.length <= 0 {
				t.Fatalf("%q: %+v", name, n)
			}
			if again := parseNotes(appendNote(nil, name, n)); again[name] != n {
				t.Fatalf("%q: %+v is not what is written", name, n)
			}
		}
	})
}
