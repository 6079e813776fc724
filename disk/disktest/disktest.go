// Package disktest is the conformance suite of disk.FS: every implementation passes
// it. It checks what a file system shows while it runs; what it keeps after a
// power cut only disk.Memory can show.
package disktest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"quoin.dev/quoin/disk"
)

// Run runs the suite. open returns an empty file system; the suite does not close
// it.
func Run(t *testing.T, open func(t *testing.T) disk.FS) {
	tests := []struct {
		name string
		test func(*suite)
	}{
		{"create and open", testCreate},
		{"read and append", testReadAppend},
		{"truncate", testTruncate},
		{"rename", testRename},
		{"remove", testRemove},
		{"list", testList},
		{"names", testNames},
		{"closed files", testClosed},
		{"whole files", testWholeFiles},
		{"log", testLog},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { c.test(&suite{T: t, FS: open(t)}) })
	}
}

type suite struct {
	*testing.T
	disk.FS
}

func (s *suite) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) want(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("got error %v, want %v", err, want)
	}
}

// write creates a file with the content, synced.
func (s *suite) write(name, content string) disk.File {
	s.Helper()
	file, err := s.Create(name)
	s.check(err)
	s.check(file.Append([]byte(content)))
	s.check(file.Sync())
	return file
}

func (s *suite) expectContent(file disk.File, want string) {
	s.Helper()
	size, err := file.Size()
	s.check(err)
	got := make([]byte, size)
	n, err := file.ReadAt(got, 0)
	if err != nil && err != io.EOF {
		s.Fatal(err)
	}
	if string(got[:n]) != want || size != int64(len(want)) {
		s.Fatalf("content %q of size %d, want %q", got[:n], size, want)
	}
}

func (s *suite) expectFile(name, want string) {
	s.Helper()
	file, err := s.Open(name)
	s.check(err)
	s.expectContent(file, want)
	s.check(file.Close())
}

func testCreate(s *suite) {
	_, err := s.Open("a")
	s.want(err, disk.ErrNotExist)
	file := s.write("a", "content")
	_, err = s.Create("a")
	s.want(err, disk.ErrExist)
	s.check(file.Close())
	_, err = s.Create("a")
	s.want(err, disk.ErrExist)
	s.expectFile("a", "content")

	_, err = s.Create("dir/a")
	s.want(err, disk.ErrNotExist)
	s.check(s.MkdirAll("dir/sub"))
	s.check(s.MkdirAll("dir/sub"))
	s.check(s.write("dir/a", "1").Close())
	s.check(s.write("dir/sub/a", "2").Close())
	s.check(s.SyncDir("dir"))
	s.check(s.SyncDir(""))
	s.want(s.SyncDir("other"), disk.ErrNotExist)
	s.expectFile("dir/a", "1")
	s.expectFile("dir/sub/a", "2")
	_, err = s.Create("dir")
	s.want(err, disk.ErrExist)
}

func testReadAppend(s *suite) {
	file := s.write("a", "")
	s.expectContent(file, "")
	other, err := s.Open("a")
	s.check(err)
	s.check(file.Append([]byte("one ")))
	s.check(other.Append([]byte("two ")))
	s.check(file.Append(nil))
	s.check(file.Append([]byte("three")))
	s.expectContent(file, "one two three")
	s.expectContent(other, "one two three")

	p := make([]byte, 3)
	if n, err := file.ReadAt(p, 4); n != 3 || err != nil || string(p) != "two" {
		s.Fatalf("read %d %q, %v", n, p, err)
	}
	if n, err := file.ReadAt(p, 12); n != 1 || err != io.EOF || p[0] != 'e' {
		s.Fatalf("read across the end: %d, %v", n, err)
	}
	for _, offset := range []int64{13, 1000} {
		if n, err := file.ReadAt(p, offset); n != 0 || err != io.EOF {
			s.Fatalf("read at %d: %d, %v", offset, n, err)
		}
	}
	if _, err := file.ReadAt(p, -1); err == nil || err == io.EOF {
		s.Fatalf("read at -1: %v", err)
	}
	s.check(file.Sync())
	s.check(file.Close())
	s.check(other.Close())
	s.expectFile("a", "one two three")
}

func testTruncate(s *suite) {
	file := s.write("a", "0123456789")
	s.check(file.Truncate(10))
	s.check(file.Truncate(4))
	s.expectContent(file, "0123")
	if err := file.Truncate(5); err == nil {
		s.Fatal("truncated to more than the size")
	}
	if err := file.Truncate(-1); err == nil {
		s.Fatal("truncated to a negative size")
	}
	s.check(file.Append([]byte("x")))
	s.expectContent(file, "0123x")
	s.check(file.Truncate(0))
	s.check(file.Sync())
	s.check(file.Close())
	s.expectFile("a", "")
}

func testRename(s *suite) {
	a, b := s.write("a", "of a"), s.write("b", "of b")
	s.check(s.Rename("a", "b"))
	_, err := s.Open("a")
	s.want(err, disk.ErrNotExist)
	s.expectFile("b", "of a")
	s.expectContent(b, "of b") // an open file outlives its name
	s.check(a.Append([]byte("!")))
	s.expectFile("b", "of a!")
	s.check(s.Rename("b", "b"))
	s.want(s.Rename("a", "c"), disk.ErrNotExist)
	s.check(s.MkdirAll("dir"))
	s.want(s.Rename("b", "dir/b"), disk.ErrName)
	s.check(s.SyncDir(""))
	s.check(a.Close())
	s.check(b.Close())
}

