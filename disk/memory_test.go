package disk_test

import (
	"errors"
	"fmt"
	"testing"

	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/disk/disktest"
)

func TestMemory(t *testing.T) {
	disktest.Run(t, func(*testing.T) disk.FS { return disk.NewMemory(nil) })
}

// outcomes collects the contents of file a that crashes leave; "-" is no file.
func outcomes(t *testing.T, build func(m *disk.Memory)) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for seed := range uint64(2000) {
		m := disk.NewMemory(disk.Choices(seed))
		build(m)
		m.Crash()
		content := m.Content("a")
		if content == nil {
			seen["-"]++
		} else {
			seen[string(content)]++
		}
		if clone := m.Clone(nil); string(clone.Content("a")) != string(content) {
			t.Fatal("clone differs")
		}
	}
	return seen
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// TestCrashOutcomes: a crash may leave each of these, and nothing else.
func TestCrashOutcomes(t *testing.T) {
	write := func(m *disk.Memory, name, content string) disk.File {
		f := must(m.Create(name))
		check(f.Append([]byte(content)))
		return f
	}
	for _, c := range []struct {
		name  string
		build func(m *disk.Memory)
		want  []string
	}{
		{"nothing synced", func(m *disk.Memory) { write(m, "a", "x") }, []string{"-", "", "x"}},
		{"file synced, name not", func(m *disk.Memory) { check(write(m, "a", "xy").Sync()) }, []string{"-", "xy"}},
		{"name synced, file not", func(m *disk.Memory) {
			write(m, "a", "xy")
			check(m.SyncDir(""))
		}, []string{"", "x", "xy"}},
		{"both synced", func(m *disk.Memory) {
			check(write(m, "a", "xy").Sync())
			check(m.SyncDir(""))
		}, []string{"xy"}},
		{"appended", func(m *disk.Memory) {
			f := write(m, "a", "xy")
			check(f.Sync())
			check(m.SyncDir(""))
			check(f.Append([]byte("z")))
		}, []string{"xy", "xyz"}},
		{"truncated and appended", func(m *disk.Memory) {
			f := write(m, "a", "xyz")
			check(f.Sync())
			check(m.SyncDir(""))
			check(f.Truncate(1))
			check(f.Append([]byte("!")))
		}, []string{"xyz", "x", "x!"}},
		{"renamed over", func(m *disk.Memory) {
			check(write(m, "a", "old").Sync())
			check(write(m, "b", "new").Sync())
			check(m.SyncDir(""))
			check(m.Rename("b", "a"))
		}, []string{"old", "new"}},
		{"removed", func(m *disk.Memory) {
			check(write(m, "a", "x").Sync())
			check(m.SyncDir(""))
			check(m.Remove("a"))
		}, []string{"-", "x"}},
		{"sync failed, then succeeded", func(m *disk.Memory) {
			f := write(m, "a", "x")
			check(f.Sync())
			check(m.SyncDir(""))
			check(f.Append([]byte("yy")))
			m.FailAfter(disk.OpSync, 0)
			if err := f.Sync(); !errors.Is(err, disk.ErrIO) {
				panic(err)
			}
			check(f.Append([]byte("z")))
			check(f.Sync())
		}, []string{"xyyz", "x\x00\x00z"}},
	} {
		got := outcomes(t, c.build)
		for _, want := range c.want {
			if got[want] == 0 {
				t.Errorf("%s: %q never happened: %v", c.name, want, got)
			}
			delete(got, want)
		}
		for content := range got {
			// One byte alone may also be torn.
			if len(c.want) == 1 || len(content) > len(c.want[len(c.want)-1]) {
				t.Errorf("%s: left %q", c.name, content)
			}
		}
	}
}

func TestPowerCut(t *testing.T) {
	m := disk.NewMemory(func(n uint64) uint64 { return n - 1 })
	f := must(m.Create("a"))
	check(m.SyncDir(""))
	m.CutPowerAfter(1)
	check(f.Append([]byte("one")))
	for range 2 {
		if err := f.Append([]byte("two")); !errors.Is(err, disk.ErrPowerCut) {
			t.Fatal(err)
		}
	}
	if _, err := m.Open("a"); !errors.Is(err, disk.ErrPowerCut) {
		t.Fatal(err)
	}
	if _, err := m.List(""); !errors.Is(err, disk.ErrPowerCut) {
		t.Fatal(err)
	}
	m.Crash()
	if got := string(m.Content("a")); got != "onetwo" {
		t.Fatalf("left %q", got)
	}
	if err := f.Append(nil); !errors.Is(err, disk.ErrFileClosed) {
		t.Fatalf("a handle outlived the crash: %v", err)
	}
}

func TestCapacity(t *testing.T) {
	m := disk.NewMemory(nil)
	m.SetCapacity(10)
	f, g := must(m.Create("a")), must(m.Create("b"))
	check(f.Append(make([]byte, 6)))
	if err := g.Append(make([]byte, 5)); !errors.Is(err, disk.ErrNoSpace) {
		t.Fatal(err)
	}
	if n := must(g.Size()); n != 4 {
		t.Fatalf("%d bytes of the failed append, want 4", n)
	}
	check(f.Truncate(2))
	check(g.Append(make([]byte, 4)))
	check(m.Remove("a"))
	check(g.Append(make([]byte, 2)))
	if err := g.Append(make([]byte, 1)); !errors.Is(err, disk.ErrNoSpace) {
		t.Fatal(err)
	}
	m.Crash()
	if _, err := m.Open("b"); !errors.Is(err, disk.ErrNotExist) {
		t.Fatal(err)
	}
	f = must(m.Create("c"))
	check(f.Append(make([]byte, 10)))
}

// TestMemoryIsDeterministic runs one workload twice.
func TestMemoryIsDeterministic(t *testing.T) {
	run := func() (state string) {
		choose := disk.Choices(3)
		m := disk.NewMemory(disk.Choices(4))
		check(m.MkdirAll("dir"))
		for i := range 300 {
			name := fmt.Sprintf("dir/%d", choose(20))
			if f, err := m.Open(name); err == nil {
				check(f.Append(fmt.Append(nil, i)))
				if choose(2) == 0 {
					check(f.Sync())
				}
			} else {
				must(m.Create(name))
			}
			switch choose(20) {
			case 0:
				m.Crash()
			case 1:
				check(m.SyncDir("dir"))
			}
		}
		for _, name := range must(m.List("dir")) {
			state += name + ":" + string(m.Content("dir/"+name)) + "\n"
		}
		return state
	}
	if a, b := run(), run(); a != b || a == "" {
		t.Fatalf("two runs differ:\n%s\n%s", a, b)
	}
}
