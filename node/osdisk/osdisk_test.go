package osdisk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/disk/disktest"
)

func open(t testing.TB, dir string) *FS {
	t.Helper()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestConformance(t *testing.T) {
	disktest.Run(t, func(t *testing.T) disk.FS {
		f := open(t, t.TempDir())
		t.Cleanup(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
		return f
	})
}

func TestSameDirectoryTwiceIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	f := open(t, dir)
	_, err := Open(dir)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second open: %v", err)
	}
	command := exec.Command(os.Args[0], "-test.run=^TestOtherProcess$")
	command.Env = append(os.Environ(), "OSDISK_OTHER="+dir)
	if output, err := command.CombinedOutput(); err != nil || !strings.Contains(string(output), ErrLocked.Error()) {
		t.Fatalf("other process: %v\n%s", err, output)
	}
	if _, err := f.Open(LockName); !errors.Is(err, disk.ErrName) {
		t.Fatalf("the lock file can be opened: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOtherProcess is the second process of the test above; alone it has nothing
// to do.
func TestOtherProcess(t *testing.T) {
	if dir := os.Getenv("OSDISK_OTHER"); dir != "" {
		_, err := Open(dir)
		fmt.Println(err)
	}
}

func TestNobodyElseMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f := open(t, dir)
	defer f.Close()
	if err := f.MkdirAll("a/b"); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteFile(f, "a/b/c", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "a": 0o700, "a/b": 0o700, "a/b/c": 0o600, LockName: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has mode %o, want %o", name, got, want)
		}
	}
}

func TestLinksDoNotLeadOut(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "x"), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	defer f.Close()
	if err := os.Symlink(outside, filepath.Join(dir, "way")); err != nil {
		t.Fatal(err)
	}
	if file, err := f.Open("way/x"); err == nil {
		file.Close()
		t.Fatal("a link led out of the data directory")
	}
	if names, err := f.List(""); err != nil || len(names) != 0 {
		t.Fatalf("neither the link nor the lock is a file of ours: %q, %v", names, err)
	}
}

func BenchmarkLogAppendSync(b *testing.B) {
	for _, c := range []struct{ records, bytes int }{{1, 200}, {16, 200}, {1, 64 << 10}, {4, 512 << 10}} {
		b.Run(fmt.Sprintf("records=%d/bytes=%d", c.records, c.bytes), func(b *testing.B) {
			f := open(b, b.TempDir())
			defer f.Close()
			l, err := disk.OpenLog(f, "log", disk.Options{})
			if err != nil {
				b.Fatal(err)
			}
			record := make([]byte, c.bytes)
			b.SetBytes(int64(c.records * c.bytes))
			b.ReportAllocs()
			for b.Loop() {
				for range c.records {
					if _, err := l.Append(record); err != nil {
						b.Fatal(err)
					}
				}
				if err := l.Sync(); err != nil {
					b.Fatal(err)
				}
				if err := l.PruneBefore(l.Next()); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func TestSpace(t *testing.T) {
	free, size, err := Space(t.TempDir())
	if err != nil || size == 0 || free > size {
		t.Errorf("%d of %d bytes are free, %v", free, size, err)
	}
	if _, _, err := Space(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("a folder that is not there has space")
	}
}
