package plugin

import "quoin.dev/quoin"

// Footprint is what a release and a table's instance of it take of this host's memory, for the tools
// of authors. Pages are of 64 KiB.
type Footprint struct {
	ImagePages int // of the memory that every call starts from
	ImageBytes int // of it, up to the last byte that is not zero
	Pages      int // of the instance's memory now
	// Touched is how many bytes the next call puts back: the regions that calls wrote to since the
	// instance was restored last, or all of them after a trap.
	Touched int
}

// Footprint returns what the release takes in this table. It is zero for a release that is not here,
// and has no pages of an instance before the release's first call.
func (t *Table) Footprint(digest quoin.Hash) Footprint {
	g := t.guests[digest]
	if g == nil {
		return Footprint{}
	}
	f := Footprint{ImagePages: int(g.release.image.pages), ImageBytes: len(g.release.image.bytes)}
	if i := g.instance; i != nil {
		f.Pages = len(i.paged.bytes) / pageBytes
		shift := i.call.charges.regionShift
		for at := 0; at < len(i.paged.bytes); at += 1 << shift {
			if i.touched>>(at>>shift&63)&1 == 1 {
				f.Touched += min(1<<shift, len(i.paged.bytes)-at)
			}
		}
	}
	return f
}

// Restore puts the table's instance of the release back to its image, which the next call would do
// otherwise: so that tools can measure what it costs. Without an instance it does nothing.
func (t *Table) Restore(digest quoin.Hash) error {
	g := t.guests[digest]
	if g == nil || g.instance == nil || g.instance.busy {
		return nil
	}
	if !g.instance.restore() {
		g.close()
		return local("the memory of release %v cannot be restored", digest)
	}
	return nil
}
