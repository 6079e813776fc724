package metric

import (
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"quoin.dev/quoin/node/osdisk"
)

// diskEvery is how long what is known of the disk is good for: folders have to be walked.
const diskEvery = 5 * time.Second

// folders are the parts of a node's data folder, by what they are called in labels. See package node.
var folders = []struct{ file, dir string }{{"votes", "log"}, {"store", "store"}, {"releases", "releases"}, {"compiled", "compiled"}}

// diskUsage is what the files of a node take.
type diskUsage struct {
	dir string

	mu   sync.Mutex
	seen diskSeen
}

// diskSeen is what was seen at some time. It is not modified.
type diskSeen struct {
	at         time.Time
	sizes      map[string]uint64 // bytes by file; nil: unknown
	free, size uint64            // bytes of the file system
	known      bool              // free and size are
}

// read returns what the disk has, as of at most diskEvery ago.
func (d *diskUsage) read(now time.Time) diskSeen {
	if d.dir == "" {
		return diskSeen{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if age := now.Sub(d.seen.at); d.seen.sizes != nil && age >= 0 && age < diskEvery {
		return d.seen
	}
	seen := diskSeen{at: now, sizes: map[string]uint64{}}
	for _, f := range folders {
		seen.sizes[f.file] = folderBytes(filepath.Join(d.dir, f.dir))
	}
	var err error
	seen.free, seen.size, err = osdisk.Space(d.dir)
	seen.known = err == nil
	d.seen = seen
	return seen
}

// folderBytes sums the files below a folder. What goes away meanwhile counts for nothing.
func folderBytes(dir string) (sum uint64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += uint64(info.Size())
		}
		return nil
	})
	return sum
}

func (e *emitter) files(d diskSeen) {
	for file, n := range d.sizes {
		e.count(diskSize, n, file)
	}
	if d.known {
		e.count(diskFree, d.free)
		e.count(diskCapacity, d.size)
	}
}
