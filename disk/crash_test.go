package disk

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// step is one action of a random workload on a log.
type step struct {
	action string // append, sync, prune, reopen, kill
	n      uint64
}

func workload(seed uint64, length int) (steps []step) {
	choose := Choices(seed)
	for range length {
		switch k := choose(20); {
		case k < 10:
			steps = append(steps, step{"append", 1 + choose(4)})
		case k < 16:
			steps = append(steps, step{"sync", 0})
		case k < 17:
			steps = append(steps, step{"prune", choose(40)})
		case k < 18:
			steps = append(steps, step{"reopen", 0})
		default:
			steps = append(steps, step{"kill", 0})
		}
	}
	return append(steps, step{"sync", 0})
}

// planted is a bug: one of the log's, or of a disk that omits what the log owes it.
type planted struct {
	wrap  func(FS) FS // nil for none
	flaws Flaws
}

// machine runs a workload and remembers what the log promised.
type machine struct {
	fs       *Memory
	planted  planted
	log      *Log
	appended uint64 // Append returned nil for it, or may have taken it
	synced   uint64 // Sync returned nil after it
	pruned   uint64 // PruneBefore was called with it
}

func (m *machine) open() (err error) {
	var fs FS = m.fs
	if m.planted.wrap != nil {
		fs = m.planted.wrap(fs)
	}
	if m.log, err = OpenLog(fs, "log", small); err == nil {
		m.log.Plant(m.planted.flaws)
	}
	return err
}

// run returns the first error: nil, or the planned fault.
func (m *machine) run(steps []step) error {
	if err := m.open(); err != nil {
		return err
	}
	for _, s := range steps {
		if err := m.step(s); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) step(s step) error {
	switch s.action {
	case "append":
		for range s.n {
			m.appended = max(m.appended, m.log.Next())
			if _, err := m.log.Append(payload(m.log.Next())); err != nil {
				return err
			}
		}
	case "sync":
		last := m.log.Next() - 1
		if err := m.log.Sync(); err != nil {
			return err
		}
		m.synced = max(m.synced, last)
	case "prune":
		before := min(m.log.Next(), m.log.First()+s.n)
		m.pruned = max(m.pruned, before)
		return m.log.PruneBefore(before)
	case "reopen":
		last := m.log.Next() - 1
		if err := m.log.Close(); err != nil {
			return err
		}
		m.synced = max(m.synced, last)
		return m.reopened()
	case "kill":
		m.fs.Kill()
		return m.reopened()
	}
	return nil
}

func (m *machine) reopened() error {
	if err := m.open(); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	// What OpenLog accepted it calls synced.
	m.synced = m.log.Next() - 1
	return nil
}

// check compares a log that was just opened with the promises.
func (m *machine) check() error {
	l := m.log
	switch {
	case l.Next() <= m.synced:
		return fmt.Errorf("LOST: %d was synced, the log ends before %d", m.synced, l.Next())
	case l.Next() > m.appended+1:
		return fmt.Errorf("INVENTED: %d was never appended", l.Next()-1)
	case l.First() > max(m.pruned, 1):
		return fmt.Errorf("LOST: pruned before %d, the log begins with %d", m.pruned, l.First())
	}
	if err := readBack(l); err != nil {
		return fmt.Errorf("WRONG: %w", err)
	}
	return nil
}

// crashEverywhere runs the workload once for each operation of the disk, cuts the
// power there, opens the log again and checks it, then goes on with it. It returns
// the number of crashes and the first broken promise.
func crashEverywhere(steps []step, seed uint64, fault func(*Memory, int), bug planted) (crashes int, err error) {
	for at := 0; ; at++ {
		m := &machine{fs: NewMemory(Choices(seed + uint64(at))), planted: bug}
		fault(m.fs, at)
		switch err := m.run(steps); {
		case err == nil:
			return at, nil // behind the last operation
		case !errors.Is(err, ErrPowerCut) && !errors.Is(err, ErrIO):
			return at, fmt.Errorf("before the fault at operation %d: %w", at, err)
		}
		for _, again := range []string{"crash", "go on", "crash again"} {
			if again == "go on" {
				if err := m.run(steps[:8]); err != nil {
					return at, fmt.Errorf("operation %d, going on: %w", at, err)
				}
			}
			m.fs.Crash()
			if err := m.open(); err != nil {
				return at, fmt.Errorf("operation %d, %s: %w", at, again, err)
			}
			if err := m.check(); err != nil {
				return at, fmt.Errorf("operation %d, %s: %w", at, again, err)
			}
			m.synced = m.log.Next() - 1
			m.appended = m.synced
		}
	}
}

func cutPower(fs *Memory, at int) { fs.CutPowerAfter(at) }

// TestLogCrashAtEveryOperation: whatever the disk was doing when the power went,
// every synced record is there, in order, and nothing that was not appended.
// QUOIN_DISK_SEED=n replays one workload; QUOIN_DISK_SEEDS=n runs n of them.
func TestLogCrashAtEveryOperation(t *testing.T) {
	first, count := uint64(1), uint64(40)
	if s := os.Getenv("QUOIN_DISK_SEEDS"); s != "" {
		count, _ = strconv.ParseUint(s, 10, 64)
	}
	if s := os.Getenv("QUOIN_DISK_SEED"); s != "" {
		first, _ = strconv.ParseUint(s, 10, 64)
		count = 1
	}
	total := 0
	for seed := first; seed < first+count; seed++ {
		crashes, err := crashEverywhere(workload(seed, 40), seed, cutPower, planted{})
		if err != nil {
			t.Fatalf("%v\nreplay: QUOIN_DISK_SEED=%d go test -run TestLogCrashAtEveryOperation ./disk", err, seed)
		}
		total += crashes
	}
	t.Logf("%d crashes", total)
	if total < 50*int(count) {
		t.Fatalf("only %d crashes: the workload does too little", total)
	}
}

// TestLogFailureAtEveryOperation: an operation fails, the process ends, starts
// again, goes on, and then the power goes.
func TestLogFailureAtEveryOperation(t *testing.T) {
	for _, op := range []Op{OpCreate, OpRename, OpRemove, OpSyncDir, OpAppend, OpSync} {
		for seed := uint64(1); seed <= 8; seed++ {
			fail := func(fs *Memory, at int) { fs.FailAfter(op, at) }
			failures, err := crashEverywhere(workload(seed, 40), seed, fail, planted{})
			if err != nil {
				t.Fatalf("operation kind %d, seed %d: %v", op, seed, err)
			}
			if failures == 0 && op != OpRemove {
				t.Fatalf("operation kind %d, seed %d: never happened", op, seed)
			}
		}
	}
}

// restartAfterFailedSync fails each sync of the workload in turn, restarts the
// process while the page cache survives and lies, and then cuts the power.
func restartAfterFailedSync(seed uint64, bug planted) error {
	steps := workload(seed, 40)
	for at := 0; ; at++ {
		m := &machine{fs: NewMemory(Choices(seed)), planted: bug}
		m.fs.FailAfter(OpSync, at)
		err := m.run(steps)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrIO) {
			return fmt.Errorf("seed %d, before sync %d failed: %w", seed, at, err)
		}
		for _, event := range []func(){m.fs.Kill, m.fs.Crash} {
			event()
			if err := m.reopened(); err != nil {
				return fmt.Errorf("seed %d, after sync %d failed: %w", seed, at, err)
			}
		}
	}
}

