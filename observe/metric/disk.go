package metric

import (
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// diskEvery is how long what is known of the disk is good for: folders have to be walked.
const diskEvery = 5 * time.Second

// folders are the parts of a node's data folder, by what they are called in labels. See package node.
var folders = []struct{ file, dir string }{{"votes", "log"}, {"store", "store"}, {"releases", "releases"}, {"compiled", "compiled"}}

// diskUsage is what the files of a node take.
type diskUsage struct {
	dir string

	mu    sync.Mutex
	at    time.Time
	sizes map[string]uint64
	free  uint64 // 0: unknown
}

// read returns bytes by file and what is free, at most diskEvery old.
func (d *diskUsage) read(now time.Time) (sizes map[string]uint64, free uint64) {
	if d.dir == "" {
		return nil, 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if age := now.Sub(d.at); d.sizes == nil || age < 0 || age >= diskEvery {
		d.at, d.sizes, d.free = now, map[string]uint64{}, freeBytes(d.dir)
		for _, f := range folders {
			d.sizes[f.file] = folderBytes(filepath.Join(d.dir, f.dir))
		}
	}
	return d.sizes, d.free
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

func (e *emitter) files(sizes map[string]uint64, free uint64) {
	for file, n := range sizes {
		e.count(diskSize, n, file)
	}
	if free > 0 {
		e.count(diskFree, free)
	}
}
