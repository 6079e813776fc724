package dashboard_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// TestBrowserProvesGrowth has the page prove from tiles that a ledger only grew, between many sizes, and
// refuse where a tile or a root was changed.
func TestBrowserProvesGrowth(t *testing.T) {
	p := openPage(t)
	s := seed()
	t.Logf("seed %d; replay with: go test ./dashboard -run TestBrowserProvesGrowth -proof-seed %d", s, s)
	r := rand.New(rand.NewPCG(s, 10))
	const most = 70_000 // three levels of tiles
	tree := newTree(t, most)
	refused := 0
	for i := range 24 {
		to := []int64{1, 2, 255, 256, 257, 65_535, 65_536, 65_537, most}[r.IntN(9)]
		from := r.Int64N(to + 1)
		tiles := map[string]string{}
		for _, tile := range tlog.NewTiles(8, 0, to) {
			b, err := tlog.ReadTileData(tile, tree)
			if err != nil {
				t.Fatal(err)
			}
			if i%3 == 1 && r.IntN(4) == 0 {
				b = flip(b, r.IntN(8*len(b)))
			}
			tiles[tilePath(tile)] = base64Of(b)
		}
		old, now := tree.root(from), tree.root(to)
		if i%3 == 2 {
			old[r.IntN(32)]++
		}
		a := p.ask("growth", map[string]any{"from": fmt.Sprint(from), "to": fmt.Sprint(to), "fromRoot": old[:], "toRoot": now[:], "tiles": tiles})
		switch {
		case i%3 == 0 && a.Said != "ok", i%3 == 2 && a.Code != "proof", a.Code != "" && a.Code != "proof":
			t.Errorf("from %d to %d: %+v", from, to, a)
		case a.Code != "":
			refused++
		}
	}
	if refused < 8 { // every other root, and some changed tiles
		t.Errorf("%d refused", refused)
	}
}

// tilePath returns the path that tlog-tiles uses, which leaves out the height.
func tilePath(t tlog.Tile) string { return "tile/" + t.Path()[len("tile/8/"):] }
