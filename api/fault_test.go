package api_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"quoin.dev/quoin/api"
	"quoin.dev/quoin/api/apitest"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/fault"
	"quoin.dev/quoin/node"
)

// injector is a network of two nodes that take faults, and a client.
type injector struct {
	*testing.T
	w *apitest.Network
	c *client.Client
}

func newInjector(t *testing.T, faults bool) *injector {
	x := &injector{T: t, w: apitest.Start(t, apitest.Options{Nodes: 2, Faults: faults})}
	var endpoints []client.Endpoint
	for _, s := range x.w.Servers {
		endpoints = append(endpoints, client.Endpoint{URL: s.URL()})
	}
	var err error
	if x.c, err = client.New(client.Options{Endpoints: endpoints, Trust: client.GenesisAnchor(x.w.Genesis)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.c.Close)
	return x
}

// delay is a valid fault of the first node.
func (x *injector) delay(id uint64) *quoinv1.Fault {
	k := x.w.Nodes[0].Key()
	return &quoinv1.Fault{Id: id, Kind: "delay", Targets: [][]byte{k[:]}, DelayUs: 1000, ForMs: 60_000}
}

// code tells a fault to the first node and returns the code of its refusal, "" if it was taken.
func (x *injector) code(f *quoinv1.Fault, key ed25519.PrivateKey) string {
	x.Helper()
	a := x.c.Inject(x.Context(), f, key)[0]
	var e *client.Error
	switch {
	case a.Err == nil:
		return ""
	case !errors.As(a.Err, &e) || e.Hint == "":
		x.Errorf("a refusal without a code or a hint: %v", a.Err)
	}
	return e.Code
}

// event waits for an event of a kind on a node's feed.
func event(t *testing.T, s *node.Subscription, kind string) string {
	t.Helper()
	for late := time.After(30 * time.Second); ; {
		select {
		case item := <-s.C:
			if item.Event != nil && string(item.Event.Kind) == kind {
				return item.Event.Reason
			}
		case <-late:
			t.Fatalf("no event %s came", kind)
		}
	}
}

// Every node that is told marks a fault; only targets apply it.
func TestFaultsAreInjectedListedAndLifted(t *testing.T) {
	x := newInjector(t, true)
	var feeds []*node.Subscription
	for _, n := range x.w.Nodes {
		feeds = append(feeds, n.Feed().Subscribe(1024))
	}
	other := x.w.Nodes[1].Key()
	f := x.delay(7)
	f.Note = "a drill"
	for i, a := range x.c.Inject(t.Context(), f, x.w.Admin) {
		if a.Err != nil || len(a.Answer.GetApplied()) != 1-i || a.Answer.GetReopens() {
			t.Fatalf("node %d: %v %v", i, a.Answer, a.Err)
		}
		if d, _ := x.w.Faults[i].Link(other); (d == time.Millisecond) != (i == 0) {
			t.Errorf("node %d delays by %v", i, d)
		}
		if got, want := event(t, feeds[i], "fault-injected"), "fault 7: messages between v0 and all others take 1ms longer (a drill), for 1m0s"; got != want {
			t.Errorf("node %d says %q, want %q", i, got, want)
		}
	}
	for i, a := range x.c.Inject(t.Context(), f, x.w.Admin) {
		if a.Err != nil {
			t.Errorf("node %d: the same again: %v", i, a.Err)
		}
	}
	for i, a := range x.c.Faults(t.Context()) {
		if a.Err != nil || !a.Answer.GetAllowed() || a.Answer.GetNext() != 8 || len(a.Answer.GetFaults()) != 1 || a.Answer.Faults[0].GetNote() != "a drill" {
			t.Errorf("node %d lists %v, %v", i, a.Answer, a.Err)
		}
	}
	for i, a := range x.c.Lift(t.Context(), 7, x.w.Admin) {
		if a.Err != nil || !a.Answer.GetFound() || len(x.w.Faults[i].List()) != 0 {
			t.Errorf("node %d: %v %v", i, a.Answer, a.Err)
		}
		if got := event(t, feeds[i], "fault-lifted"); !strings.HasPrefix(got, "fault 7:") || !strings.HasSuffix(got, "over") {
			t.Errorf("node %d says %q", i, got)
		}
	}
	if a := x.c.Lift(t.Context(), 7, x.w.Admin)[0]; a.Err != nil || a.Answer.GetFound() {
		t.Errorf("lifted twice: %v %v", a.Answer, a.Err)
	}
}

// Where the genesis does not allow faults, nobody's signature helps, and no node can be made to hold a set.
func TestFaultsNeedTheGenesis(t *testing.T) {
	x := newInjector(t, false)
	if code := x.code(x.delay(1), x.w.Admin); code != string(api.CodeNoFaults) {
		t.Errorf("refused with %q", code)
	}
	a := x.c.Lift(t.Context(), 1, x.w.Admin)[0]
	if e := new(client.Error); !errors.As(a.Err, &e) || e.Code != string(api.CodeNoFaults) {
		t.Errorf("lift: %v", a.Err)
	}
	if a := x.c.Faults(t.Context())[0]; a.Err != nil || a.Answer.GetAllowed() || len(a.Answer.GetFaults()) != 0 {
		t.Errorf("list: %v %v", a.Answer, a.Err)
	}
	_, err := node.Open(node.Config{Dir: t.TempDir(), Genesis: x.w.Genesis, Identity: x.w.Keys[0], Listen: "127.0.0.1:0", Faults: fault.NewSet(fault.Config{})})
	if !errors.Is(err, node.ErrFaultsNotAllowed) {
		t.Errorf("a node with a set of faults: %v", err)
	}
}

// Inject and Lift take an administrator's signature over this very fault, for this node and procedure.
func TestFaultsNeedAnAdministrator(t *testing.T) {
	x := newInjector(t, true)
	if code := x.code(x.delay(1), x.w.Second); code != string(api.CodeUnauthorized) {
		t.Errorf("an approver: %q", code)
	}
	c := quoinv1connect.NewFaultServiceClient(http.DefaultClient, x.w.Servers[0].URL())
	f := x.delay(1)
	content := func(f *quoinv1.Fault) [32]byte { return sha256.Sum256(f.SigningBytes()) }
	for name, sign := range map[string]func(h http.Header){
		"no signature": func(http.Header) {},
		"another fault": func(h http.Header) {
			quoinv1.SignAdmin(h, x.w.Admin, x.w.Genesis.Origin(), x.w.Nodes[0].Key(), quoinv1connect.FaultServiceInjectProcedure, time.Now(), content(x.delay(2)))
		},
		"another node": func(h http.Header) {
			quoinv1.SignAdmin(h, x.w.Admin, x.w.Genesis.Origin(), x.w.Nodes[1].Key(), quoinv1connect.FaultServiceInjectProcedure, time.Now(), content(f))
		},
		"another procedure": func(h http.Header) {
			quoinv1.SignAdmin(h, x.w.Admin, x.w.Genesis.Origin(), x.w.Nodes[0].Key(), quoinv1connect.FaultServiceLiftProcedure, time.Now(), content(f))
		},
		"a time before the node began": func(h http.Header) {
			quoinv1.SignAdmin(h, x.w.Admin, x.w.Genesis.Origin(), x.w.Nodes[0].Key(), quoinv1connect.FaultServiceInjectProcedure, time.Now().Add(-4*time.Minute), content(f))
		},
		"a time that is yet to come": func(h http.Header) {
			quoinv1.SignAdmin(h, x.w.Admin, x.w.Genesis.Origin(), x.w.Nodes[0].Key(), quoinv1connect.FaultServiceInjectProcedure, time.Now().Add(time.Minute), content(f))
		},
		"another time": func(h http.Header) {
			quoinv1.SignAdmin(h, x.w.Admin, x.w.Genesis.Origin(), x.w.Nodes[0].Key(), quoinv1connect.FaultServiceInjectProcedure, time.Now().Add(-time.Hour), content(f))
		},
	} {
		r := connect.NewRequest(&quoinv1.InjectRequest{Fault: f})
		sign(r.Header())
		if _, err := c.Inject(t.Context(), r); connect.CodeOf(err) != connect.CodePermissionDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(x.w.Faults[0].List()) != 0 {
		t.Errorf("%v", x.w.Faults[0].List())
	}
}

// Who recorded a call on its way cannot have its fault again.
func TestFaultsAreNotReplayed(t *testing.T) {
	x := newInjector(t, true)
	c := quoinv1connect.NewFaultServiceClient(http.DefaultClient, x.w.Servers[0].URL())
	r := connect.NewRequest(&quoinv1.InjectRequest{Fault: x.delay(1)})
	quoinv1.SignAdmin(r.Header(), x.w.Admin, x.w.Genesis.Origin(), x.w.Nodes[0].Key(), quoinv1connect.FaultServiceInjectProcedure, time.Now(), sha256.Sum256(r.Msg.Fault.SigningBytes()))
	for range 2 { // a call whose answer was lost is made again
		if _, err := c.Inject(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if a := x.c.Lift(t.Context(), 1, x.w.Admin)[0]; a.Err != nil || !a.Answer.GetFound() {
		t.Fatal(a.Err)
	}
	if _, err := c.Inject(t.Context(), r); connect.CodeOf(err) != connect.CodeInvalidArgument || len(x.w.Faults[0].List()) != 0 {
		t.Errorf("the same call again: %v, %v", err, x.w.Faults[0].List())
	}
	if a := x.c.Lift(t.Context(), 2, x.w.Admin)[0]; a.Err != nil || a.Answer.GetFound() { // whoever records this ends no fault of this number later
		t.Fatal(a.Err)
	}
	if code := x.code(x.delay(2), x.w.Admin); code != string(api.CodeInvalid) {
		t.Errorf("a number that was lifted before: %q", code)
	}
	if code := x.code(x.delay(x.c.Faults(t.Context())[0].Answer.GetNext()), x.w.Admin); code != "" {
		t.Errorf("the next number: %q", code)
	}
}

// Each field of a fault changes what is signed.
func TestSigningBytesCoverTheFault(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*quoinv1.Fault){
		"nothing": func(*quoinv1.Fault) {},
		"id":      func(f *quoinv1.Fault) { f.Id++ },
		"kind":    func(f *quoinv1.Fault) { f.Kind = "drop" },
		"targets": func(f *quoinv1.Fault) { f.Targets = append(f.Targets, []byte{1}) },
		"target moves to peers": func(f *quoinv1.Fault) {
			f.Peers, f.Targets = f.Targets, nil
		},
		"delay": func(f *quoinv1.Fault) { f.DelayUs++ },
		"share": func(f *quoinv1.Fault) { f.Share++ },
		"slot":  func(f *quoinv1.Fault) { f.Slot = "a note" },
		"for":   func(f *quoinv1.Fault) { f.ForMs++ },
		"note":  func(f *quoinv1.Fault) { f.Note = "a note" },
	} {
		f := &quoinv1.Fault{Id: 1, Kind: "delay", Targets: [][]byte{{1, 2}}, DelayUs: 5, ForMs: 6}
		change(f)
		b := string(f.SigningBytes())
		if other, ok := seen[b]; ok {
			t.Errorf("%s and %s are signed alike", name, other)
		}
		seen[b] = name
	}
}

func TestHostileFaultsAreRefused(t *testing.T) {
	x := newInjector(t, true)
	stranger := make([]byte, 32)
	for name, change := range map[string]func(*quoinv1.Fault){
		"nothing":            func(f *quoinv1.Fault) { f.Reset() },
		"unknown kind":       func(f *quoinv1.Fault) { f.Kind = "corrupt" },
		"unknown target":     func(f *quoinv1.Fault) { f.Targets = append(f.Targets, stranger) },
		"unknown peer":       func(f *quoinv1.Fault) { f.Peers = append(f.Peers, stranger) },
		"short key":          func(f *quoinv1.Fault) { f.Targets[0] = f.Targets[0][:31] },
		"target twice":       func(f *quoinv1.Fault) { f.Targets = append(f.Targets, f.Targets[0]) },
		"endless":            func(f *quoinv1.Fault) { f.ForMs = math.MaxUint64 },
		"an hour":            func(f *quoinv1.Fault) { f.ForMs = uint64(time.Hour.Milliseconds()) },
		"no time":            func(f *quoinv1.Fault) { f.ForMs = 0 },
		"endless delay":      func(f *quoinv1.Fault) { f.DelayUs = math.MaxUint64 },
		"share above all":    func(f *quoinv1.Fault) { f.Kind, f.DelayUs, f.Share = "drop", 0, math.MaxUint32 },
		"share that wraps":   func(f *quoinv1.Fault) { f.Kind, f.DelayUs, f.Share = "drop", 0, 1<<16+10 },
		"built-in":           func(f *quoinv1.Fault) { f.Kind, f.Slot = "slow-plugin", "leader.v1" },
		"slot of nothing":    func(f *quoinv1.Fault) { f.Kind, f.Slot = "slow-plugin", "no.v1" },
		"note of a megabyte": func(f *quoinv1.Fault) { f.Note = strings.Repeat("x", 1<<20) },
		"crash of one that nothing crashes": func(f *quoinv1.Fault) {
			f.Kind, f.DelayUs = "crash", 0
		},
	} {
		f := x.delay(1)
		change(f)
		if code := x.code(f, x.w.Admin); code != string(api.CodeInvalid) || len(x.w.Faults[0].List()) != 0 {
			t.Errorf("%s: %q, %v", name, code, x.w.Faults[0].List())
		}
	}
	many := x.delay(1)
	for range 10_000 {
		many.Targets = append(many.Targets, many.Targets[0])
	}
	if code := x.code(many, x.w.Admin); code != string(api.CodeTooLarge) {
		t.Errorf("ten thousand targets: %q", code)
	}
	codes := map[string]int{}
	for i := range uint64(200) {
		codes[x.code(x.delay(i+1), x.w.Admin)]++
	}
	if codes[""] != fault.FaultsMax || codes[string(api.CodeBusy)] != 200-fault.FaultsMax {
		t.Errorf("two hundred faults: %v", codes)
	}
	taken := x.delay(1)
	taken.DelayUs++
	if code := x.code(taken, x.w.Admin); code != string(api.CodeInvalid) {
		t.Errorf("a number that is taken: %q", code)
	}
}

// A node that does not answer keeps nobody from telling the others.
func TestOneNodeIsAway(t *testing.T) {
	x := newInjector(t, true)
	if err := x.w.Servers[0].Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	answers := x.c.Inject(ctx, x.delay(1), x.w.Admin)
	if answers[0].Err == nil || answers[1].Err != nil || len(x.w.Faults[1].List()) != 1 {
		t.Error(fmt.Sprint(answers))
	}
}
