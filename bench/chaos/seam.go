package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"quoin.dev/quoin/node"
)

// Files in a node's folder that its process obeys while it runs, see Seams. Each holds one decimal
// number; a missing file means 0.
const (
	ClockFile = "lab-clock-ms" // what its clock is ahead by
	SyncFile  = "lab-sync-us"  // what each of its fsyncs takes longer
)

const seamEvery = 20 * time.Millisecond

// Seams returns what a node's clock and disk do, by the files in its folder, until the context ends.
func Seams(ctx context.Context, dir string) node.Lab {
	clock, sync := follow(ctx, filepath.Join(dir, ClockFile)), follow(ctx, filepath.Join(dir, SyncFile))
	return node.Lab{
		Clock: func() time.Time { return time.Now().Add(time.Duration(clock.Load()) * time.Millisecond) },
		Sync:  func() { time.Sleep(time.Duration(sync.Load()) * time.Microsecond) },
	}
}

// follow reads a number again and again. What is no number leaves the one before.
func follow(ctx context.Context, path string) *atomic.Int64 {
	var n atomic.Int64
	read := func() {
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			n.Store(0)
		} else if v, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64); err == nil {
			n.Store(v)
		}
	}
	read()
	go func() {
		tick := time.NewTicker(seamEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				read()
			}
		}
	}()
	return &n
}

// writeNumber replaces one of the files that a node obeys.
func writeNumber(path string, n int64) error {
	if err := os.WriteFile(path+".new", fmt.Appendln(nil, n), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
