package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"quoin.dev/quoin"
)

// builder builds frames. One goroutine uses it at a time.
type builder struct {
	c         *Config
	chronicle chronicle
	governed  *Governed
	changed   uint64 // grows with governed
	seen      uint64 // of timeline.Governed, when governance was read
	read      time.Time
	links     []Link
	releases  []Release
	health    *Health
	second    time.Time // when the three above were made
	rate      rate
}

// sent is what a frame's readers have.
type sent struct {
	timeline uint64
	epoch    quoin.Epoch
	governed uint64
	second   time.Time
	releases string
}

// readWithin bounds how long governance is read: a loop that is busy for longer answers the next time.
const readWithin = 2 * time.Second

func newBuilder(c *Config) *builder {
	return &builder{c: c, chronicle: chronicle{timeline: c.Timeline}}
}

// look reads what has to be read now: governance when it may have decided something, or, while somebody looks, once a
// second, for votes and heights count; and once a second what else is not told by itself.
func (b *builder) look(ctx context.Context, now time.Time, watched bool) {
	decided := b.c.Timeline.Governed()
	if b.c.Changes != nil && (decided != b.seen || b.governed == nil || watched && now.Sub(b.read) >= time.Second && b.open()) {
		within, cancel := context.WithTimeout(ctx, readWithin)
		defer cancel()
		if changes, err := b.c.Changes(within, proposalsShown); err == nil {
			g := newGoverned(changes)
			b.chronicle.note(now, changes, g)
			b.governed, b.seen = g, decided
			b.changed++
		}
		b.read = now
	}
	b.rate.note(now, uint64(b.c.Node.Status().Tip.Height))
	if !watched || now.Sub(b.second) < time.Second {
		return
	}
	s := b.c.Node.Status()
	b.second, b.links, b.releases = now, newLinks(b.c, &s.Configuration.Validators), newReleases(b.c)
	if b.c.Health != nil {
		r := b.c.Health(now)
		b.health = newHealth(&r)
	}
}

// open reports whether something is under way, so that votes may come without a decision.
func (b *builder) open() bool {
	for i := range b.governed.Proposals {
		if b.governed.Proposals[i].Open {
			return true
		}
	}
	return false
}

// frame builds a frame for those who have what was sent before: all of it for those who have nothing.
func (b *builder) frame(now time.Time, before sent) ([]byte, sent) {
	s := b.c.Node.Status()
	f := Frame{Format: FrameFormat, Full: before == sent{}, Time: now.UnixMilli(), Now: newNow(&s), Changes: b.c.Timeline.Since(before.timeline, now)}
	f.Now.HeightMS = b.rate.heightMS()
	after := sent{timeline: f.Changes.Through, epoch: s.Configuration.Epoch, governed: b.changed, second: b.second, releases: before.releases}
	if before.epoch != after.epoch {
		f.Node = newNode(b.c, &s)
	}
	if before.governed != after.governed {
		f.Governed = b.governed
	}
	if before.second != after.second {
		f.Links, f.Health = b.links, b.health
		if text, err := json.Marshal(b.releases); err == nil && string(text) != before.releases {
			f.Releases, after.releases = b.releases, string(text)
		}
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(true)
	if err := e.Encode(&f); err != nil {
		return []byte("{}"), before // a number that JSON does not have: the next frame brings what this one lacks
	}
	return bytes.TrimSpace(text.Bytes()), after
}

// rate measures how long heights take.
type rate struct {
	at     []time.Time
	height []uint64
}

const (
	rateEvery = 5 * time.Second
	rateKept  = 12 // a minute
)

func (r *rate) note(now time.Time, height uint64) {
	if n := len(r.at); n > 0 && now.Sub(r.at[n-1]) < rateEvery {
		return
	}
	r.at, r.height = append(r.at, now), append(r.height, height)
	if len(r.at) > rateKept {
		r.at, r.height = r.at[1:], r.height[1:]
	}
}

// heightMS returns how long a height took lately; 0 is unknown.
func (r *rate) heightMS() float64 {
	n := len(r.at)
	if n < 2 || r.height[n-1] <= r.height[0] {
		return 0
	}
	return milliseconds(r.at[n-1].Sub(r.at[0])) / float64(r.height[n-1]-r.height[0])
}
