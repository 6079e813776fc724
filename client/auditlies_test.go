package client

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/audit"
)

// TestLiesAboutTheHistoryAreRefused is TestLiesAreRefused for the history of changes, whose file must
// be the same whatever else a node says.
func TestLiesAboutTheHistoryAreRefused(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"})
	for i, c := range []governance.Command{p, governance.Cancel{Proposal: 1}} {
		if _, err := dial(t, w, nil).Submit(ctx, []quoin.Transaction{w.Kernel(w.Admin, governance.Encode(c), uint64(i), 1000)}, Certified); err != nil {
			t.Fatal(err)
		}
	}
	read := func(c *Client) ([]string, error) {
		x := audit.NewWriter(io.Discard, audit.Options{Origin: w.Genesis.Origin(), Environment: execution.Environment(), Trust: AuditTrust})
		if err := x.Header(w.Genesis); err != nil {
			t.Fatal(err)
		}
		var events []string
		err := c.Audit(ctx, x, func(e *audit.Entry) error {
			events = append(events, e.Kind+" "+e.What)
			return nil
		})
		return events, err
	}
	want, err := read(dial(t, w, nil))
	if err != nil || len(want) < 2 {
		t.Fatal(want, err)
	}
	refused, places := 0, 1
	for tell := 0; tell < places; tell++ {
		l := &liar{procedure: "ListEvents", tell: tell}
		got, err := read(dial(t, w, l))
		places = max(places, l.places)
		switch {
		case errors.Is(err, ErrProof):
			refused++
		case err != nil:
			t.Errorf("lie %q: %v", l.told, err)
		case len(got) < len(want) || got[0] != want[0] || got[1] != want[1]:
			t.Errorf("lie %q was believed: %q, want %q", l.told, got, want)
		}
	}
	if refused < 20 {
		t.Errorf("%d lies of %d refused", refused, places)
	}
	t.Logf("%d of %d lies refused, the others changed nothing", refused, places)
}
