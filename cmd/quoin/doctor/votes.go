package doctor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/node"
)

const (
	votesMost   = 512 << 20 // bytes of a vote log that is read
	entriesMost = 100_000   // of a folder that is walked
	// votesLate is how much longer ago the vote log may have been written than the store.
	votesLate = 10 * time.Minute
)

// votes looks at the vote log. That of a node that runs is only looked at from outside; that of one that is
// stopped is read whole, into memory, by the code that a node opens it with, so that nothing is changed.
func (f *Folder) votes(l *list, running bool) {
	const mend = "never bring an old one back. Start the node: it follows as an observer; then give its validator a new key: see docs/playbooks.md, \"A validator's key is lost\""
	store, storeAt := newestIn(filepath.Join(f.data(), "store"))
	logs, logAt := newestIn(filepath.Join(f.data(), "log"))
	_, err := os.Lstat(filepath.Join(f.data(), "log", "mark"))
	switch {
	case store == 0 && logs == 0:
		l.ok("votes", "the node has not run yet")
		return
	case errors.Is(err, fs.ErrNotExist) || logs == 0:
		l.add("votes", Problem, mend, "the vote log is missing, and there is a store: it had one")
		return
	case err != nil:
		l.add("votes", Problem, "run doctor as the node's user", "the vote log cannot be read: %v", err)
		return
	}
	if running {
		l.ok("votes", "the vote log is there; the node that runs looks after it")
		return
	}
	if f.Genesis == nil || f.Key.IsZero() {
		l.add("votes", Unknown, "", "without the genesis and the key nobody can tell whose vote log it is")
		return
	}
	records, err := f.readVotes()
	var corrupt *disk.CorruptError
	switch {
	case errors.As(err, &corrupt):
		l.add("votes", Problem, mend, "the vote log is damaged: %v", err)
		return
	case err != nil:
		l.add("votes", Unknown, "", "the vote log cannot be read: %v", err)
		return
	}
	if _, votes := f.Genesis.Configuration.Validators.Index(f.Key); votes && storeAt.Sub(logAt) > votesLate {
		l.add("votes", Warning, "if an old log was copied back, do not start the node: its validator needs a new key, see docs/playbooks.md. If it only followed, all is well",
			"the vote log was written %s before the store was", round(storeAt.Sub(logAt)))
		return
	}
	l.ok("votes", "the vote log is whole: %d records", records)
}

// readVotes opens a copy of the vote log in memory and returns how many records it has.
func (f *Folder) readVotes() (records uint64, err error) {
	dir := filepath.Join(f.data(), "log")
	memory := disk.NewMemory(func(uint64) uint64 { return 0 })
	if err := memory.MkdirAll("log"); err != nil {
		return 0, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	left := int64(votesMost)
	for _, e := range entries {
		name := "log/" + e.Name()
		if disk.CheckName(name) != nil { // not the log's
			continue
		}
		if s, err := e.Info(); err != nil || !s.Mode().IsRegular() {
			return 0, fmt.Errorf("%s is no regular file", e.Name())
		} else if left -= s.Size(); left < 0 {
			return 0, fmt.Errorf("it has more than %d bytes", votesMost)
		}
		if err := copyInto(memory, name, filepath.Join(dir, e.Name())); err != nil {
			return 0, err
		}
	}
	log, err := disk.OpenLog(memory, "log", disk.Options{Identity: node.LogIdentity(f.Genesis.Origin(), f.Key), MustExist: true})
	if err != nil {
		return 0, err
	}
	return log.Next() - log.First(), log.Close()
}

func copyInto(memory *disk.Memory, name, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	b, err := io.ReadAll(io.LimitReader(from, votesMost))
	if err != nil {
		return err
	}
	to, err := memory.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(to.Append(b), to.Sync(), to.Close())
}

// newestIn returns how many bytes the regular files of a folder have, and when one was last written.
func newestIn(dir string) (bytes int64, newest time.Time) {
	entries := 0
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { // what cannot be read does not count
		if entries++; entries > entriesMost {
			return filepath.SkipAll
		}
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if s, err := d.Info(); err == nil {
			bytes += s.Size()
			if s.ModTime().After(newest) {
				newest = s.ModTime()
			}
		}
		return nil
	})
	return bytes, newest
}
