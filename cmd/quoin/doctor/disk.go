package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"quoin.dev/quoin/node/osdisk"
)

const (
	syncs       = 200
	syncBytes   = 512
	syncTime    = 10 * time.Second // for all of them
	syncLeast   = 5                // of so few nothing is said
	syncSlow    = 20 * time.Millisecond
	syncBad     = 100 * time.Millisecond
	spaceLeast  = 1 << 30
	growsWithin = 14 * 24 * time.Hour
	growsLeast  = time.Hour // of a younger chain nobody can tell how it grows
)

// fsync measures how long small appends take to be durable, in a file of its own beside the vote log. A node syncs
// before each vote: a view cannot be quicker than two of them.
func (f *Folder) fsync(ctx context.Context, l *list) {
	dir := f.data()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		dir = f.Dir
	}
	took, err := f.measure(ctx, dir)
	if err != nil {
		l.add("fsync", Problem, "make the folder writable by the node's user, and make room on its disk", "nothing can be written there: %v", err)
		return
	}
	if len(took) < syncLeast {
		l.add("fsync", Problem, mendSlow, "%d small writes did not become durable within %s", syncLeast, syncTime)
		return
	}
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	switch {
	case p99 > syncBad:
		l.add("fsync", Problem, mendSlow, "a small write takes %s at the median and %s at the 99th percentile of %d", round(p50), round(p99), len(took))
	case p50 > syncSlow:
		l.add("fsync", Warning, mendSlow, "a small write takes %s at the median of %d: every view waits for two", round(p50), len(took))
	default:
		l.ok("fsync", "a small write takes %s at the median and %s at the 99th percentile of %d", round(p50), round(p99), len(took))
	}
}

const mendSlow = "put data/ on a local disk with little else on it, an SSD with power-loss protection at best; no network file system"

func (f *Folder) measure(ctx context.Context, dir string) (took []time.Duration, err error) {
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	sync := f.Sync
	if sync == nil {
		sync = (*os.File).Sync
	}
	block := make([]byte, syncBytes)
	for all := time.Duration(0); len(took) < syncs && all < syncTime && ctx.Err() == nil; {
		began := f.Now()
		if _, err := file.Write(block); err != nil {
			return nil, err
		}
		if err := sync(file); err != nil {
			return nil, err
		}
		x := max(f.Now().Sub(began), 0)
		took = append(took, x)
		all += x
	}
	return took, nil
}

// space looks at how much room there is, and for how long it suffices if the folder goes on growing as it did.
func (f *Folder) space(l *list) {
	space := f.Space
	if space == nil {
		space = osdisk.Space
	}
	free, size, err := space(f.Dir)
	if err != nil {
		l.add("space", Unknown, "", "nobody can tell: %v", err)
		return
	}
	f.room(l, free, size)
}

func (f *Folder) room(l *list, free, size uint64) {
	const mend = "make room, or move data/ of the stopped node to a larger disk; a node that cannot write stops"
	used, _ := newestIn(f.data())
	if free < spaceLeast || f.Targets.Full(free, size) {
		l.add("space", Problem, mend, "%d MiB of %d MiB are free", free>>20, size>>20)
		return
	}
	if f.Genesis != nil {
		age := f.Now().Sub(time.UnixMilli(int64(f.Genesis.Time)))
		if left := float64(free) / max(float64(used), 1) * float64(age); age > growsLeast && left < float64(growsWithin) {
			l.add("space", Warning, mend, "%d MiB of %d MiB are free; data/ has %d MiB and grew to that in %s: room for another %s",
				free>>20, size>>20, used>>20, age.Round(time.Minute), time.Duration(left).Round(time.Hour))
			return
		}
	}
	l.ok("space", "%d MiB of %d MiB are free; data/ has %d MiB", free>>20, size>>20, used>>20)
}
