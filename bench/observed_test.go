package bench

import (
	"testing"
	"time"

	"quoin.dev/quoin/bench/audience"
	"quoin.dev/quoin/observe/trace"
)

// watched measures a small network that everything looks on at.
func watched(t *testing.T, a audience.Options) *Result {
	t.Helper()
	r, err := Run(t.Context(), Options{Keys: 100, Rate: 200, Warmup: time.Second, Duration: 1500 * time.Millisecond, NoSync: true,
		Observed: &Observed{Share: trace.Share{N: 1, D: 10}, Audience: a}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.0f a second, %d blocks, %d views timed out, %.0f us/tx, %d MiB: %+v", r.PerSecond, r.Blocks, r.TimeoutsViews, r.CPUPerTx, r.MaxRSS>>20, *r.Observation)
	return r
}

// What looks on sees the network: frames reach a viewer, a scraper is answered, spans get out.
func TestEverythingLooksOn(t *testing.T) {
	o := watched(t, audience.Options{Viewers: 1, Scrapers: 1, Every: 100 * time.Millisecond}).Observation
	a := &o.Audience
	if a.Streams != 1 || a.Frames < 3 || a.Scrapes < 20 || a.Failed+a.ScrapesRefused+a.StreamsRefused > 0 || a.Bytes == 0 {
		t.Errorf("%+v", a)
	}
	if o.Spans == 0 || o.Dropped > 0 || o.SpanBytes == 0 {
		t.Errorf("%+v", o)
	}
}

// A thousand viewers, and scrapers that never pause, are let in within limits. The network bears its load
// meanwhile, without a view that times out.
func TestAudiencesDoNotStopConsensus(t *testing.T) {
	r := watched(t, audience.Options{Viewers: 1000, Scrapers: 50})
	a := &r.Observation.Audience
	if a.Streams == 0 || a.Streams > 128 || a.StreamsRefused < 500 {
		t.Errorf("%d streams, %d refused, want 128 at the most", a.Streams, a.StreamsRefused)
	}
	if a.Polls == 0 || a.Scrapes == 0 || a.ScrapesRefused == 0 {
		t.Errorf("within the limits nobody is refused, beyond them somebody: %+v", a)
	}
	if r.Missing > 0 || r.Refused > 0 || r.Blocks == 0 || r.TimeoutsViews > 0 {
		t.Errorf("%d transactions missing, %d refused, %d blocks, %d views timed out", r.Missing, r.Refused, r.Blocks, r.TimeoutsViews)
	}
	if r.MaxRSS > 2<<30 {
		t.Errorf("%d bytes of memory", r.MaxRSS)
	}
}
