package bench

import (
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/bench/audience"
	"quoin.dev/quoin/observe/trace"
)

// What looks on sees the network: frames reach a viewer, a scraper is answered, spans get out.
func TestEverythingLooksOn(t *testing.T) {
	r, err := Run(t.Context(), Options{Keys: 100, Rate: 200, Warmup: time.Second, Duration: time.Second, NoSync: true,
		Observed: &Observed{Share: trace.Share{N: 1, D: 10}, Audience: audience.Options{Viewers: 1, Scrapers: 1, Every: 100 * time.Millisecond}}})
	if err != nil {
		t.Fatal(err)
	}
	o := r.Observation
	a := &o.Audience
	if a.Streams != 1 || a.Frames == 0 || a.Scrapes == 0 || a.Failed+a.ScrapesRefused+a.StreamsRefused > 0 || a.Bytes == 0 {
		t.Errorf("%+v", a)
	}
	if o.Spans == 0 || o.Dropped > 0 || o.SpanBytes == 0 {
		t.Errorf("%+v", o)
	}
}

// More viewers than there is room for, and scrapers that never pause, are let in within limits, and consensus
// goes on without a view that times out. `quoin lab observe` measures the same with a thousand.
func TestAudiencesDoNotStopConsensus(t *testing.T) {
	const viewers, room, blocks = 300, 128, 20
	o := Options{Keys: 100, Rate: 100, NoSync: true, Observed: &Observed{Share: trace.Share{N: 1, D: 10}, Audience: audience.Options{Viewers: viewers, Scrapers: 20}},
		Genesis: func(g *quoin.Genesis) { g.Configuration.Parameters.TimeoutBaseMS = 20_000 }} // the audience is in this process, and the machine may be slow
	err := with(t.Context(), o.withDefaults(), func(w *network) error {
		crowd := w.load(t.Context())
		defer crowd.close()
		before := w.counters()
		leave, err := w.looks.seat(t.Context())
		if err != nil {
			return err
		}
		began := time.Now()
		open, refused := 0, uint64(0)
		for w.counters().blocks < before.blocks+blocks || refused < viewers-room {
			if time.Since(began) > time.Minute {
				t.Errorf("after a minute: %d blocks, %d streams, %d refused", w.counters().blocks-before.blocks, open, refused)
				break
			}
			time.Sleep(50 * time.Millisecond)
			open, refused, _ = w.looks.dashboards[0].Viewers()
		}
		a, err := leave()
		if err != nil {
			return err
		}
		after := w.counters()
		t.Logf("%d blocks, %d views timed out, %+v", after.blocks-before.blocks, after.timeouts-before.timeouts, a)
		if a.Streams == 0 || a.Streams > room || a.Scrapes == 0 {
			t.Errorf("%d streams where there is room for %d, %d scrapes", a.Streams, room, a.Scrapes)
		}
		if after.timeouts > before.timeouts {
			t.Errorf("%d views timed out", after.timeouts-before.timeouts)
		}
		if grown := after.maxRSS - before.maxRSS; grown > 1<<30 {
			t.Errorf("%d bytes of memory for the audience", grown)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
