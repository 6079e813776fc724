package dashboard

import (
	"flag"
	"testing"
	"time"
)

var (
	serveAt    = flag.String("serve", "", "an address at which TestShowThePage serves the page with a stage behind it, until it is stopped")
	validators = flag.Int("validators", 4, "of that stage")
	runsOf     = flag.String("runs", "", "a folder of lab runs for it")
)

// TestShowThePage serves the page without a network, to be looked at:
//
//	go test ./dashboard -run TestShowThePage -serve 127.0.0.1:26690 -timeout 0
func TestShowThePage(t *testing.T) {
	if *serveAt == "" {
		t.Skip("it serves until it is stopped; give -serve ADDRESS")
	}
	s := newStage(t, *validators, time.Now().Add(-4*time.Minute))
	s.play(time.Now())
	c := s.config()
	c.Listen, c.Runs = *serveAt, *runsOf
	server, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	t.Logf("open %s", server.URL())
	for {
		time.Sleep(50 * time.Millisecond)
		s.play(time.Now())
	}
}
