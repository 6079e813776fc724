package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"quoin.dev/quoin/replica"
)

// Who sends transactions on which a machine faults does not decide how much is logged.
func TestMachineFaultsAreLoggedByTheBlock(t *testing.T) {
	var events []replica.Event
	for i := range 1000 {
		events = append(events, replica.Event{Kind: replica.MachineFaulted, Height: 7, Reason: []string{"trap", "out-of-fuel"}[i%4/3]})
	}
	events = append(events, replica.Event{Kind: replica.MachineFaulted, Height: 8, Reason: "trap"})
	var log bytes.Buffer
	n := &Node{feed: newFeed(), log: slog.New(slog.NewTextHandler(&log, nil))}
	l := &loop{n: n}
	for i := range events {
		l.event(&events[i])
	}
	l.logMachineFaults(events)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	want := []string{"height=7 reason=trap count=750", "height=7 reason=out-of-fuel count=250", "height=8 reason=trap count=1"}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), log.String())
	}
	for i, w := range want {
		if !strings.HasSuffix(lines[i], "event=machine-fault "+w) {
			t.Errorf("%q, want it to end with %q", lines[i], w)
		}
	}
}
