package ledger

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"quoin.dev/quoin/store"
)

func TestTilePaths(t *testing.T) {
	for _, x := range []struct {
		tile Tile
		path string
	}{
		{Tile{Width: 256}, "tile/0/000"},
		{Tile{Width: 1}, "tile/0/000.p/1"},
		{Tile{Level: 5, N: 999, Width: 255}, "tile/5/999.p/255"},
		{Tile{Level: 1, N: 1234067, Width: 8}, "tile/1/x001/x234/067.p/8"},
		{Tile{Entries: true, N: 1000, Width: 256}, "tile/entries/x001/000"},
		{Tile{N: SizeMax / 256, Width: 256}, "tile/0/x001/x099/x511/x627/775"},
	} {
		if got := x.tile.Path(); got != x.path {
			t.Errorf("%+v has path %q, want %q", x.tile, got, x.path)
		}
		if got, err := ParseTile(x.path); err != nil || got != x.tile {
			t.Errorf("%q is %+v, %v, want %+v", x.path, got, err, x.tile)
		}
	}
}

func TestBadPaths(t *testing.T) {
	s := store.NewMemory()
	for _, path := range []string{
		"", "/", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/+0/000", "tile/-1/000",
		"tile/6/000", "tile/63/000", "tile/256/000", "tile/x/000", "tile/0/x000/000", "tile/0/x001/0", "tile/0/001/000", "tile/0/x001/x000",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/+1", "tile/0/000.p/1/", "tile/0/000.p/1.p/1",
		"tile/entries/", "tile/entries/x000/001", "tile/data/000", "/tile/0/000", "tile/0/000 ", "tile//000", "checkpoint/", "Checkpoint", "tile/0/..", "tile/0/-01", "tile/0/+01", "tile/0/0_1",
		"tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/" + strings.Repeat("x001/", 1000) + "000", "tile/0/x001/x099/x511/x627/776",
	} {
		if body, _, err := ReadPath(s, path); !errors.Is(err, ErrPath) || body != nil {
			t.Errorf("%.80q: %v", path, err)
		}
	}
	for _, tile := range []Tile{{}, {Width: 257}, {Level: 6, Width: 1}, {Level: 1, Entries: true, Width: 1}, {N: SizeMax, Width: 1}} {
		if _, err := ReadTile(s, tile); !errors.Is(err, ErrPath) {
			t.Errorf("%+v: %v", tile, err)
		}
	}
	for _, path := range []string{"checkpoint", "tile/0/000.p/1", "tile/0/000", "tile/entries/000.p/1", "tile/5/000"} {
		if _, _, err := ReadPath(s, path); !errors.Is(err, ErrRange) {
			t.Errorf("%q of the empty log: %v", path, err)
		}
	}
}

func FuzzParseTile(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		f.Add(Tile{Level: uint8(r.UintN(6)), N: r.Uint64N(SizeMax / 256), Width: uint16(1 + r.UintN(256))}.Path())
	}
	f.Add("tile/entries/x001/234.p/9")
	f.Fuzz(func(t *testing.T, path string) {
		if tile, err := ParseTile(path); err == nil && (tile.Path() != path || tile.Width == 0 || tile.Width > 256 || tile.Level > 5) {
			t.Errorf("%q is taken for %+v", path, tile)
		}
	})
}
