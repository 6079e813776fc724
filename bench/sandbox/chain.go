package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node/pebblestore"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// chain is the state of a machine as a node has it: authenticated, over a store on disk, with
// caches so small that nearly every key is read from the store. A block is a call.
type chain struct {
	dir     string
	store   *pebblestore.Store
	state   *state.State
	overlay *state.Overlay
	height  quoin.Height
	batch   store.Batch
}

const (
	chainKeysLog2   = 17 // 131,072 keys
	chainKeyBytes   = 16
	chainValueBytes = 128
	chainNamespace  = "measured"

	largeKeysLog2   = 10 // 1,024 keys
	largeValueBytes = 60_000
)

// chainKey is key number i: a constant and the number.
func chainKey(i uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte(chainKeyStart), i)
}

const chainKeyStart = "account/"

func newChain(fill func(*chain) error) (*chain, error) {
	dir, err := os.MkdirTemp("", "quoin-fuel-")
	if err != nil {
		return nil, err
	}
	c := &chain{dir: dir}
	if c.store, err = pebblestore.Open(filepath.Join(dir, "store"), pebblestore.Options{}); err == nil {
		if c.state, err = state.Open(c.store, state.Options{CacheBytes: 1 << 20, ValueBytes: 1 << 16}); err == nil {
			err = fill(c)
		}
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *chain) close() {
	if c.overlay != nil {
		c.overlay.Drop()
	}
	if c.store != nil {
		_ = c.store.Close()
	}
	_ = os.RemoveAll(c.dir)
}

func (c *chain) fill() error {
	value := make([]byte, chainValueBytes)
	for i := range uint64(1 << chainKeysLog2) {
		if i%8192 == 0 {
			if err := c.settle(); err != nil {
				return err
			}
		}
		if err := c.Put(chainKey(i), value); err != nil {
			return err
		}
	}
	return c.settle()
}

// fillLarge makes a state of few and long values.
func (c *chain) fillLarge() error {
	large := make([]byte, largeValueBytes)
	for i := range uint64(1 << largeKeysLog2) {
		if i%64 == 0 {
			if err := c.settle(); err != nil {
				return err
			}
		}
		noise := sha256.Sum256(chainKey(i)) // so that no two compress into one
		for at := 0; at < len(large); at += 64 {
			copy(large[at:], noise[:])
			noise[at/64%32]++
		}
		if err := c.overlay.Put(chainNamespace, chainKey(i), large); err != nil {
			return err
		}
	}
	return c.settle()
}

// settle ends a block: its root, its writes in the store, an overlay for the next.
func (c *chain) settle() (err error) {
	if c.overlay != nil {
		if _, err = c.overlay.Seal(); err != nil {
			return err
		}
		c.height++
		c.batch.Reset()
		if err = c.state.Commit(c.overlay, c.height, &c.batch); err != nil {
			return err
		}
		if err = c.store.Apply(&c.batch, false); err != nil {
			return err
		}
	}
	c.overlay, err = c.state.NewOverlay(nil)
	return err
}

var (
	_ plugin.State = (*chain)(nil)
	_ plugin.World = (*chain)(nil)
)

// Get implements plugin.StateReader.
func (c *chain) Get(key []byte) ([]byte, bool, error) { return c.overlay.Get(chainNamespace, key) }

// Put implements plugin.State.
func (c *chain) Put(key, value []byte) error { return c.overlay.Put(chainNamespace, key, value) }

// Delete implements plugin.State.
func (c *chain) Delete(key []byte) error { return c.overlay.Delete(chainNamespace, key) }

// Scan implements plugin.StateReader.
func (c *chain) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	return c.overlay.ScanKeys(chainNamespace, start, end, visit)
}

// Foreign implements plugin.World.
func (c *chain) Foreign(_ string, key []byte) ([]byte, bool, error) { return c.Get(key) }

// History implements plugin.World; the record of a block is a value in the state.
func (c *chain) History(height uint64) (a hook.Ancestor, ok bool, err error) {
	v, ok, err := c.Get(chainKey(height))
	if ok {
		a.Height = uint64(len(v))
	}
	return a, ok, err
}

// Proof implements plugin.World.
func (c *chain) Proof(key []byte) ([]byte, error) {
	p, err := c.state.Prove(chainNamespace, key)
	if err != nil {
		return nil, err
	}
	return p.MarshalBinary()
}

// Beacon implements plugin.World.
func (c *chain) Beacon() [32]byte { return sha256.Sum256(make([]byte, 80)) }
