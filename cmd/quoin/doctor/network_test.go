package doctor

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/signature"
)

// said is a node that answers what a test wants.
type said struct {
	status        *quoinv1.Status
	health        *quoinv1.Health
	compatibility *quoinv1.Compatibility
	releases      []*quoinv1.Release
	ready         error
	gone          error
	hangs         bool // and does not heed contexts
}

func (s *said) Status(context.Context) (*quoinv1.Status, error) {
	if s.hangs {
		select {}
	}
	return s.status, s.gone
}
func (s *said) Health(context.Context) (*quoinv1.Health, error) { return s.health, s.gone }
func (s *said) Compatibility(context.Context) (*quoinv1.Compatibility, error) {
	return s.compatibility, s.gone
}
func (s *said) Releases(context.Context) ([]*quoinv1.Release, error) { return s.releases, s.gone }
func (s *said) Ready(context.Context) error                          { return s.ready }

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// healthyNetwork is one of four nodes in which nothing is wrong.
func healthyNetwork(t *testing.T) (*Network, []*said) {
	t.Helper()
	var members []quoin.Validator
	for i := range 4 {
		members = append(members, quoin.Validator{Name: "v" + string(rune('0'+i)), Key: signature.PublicOf(apitest.Key(string(rune('a' + i)))), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	g := &quoin.Genesis{Network: "test", Chain: "main"}
	g.Configuration.Validators, g.Configuration.Parameters = set, quoin.DefaultParameters()
	p := g.Configuration.Parameters
	n := &Network{Genesis: g, Now: func() time.Time { return noon }, Within: time.Second}
	hash := g.Hash()
	var nodes []*said
	for _, m := range set.All() {
		s := &said{
			status: &quoinv1.Status{Origin: string(g.Origin()), Genesis: hash[:], Node: m.Key[:], Validator: m.Name, Height: 100, StateRoot: []byte("root"),
				Program: "v1", ClockMs: uint64(noon.UnixMilli()), TimeMs: uint64(noon.UnixMilli()) - 50},
			health:        &quoinv1.Health{Verdict: "healthy"},
			compatibility: &quoinv1.Compatibility{EngineVersion: uint32(p.SandboxEngine), ScheduleVersion: uint32(p.FuelSchedule)},
			releases:      []*quoinv1.Release{{Digest: []byte("digest"), State: "ready"}},
		}
		for _, v := range set.All() {
			s.status.Validators = append(s.status.Validators, &quoinv1.Validator{Name: v.Name, Key: v.Key[:], Weight: 1})
		}
		nodes = append(nodes, s)
		n.Nodes = append(n.Nodes, Node{Name: m.Name, Key: m.Key, Ask: s})
	}
	return n, nodes
}

// wants checks that exactly one check found something, at a level.
func wants(t *testing.T, what string, found []Finding, check string, level Level) {
	t.Helper()
	bad := 0
	for _, f := range found {
		if f.Level == OK {
			continue
		}
		bad++
		if f.Check != check || f.Level != level {
			t.Errorf("%s: %+v", what, f)
		}
		if f.Found == "" || (f.Level == Problem || f.Level == Warning) && f.Mend == "" {
			t.Errorf("%s: a finding does not say what to do: %+v", what, f)
		}
	}
	if bad == 0 && level != OK {
		t.Errorf("%s: nothing was found; want %s of %s", what, level, check)
	}
}

func TestAHealthyNetworkHasNoFindings(t *testing.T) {
	n, _ := healthyNetwork(t)
	found := n.Examine(context.Background())
	wants(t, "healthy", found, "", OK)
	seen := map[string]bool{}
	for _, f := range found {
		seen[f.Check] = true
	}
	for _, check := range []string{"reachable", "genesis", "ready", "health", "agreement", "versions", "releases", "clock"} {
		if !seen[check] {
			t.Errorf("%s was not looked at", check)
		}
	}
}

// TestEveryFaultOfANetworkIsFound plants one fault after the other.
func TestEveryFaultOfANetworkIsFound(t *testing.T) {
	ms := func(d time.Duration) uint64 { return uint64(noon.Add(d).UnixMilli()) }
	for _, x := range []struct {
		name  string
		plant func(*Network, []*said)
		check string
		level Level
	}{
		{"away", func(_ *Network, s []*said) { s[1].gone = errors.New("connection refused") }, "reachable", Problem},
		{"hangs", func(n *Network, s []*said) { n.Within = 20 * time.Millisecond; s[2].hangs = true }, "reachable", Problem},
		{"another chain", func(_ *Network, s []*said) { s[0].status.Origin = "other" }, "genesis", Problem},
		{"another genesis", func(_ *Network, s []*said) { s[0].status.Genesis = []byte("other") }, "genesis", Problem},
		{"another key", func(_ *Network, s []*said) { s[0].status.Node = []byte("other") }, "genesis", Problem},
		{"not ready", func(_ *Network, s []*said) { s[3].ready = errors.New("503: catching up") }, "ready", Problem},
		{"observer", func(_ *Network, s []*said) { s[3].status.Observer, s[3].status.Validator = "log missing", "" }, "ready", Problem},
		{"does not vote", func(_ *Network, s []*said) { s[3].status.Validator = "" }, "ready", Problem},
		{"diverges", func(_ *Network, s []*said) { s[3].status.Diverges = true }, "ready", Problem},
		{"behind", func(_ *Network, s []*said) { s[3].status.Behind = 65 }, "ready", Warning},
		{"left behind", func(_ *Network, s []*said) {
			for i := range 3 {
				s[i].status.Height = 165
			}
		}, "ready", Warning},
		{"degraded", func(_ *Network, s []*said) {
			s[0].health = &quoinv1.Health{Verdict: "degraded", Reasons: []*quoinv1.HealthReason{{Severity: "warning", Sentence: "slow", Playbook: "p"}}}
		}, "health", Warning},
		{"failing", func(_ *Network, s []*said) {
			s[0].health = &quoinv1.Health{Verdict: "failing", Reasons: []*quoinv1.HealthReason{{Severity: "grave", Sentence: "stalled", Playbook: "p"}}}
		}, "health", Problem},
		{"no data", func(_ *Network, s []*said) { s[0].health = &quoinv1.Health{Verdict: "unknown"} }, "health", Unknown},
		{"another state", func(_ *Network, s []*said) { s[2].status.StateRoot = []byte("other") }, "agreement", Problem},
		{"api", func(_ *Network, s []*said) { s[1].status.Version = "quoin.v9" }, "versions", Warning},
		{"engine", func(_ *Network, s []*said) { s[1].compatibility.EngineVersion++ }, "versions", Problem},
		{"schedule", func(_ *Network, s []*said) { s[1].compatibility.ScheduleVersion++ }, "versions", Problem},
		{"wanted engine", func(n *Network, _ []*said) {
			c := n.Genesis.Configuration
			c.Parameters.SandboxEngine++
			n.Wanted = &c
		}, "versions", Problem},
		{"programs", func(_ *Network, s []*said) { s[1].status.Program = "v2" }, "versions", Warning},
		{"release deferred", func(_ *Network, s []*said) { s[1].releases[0].State = "deferred" }, "releases", Warning},
		{"release that serves is wanted", func(n *Network, s []*said) {
			digest := quoin.Hash{1}
			n.Genesis.Configuration.Bindings = nil
			c := n.Genesis.Configuration
			c.Bindings = []quoin.Binding{{Hook: "leader.v1", Release: digest}}
			n.Wanted = &c
			s[1].releases = []*quoinv1.Release{{Digest: digest[:], State: "wanted"}}
		}, "releases", Problem},
		{"refused release that serves nothing", func(_ *Network, s []*said) { s[1].releases[0].State = "refused" }, "", OK},
		{"clock fast", func(_ *Network, s []*said) { s[1].status.ClockMs = ms(1500 * time.Millisecond) }, "clock", Warning},
		{"clock slow", func(_ *Network, s []*said) {
			s[1].status.ClockMs = ms(-3 * time.Second)
			s[1].status.TimeMs = ms(-4 * time.Second)
		}, "clock", Problem},
		{"clock of all", func(_ *Network, s []*said) {
			for i := range s {
				s[i].status.ClockMs = ms(time.Hour)
			}
		}, "clock", Warning},
		{"block from the future", func(_ *Network, s []*said) { s[1].status.TimeMs = ms(1200 * time.Millisecond) }, "clock", Problem},
		{"no clock", func(_ *Network, s []*said) { s[1].status.ClockMs = 0; s[1].status.TimeMs = 0 }, "clock", Unknown},
	} {
		n, nodes := healthyNetwork(t)
		x.plant(n, nodes)
		wants(t, x.name, n.Examine(context.Background()), x.check, x.level)
	}
}

// TestLyingNodesDoNoHarm: whatever a node says, doctor ends, and what it passes on is short.
func TestLyingNodesDoNoHarm(t *testing.T) {
	long := strings.Repeat("x\xff", 1<<16)
	for _, n := range []uint64{0, 1, math.MaxInt64, math.MaxUint64} {
		network, nodes := healthyNetwork(t)
		s := nodes[0]
		s.status.ClockMs, s.status.TimeMs, s.status.Height, s.status.Behind = n, n, n, n
		s.status.Program, s.status.Observer = long, long
		s.ready = errors.New(long)
		s.health = &quoinv1.Health{Verdict: "failing"}
		for range 10_000 {
			s.health.Reasons = append(s.health.Reasons, &quoinv1.HealthReason{Sentence: long, Playbook: long, Severity: long})
			s.releases = append(s.releases, &quoinv1.Release{State: long, Reason: long})
		}
		nodes[1].status, nodes[1].health, nodes[1].compatibility, nodes[1].releases = &quoinv1.Status{}, nil, nil, nil
		found := network.Examine(context.Background())
		if len(found) > 100 {
			t.Errorf("%d findings", len(found))
		}
		for _, f := range found {
			if len(f.Found)+len(f.Mend) > 2000 {
				t.Errorf("a finding of %d bytes: %.100s", len(f.Found), f.Found)
			}
		}
	}
	alone := &Network{Genesis: &quoin.Genesis{}, Now: time.Now}
	if found := alone.Examine(context.Background()); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

// TestARealNetworkHasNoFindings asks real nodes by a real client.
func TestARealNetworkHasNoFindings(t *testing.T) {
	w := apitest.Start(t, apitest.Options{Nodes: 4, TLS: true})
	n := &Network{Genesis: w.Genesis, Now: time.Now}
	for i, s := range w.Servers {
		key := signature.PublicOf(w.Keys[i])
		c, err := client.New(client.Options{Endpoints: []client.Endpoint{{URL: s.URL(), Key: key}}, Trust: client.GenesisAnchor(w.Genesis), Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		n.Nodes = append(n.Nodes, Node{Name: s.URL(), Key: key, Ask: c})
	}
	for _, f := range n.Examine(context.Background()) {
		if f.Level != OK && f.Check != "health" { // no model looks on at these nodes
			t.Errorf("%+v", f)
		}
	}
	if err := w.Servers[2].Close(); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range n.Examine(context.Background()) {
		found = found || f.Check == "reachable" && f.Level == Problem && f.About == n.Nodes[2].Name
	}
	if !found {
		t.Error("a node whose API is gone was not missed")
	}
}