func TestLogFailedSyncThenPowerCut(t *testing.T) {
	for seed := uint64(1); seed <= 40; seed++ {
		if err := restartAfterFailedSync(seed, planted{}); err != nil {
			t.Fatal(err)
		}
	}
}

type (
	forgetsSync       struct{ FS }
	forgetsSyncDir    struct{ FS }
	believesPageCache struct{ FS }
	unsyncedFile      struct{ File }
)

func (f forgetsSyncDir) SyncDir(string) error { return nil }

func (f forgetsSync) Open(name string) (File, error) {
	file, err := f.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, segmentSuffix) {
		return file, err
	}
	return unsyncedFile{file}, nil
}

func (f unsyncedFile) Sync() error { return nil }

// Rename keeps the segment that is there and syncs it, instead of the copy that
// OpenLog wrote.
func (f believesPageCache) Rename(from, to string) error {
	file, err := f.FS.Open(to)
	if err != nil || !strings.HasSuffix(to, segmentSuffix) {
		return f.FS.Rename(from, to)
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return f.FS.Remove(from)
}

func TestCrashHarnessCatchesPlantedBugs(t *testing.T) {
	powerCut := func(bug planted) (err error) {
		for seed := uint64(1); seed <= 40 && err == nil; seed++ {
			_, err = crashEverywhere(workload(seed, 40), seed, cutPower, bug)
		}
		return err
	}
	failedSync := func(bug planted) (err error) {
		for seed := uint64(1); seed <= 40 && err == nil; seed++ {
			err = restartAfterFailedSync(seed, bug)
		}
		return err
	}
	bugs := []struct {
		name    string
		harness func(planted) error
		bug     planted
	}{
		{"skips the sync of files", powerCut, planted{wrap: func(fs FS) FS { return forgetsSync{fs} }}},
		{"skips the sync of directories", powerCut, planted{wrap: func(fs FS) FS { return forgetsSyncDir{fs} }}},
		{"removes pruned segments before the mark says so", powerCut, planted{flaws: Flaws{PrunedFirst: true}}},
		{"believes what it reads after a failed sync", failedSync, planted{wrap: func(fs FS) FS { return believesPageCache{fs} }}},
	}
	for _, bug := range bugs {
		if err := bug.harness(planted{}); err != nil {
			t.Errorf("without a bug: %v", err)
		}
		err := bug.harness(bug.bug)
		if err == nil {
			t.Errorf("the harness does not catch a log that %s", bug.name)
		}
		t.Logf("%s: %v", bug.name, err)
	}
}
