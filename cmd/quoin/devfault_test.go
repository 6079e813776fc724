package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/client"
	injected "quoin.dev/quoin/fault"
	"quoin.dev/quoin/signature"
)

// theatre is a network of `quoin dev`, a client of its API, and the key of its proposer.
type theatre struct {
	*testing.T
	*devNet
	c     *client.Client
	admin ed25519.PrivateKey
	salt  uint64
}

func newTheatre(t *testing.T, parameters ...string) *theatre {
	t.Helper()
	x := &theatre{T: t}
	dir := t.TempDir()
	g, members, err := devNetwork(dir, &devOptions{nodes: 4, unsigned: true, parameters: append(parameters, "heartbeat_ms=500")}, true)
	if err != nil {
		t.Fatal(err)
	}
	x.devNet = &devNet{genesis: g, members: members}
	t.Cleanup(func() {
		if err := x.close(); err != nil {
			t.Error(err)
		}
	})
	if err := x.open(dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if err := x.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := x.station(0)
	if err := s.serve(x.plans[0], "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if x.admin, err = readKey(keyPath(dir, roleProposer)); err != nil {
		t.Fatal(err)
	}
	x.c, err = client.New(client.Options{Endpoints: []client.Endpoint{{URL: s.url(), Key: s.node.Key()}}, Trust: client.GenesisAnchor(g), Attempts: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.c.Close)
	return x
}

// put certifies a transaction, whoever is away meanwhile.
func (x *theatre) put() {
	x.Helper()
	ctx, cancel := context.WithTimeout(x.Context(), time.Minute)
	defer cancel()
	expiry, err := x.c.Expiry(ctx)
	if err != nil {
		x.Fatal(err)
	}
	x.salt++
	o, err := x.c.Submit(ctx, []quoin.Transaction{{Salt: x.salt, Expiry: expiry, Namespace: "kv", Payload: nil}}, client.Certified)
	if err != nil || o[0].Stage != client.Certified {
		x.Fatal(o, err)
	}
}

// tell injects a fault as `quoin fault` does.
func (x *theatre) tell(f injected.Fault, targets ...int) *quoinv1.InjectResponse {
	x.Helper()
	for _, i := range targets {
		key, err := publicKeys([]string{x.members[i].Key})
		if err != nil {
			x.Fatal(err)
		}
		f.Targets = append(f.Targets, key...)
	}
	a := x.c.Inject(x.Context(), quoinv1.NewFault(&f, time.Now()), x.admin)
	if a[0].Err != nil || len(a[0].Answer.GetApplied()) != len(targets) {
		x.Fatal(a[0].Answer, a[0].Err)
	}
	return a[0].Answer
}

func (x *theatre) await(what string, done func() bool) {
	x.Helper()
	for late := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			x.Fatalf("gave up waiting: %s", what)
		}
	}
}

// agree waits until all stations run and have one state.
func (x *theatre) agree() {
	x.Helper()
	x.await("all validators with one state", func() bool {
		all := x.running()
		return len(all) == len(x.members) && !slices.ContainsFunc(all, func(s *station) bool {
			first, own := all[0].node.Status(), s.node.Status()
			return own.Tip.Height != first.Tip.Height || own.Tip.State != first.Tip.State || own.Stats.Diverged+own.Stats.Splits > 0
		})
	})
}

// addresses are where a station is reached.
func (x *theatre) addresses(i int) string {
	s := x.station(i)
	if s.api.Load() == nil {
		return s.node.Addr().String()
	}
	return fmt.Sprint(s.node.Addr(), s.url())
}

// A station that crashes is closed, and comes back from its folder at the same addresses; the others go on.
func TestCrashedStationsComeBack(t *testing.T) {
	t.Parallel()
	x := newTheatre(t)
	x.put()
	for _, i := range []int{2, 0} { // the first one has the API, by which all is asked
		before, old, at := x.addresses(i), x.station(i), x.station(1).node.Status().Tip.Height
		if a := x.tell(injected.Fault{ID: uint64(10 + i), Kind: injected.Crash, Until: time.Now().Add(time.Second)}, i); !a.GetReopens() {
			t.Error("nobody says that it comes back")
		}
		x.await("the crash", func() bool { return x.station(i) != old })
		if err := x.crash(i, time.Second); err != nil {
			t.Errorf("a second crash of what is down: %v", err)
		}
		x.put()
		x.await("the return", func() bool { return x.station(i) != nil && x.addresses(i) == before })
		x.put()
		x.agree()
		if now := x.station(1).node.Status().Tip.Height; now < at+2 {
			t.Errorf("heights went from %d to %d", at, now)
		}
	}
}

// Two of four away is one too many: nothing is certified until one is back, and then nobody disagrees.
func TestTwoCrashesStallAndRecover(t *testing.T) {
	t.Parallel()
	x := newTheatre(t)
	x.put()
	x.tell(injected.Fault{ID: 1, Kind: injected.Crash, Until: time.Now().Add(3 * time.Second)}, 1, 3)
	x.await("the crashes", func() bool { return len(x.running()) == 2 })
	before := x.station(0).node.Status()
	done := make(chan struct{})
	go func() { defer close(done); x.put() }()
	x.await("time-outs", func() bool {
		return x.station(0).node.Status().Stats.Timeouts > before.Stats.Timeouts+1 || len(x.running()) > 2
	})
	if now := x.station(0).node.Status(); len(x.running()) == 2 && now.Tip.Height > before.Tip.Height+1 { // one may have been on its way
		t.Errorf("two of four certified from height %d to %d", before.Tip.Height, now.Tip.Height)
	}
	<-done
	x.agree()
}

// All stations of the process are told of a fault by the one that has the API, and forget it together.
func TestOneAPITellsAllStations(t *testing.T) {
	t.Parallel()
	x := newTheatre(t)
	peer, err := publicKeys([]string{x.members[3].Key})
	if err != nil {
		t.Fatal(err)
	}
	x.tell(injected.Fault{ID: 5, Kind: injected.Partition, Peers: peer, Until: time.Now().Add(time.Minute)}, 1, 2)
	for i, s := range x.running() {
		if n := len(s.faults.List()); n != 1 {
			t.Errorf("station %d knows %d faults", i, n)
		}
		if _, lost := s.faults.Link(peer[0]); lost != (i == 1 || i == 2) {
			t.Errorf("station %d loses messages: %v", i, lost)
		}
	}
	list, next := x.List()
	if len(list) != 1 || next != 6 {
		t.Errorf("%v, next %d", list, next)
	}
	if a := x.c.Lift(t.Context(), 5, x.admin)[0]; a.Err != nil || !a.Answer.GetFound() {
		t.Error(a)
	}
	for i, s := range x.running() {
		if n := len(s.faults.List()); n != 0 {
			t.Errorf("station %d knows %d faults", i, n)
		}
	}
	x.put()
	x.agree()
}

// A network that does not allow faults runs in `quoin dev`, and refuses them.
func TestDevWithoutFaults(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, "fault_injection=0")
	f := injected.Fault{ID: 1, Kind: injected.Crash, Targets: []quoin.PublicKey{signature.PublicOf(x.admin)}, Until: time.Now().Add(time.Minute)}
	a := x.c.Inject(t.Context(), quoinv1.NewFault(&f, time.Now()), x.admin)[0]
	if refusal := refusalIn(a.Err); refusal == nil || refusal.Code != "faults-not-allowed" {
		t.Errorf("%v %v", a.Answer, a.Err)
	}
	x.put()
}