func testRemove(s *suite) {
	file := s.write("a", "content")
	s.check(s.Remove("a"))
	s.want(s.Remove("a"), disk.ErrNotExist)
	_, err := s.Open("a")
	s.want(err, disk.ErrNotExist)
	s.expectContent(file, "content")
	s.check(file.Close())
	s.check(s.write("a", "again").Close())
	s.expectFile("a", "again")
}

func testList(s *suite) {
	expect := func(dir string, want ...string) {
		s.Helper()
		got, err := s.List(dir)
		s.check(err)
		if !slices.Equal(got, want) {
			s.Fatalf("list %q: %q, want %q", dir, got, want)
		}
	}
	expect("")
	_, err := s.List("dir")
	s.want(err, disk.ErrNotExist)
	s.check(s.MkdirAll("dir/sub"))
	expect("")
	for _, name := range []string{"b", "a10", "a9", "dir/x", "dir/sub/y"} {
		s.check(s.write(name, "").Close())
	}
	expect("", "a10", "a9", "b")
	expect("dir", "x")
	expect("dir/sub", "y")
	s.check(s.Rename("b", "a"))
	s.check(s.Remove("a9"))
	expect("", "a", "a10")
}

func testNames(s *suite) {
	for _, name := range []string{"", ".", "..", "../a", "a/../b", "/a", "a/", "a//b", ".a", "a b", "a\\b", "a\x00", "ä", string(bytes.Repeat([]byte{'a'}, disk.NameBytesMax+1))} {
		_, err := s.Create(name)
		s.want(err, disk.ErrName)
		_, err = s.Open(name)
		s.want(err, disk.ErrName)
		s.want(s.Remove(name), disk.ErrName)
		s.want(s.MkdirAll(name), disk.ErrName)
		s.check(s.write("ok", "").Close())
		s.want(s.Rename("ok", name), disk.ErrName)
		s.want(s.Rename(name, "ok"), disk.ErrName)
		s.check(s.Remove("ok"))
	}
	for _, name := range []string{"A-Z_0.9", "a..b", "LOCKS"} {
		s.check(s.write(name, name).Close())
		s.expectFile(name, name)
	}
}

func testClosed(s *suite) {
	file := s.write("a", "content")
	s.check(file.Close())
	_, err := file.ReadAt(make([]byte, 1), 0)
	s.want(err, disk.ErrFileClosed)
	s.want(file.Append([]byte("x")), disk.ErrFileClosed)
	s.want(file.Truncate(0), disk.ErrFileClosed)
	s.want(file.Sync(), disk.ErrFileClosed)
	_, err = file.Size()
	s.want(err, disk.ErrFileClosed)
	s.want(file.Close(), disk.ErrFileClosed)
}

func testWholeFiles(s *suite) {
	s.check(s.MkdirAll("dir"))
	for _, content := range []string{"first", "", "the third"} {
		// A leftover of an earlier crash must not be in the way.
		s.check(s.write("dir/a.tmp", "torn").Close())
		s.check(disk.WriteFile(s, "dir/a", []byte(content)))
		got, err := disk.ReadFile(s, "dir/a", 100)
		s.check(err)
		if string(got) != content {
			s.Fatalf("read %q, want %q", got, content)
		}
	}
	_, err := disk.ReadFile(s, "dir/a", 8)
	s.want(err, disk.ErrTooLong)
	_, err = disk.ReadFile(s, "dir/b", 8)
	s.want(err, disk.ErrNotExist)
	names, err := s.List("dir")
	s.check(err)
	if !slices.Equal(names, []string{"a"}) {
		s.Fatalf("left behind: %q", names)
	}
}

func testLog(s *suite) {
	o := disk.Options{SegmentBytes: 2000, RecordBytesMax: 500, MarkEverySyncs: 3}
	content := func(seq uint64) []byte { return fmt.Appendf(nil, "%0*d", seq%300, seq) }
	for round := range uint64(4) {
		l, err := disk.OpenLog(s, "deep/log", o)
		s.check(err)
		if l.Next() != round*50+1 {
			s.Fatalf("next %d in round %d", l.Next(), round)
		}
		for range 50 {
			_, err := l.Append(content(l.Next()))
			s.check(err)
			if l.Next()%4 == 0 {
				s.check(l.Sync())
			}
		}
		s.check(l.PruneBefore(round * 40))
		want := l.First()
		s.check(l.Read(want, func(seq uint64, record []byte) bool {
			if seq != want || !bytes.Equal(record, content(seq)) {
				s.Fatalf("record %d: got %d, %q", want, seq, record)
			}
			want++
			return true
		}))
		if want != l.Next() {
			s.Fatalf("read up to %d, next is %d", want, l.Next())
		}
		if round == 2 {
			s.check(l.Sync()) // and no Close, as after a kill
			continue
		}
		s.check(l.Close())
	}
}
