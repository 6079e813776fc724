package replica

import (
	"bytes"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// ledBy makes a network whose built-in "own" leads as its parameters say: it panics without one byte.
func ledBy(t *testing.T) *network {
	return governed(t, func(int) plugin.Builtin {
		return plugin.Builtin{Name: "own", Leader: hook.LeaderFunc(func(q *hook.LeaderRequest) hook.LeaderResponse {
			return hook.LeaderResponse{Proposer: uint32(q.Params[0])}
		})}
	}, nil)
}

func ownLeader(params ...byte) governance.Propose {
	return governance.NewBuiltin(quoin.Binding{Hook: hook.Leader.Name, Builtin: "own", Parameters: params})
}

func migrating() governance.Propose {
	p := governance.NewBuiltin(quoin.Binding{Hook: hook.Machine.Name, Namespace: "kv", Builtin: "kv", FuelMax: 1_000_000})
	p.Plan.State = governance.StateMigrate
	return p
}

// codes returns what the validators found in prechecks, each once.
func (w *network) codes(n governance.ProposalNumber) (codes []governance.PrecheckCode) {
	for _, c := range w.said(governance.KindPrecheck) {
		if p := c.(governance.Precheck); p.Proposal == n {
			codes = append(codes, p.Code)
		}
	}
	return codes
}

// Every validator votes once on what is proposed, and what a quorum finds decides.
func TestPrecheckOfParameters(t *testing.T) {
	p := quoin.DefaultParameters()
	p.ReportHeights = 4
	p.UnsignedTransactionsFlag = 1
	later, other := p, p
	later.NoticeHeights++
	other.FuelSchedule++
	for _, c := range []struct {
		name   string
		p      governance.Propose
		status governance.Status
		code   governance.PrecheckCode
		calls  int
	}{
		{"a leader that leads", ownLeader(1), governance.StatusPrechecked, governance.PrecheckPassed, 4},
		{"poisoned parameters", ownLeader(), governance.StatusRejected, governance.PrecheckParameters, 4},
		{"a proposer beyond the set", ownLeader(4), governance.StatusRejected, governance.PrecheckParameters, 4},
		{"parameters of the chain", governance.NewParameters(later), governance.StatusPrechecked, governance.PrecheckPassed, 0},
		{"another fuel schedule", governance.NewParameters(other), governance.StatusRejected, governance.PrecheckVersion, 0},
		{"a migration that is not there", migrating(), governance.StatusRejected, governance.PrecheckFit, 0},
		{"an unbinding", governance.NewUnbind("machine.v1", "kv"), governance.StatusPrechecked, governance.PrecheckPassed, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ledBy(t)
			n := w.propose(c.p)
			q := w.proposal(n)
			if q.Status != c.status || q.Status == governance.StatusRejected && (q.Ending.Why != governance.WhyPrecheck || q.Ending.Code != uint32(c.code)) {
				t.Errorf("it is %v, %+v", q.Status, q.Ending)
			}
			codes := w.codes(n)
			if len(codes) < 2 || len(codes) > 4 || slices.ContainsFunc(codes, func(x governance.PrecheckCode) bool { return x != c.code }) {
				t.Errorf("validators found %v, want %v", codes, c.code)
			}
			if len(w.calls) != c.calls {
				t.Errorf("%d dry calls, want %d", len(w.calls), c.calls)
			}
		})
	}
}

// When what a proposal is judged against changes, everybody votes on it again.
func TestPrecheckComesAgain(t *testing.T) {
	w := ledBy(t)
	n := w.propose(ownLeader(1))
	policies := append(policy.Light(1), quoin.Policy{Class: 'D', Step: policy.StepApprove, Expression: "approvals >= 1"})
	other := w.approved(governance.NewPolicies(policies))
	w.must(200, governance.Schedule{Proposal: other, Height: w.replicas[0].exec.Tip().Height + 8})
	w.until(other, func(uint64) {}, governance.StatusActive)
	w.settle()
	p := w.proposal(n)
	if codes := w.codes(n); p.Round != 2 || p.Status != governance.StatusPrechecked || len(codes) != 8 || len(w.calls) != 8 {
		t.Errorf("in round %d it is %v; validators found %v in %d dry calls", p.Round, p.Status, codes, len(w.calls))
	}
}

// A plan to migrate needs somebody who migrates.
func TestPrecheckOfMigrations(t *testing.T) {
	for _, c := range []struct {
		name   string
		own    hook.MachinePlugin
		status governance.Status
	}{{"migrates", migrator{}, governance.StatusPrechecked}, {"does not", oddMachine{}, governance.StatusRejected}} {
		w := keepers(t, c.own)
		n := w.propose(ownMachine(governance.Plan{Trial: 10, State: governance.StateMigrate}))
		p := w.proposal(n)
		if p.Status != c.status || p.Status == governance.StatusRejected && p.Ending.Code != uint32(governance.PrecheckFit) {
			t.Errorf("what %s is %v, %+v", c.name, p.Status, p.Ending)
		}
	}
}

type migrator struct{ oddMachine }

func (migrator) Migrate(*hook.MigrateRequest, hook.Access) hook.MigrateResponse {
	return hook.MigrateResponse{}
}

// A validator that learns later that it cannot run what is proposed still says so.
func TestPrecheckComesLate(t *testing.T) {
	w := ledBy(t)
	late := w.replicas[3]
	late.c.DryCalls = false
	late.kernelView.verdicts.releases = nil
	odd := late.c.Table
	late.c.Table, _ = plugin.NewTable(plugin.Builtins())
	n := w.propose(ownLeader(2))
	late.c.Table = odd
	if codes := w.codes(n); len(codes) != 4 || !slices.Contains(codes, governance.PrecheckFit) {
		t.Errorf("validators found %v", codes)
	}
	p := w.proposal(n)
	set := late.exec.Configuration().Validators
	if tally := governance.Count(w.replicas[0].Kernel(), &p, set, late.exec.Tip().Height); p.Status != governance.StatusPrechecked || tally.Failed != 1 || tally.Prechecked != 3 {
		t.Errorf("%v with %+v", p.Status, tally)
	}
}

// release is a proposal of a fixture for leader.v1.
func releaseOf(t *testing.T, name string) (*plugin.Release, governance.Propose) {
	t.Helper()
	f, ok := hostile.Find(name)
	if !ok {
		t.Fatal("no such fixture")
	}
	file, err := plugin.Sign(f.Release(memberKey(200)), privateKey(200))
	if err != nil {
		t.Fatal(err)
	}
	host, err := plugin.NewHost(plugin.Options{Interpreter: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	r, err := host.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, x := r.Manifest(), governance.Release{Digest: r.Digest()}
	x.Name, x.Version, x.Sequence, x.Author, x.EndOfLife, x.Size = m.Name, m.Version, m.Sequence, m.Author, m.EndOfLife, uint64(len(file))
	x.Signature, _ = plugin.AuthorSignature(file)
	return r, governance.NewRelease(x, quoin.Binding{Hook: hook.Leader.Name, FuelMax: 100_000, Parameters: []byte{1, 0, 0, 0}})
}

// Nobody votes on a release before it is here; then everybody does, on what it is.
func TestPrecheckOfReleases(t *testing.T) {
	release, good := releaseOf(t, hostile.LeaderParameter)
	trap, traps := releaseOf(t, "leader-trap")
	spoof := good
	spoof.Release.Version = "9.9.9"
	unfit := good
	unfit.Binding.Grants = []string{hook.CapabilityBeacon}
	here := func(r *plugin.Release) func(*network, int) {
		return func(w *network, i int) {
			w.replicas[i].c.Table.Add(r)
			w.step(i, ReleaseReady{r.Digest()})
		}
	}
	not := func(code governance.PrecheckCode) func(*network, int) {
		return func(w *network, i int) { w.step(i, ReleaseRefused{good.Release.Digest, code}) }
	}
	for _, c := range []struct {
		name   string
		p      governance.Propose
		arrive func(w *network, i int)
		code   governance.PrecheckCode
	}{
		{"what it says", good, here(release), governance.PrecheckPassed},
		{"another version", spoof, here(release), governance.PrecheckManifest},
		{"rights that it did not ask for", unfit, here(release), governance.PrecheckFit},
		{"a trap", traps, here(trap), governance.PrecheckParameters},
		{"refused", good, not(governance.PrecheckRefused), governance.PrecheckRefused},
		{"not compiled", good, not(governance.PrecheckCompile), governance.PrecheckCompile},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := governed(t, nil, nil)
			n := w.propose(c.p)
			if w.proposal(n).Status != governance.StatusProposed || len(w.codes(n)) > 0 {
				t.Fatalf("validators found %v before the release was here", w.codes(n))
			}
			for i := range w.replicas {
				if !slices.Contains(w.replicas[i].kernelView.releases, c.p.Release.Digest) {
					t.Errorf("replica %d does not want the release", i)
				}
				c.arrive(w, i)
			}
			w.settle()
			codes := w.codes(n)
			if len(codes) < 2 || slices.ContainsFunc(codes, func(x governance.PrecheckCode) bool { return x != c.code }) {
				t.Errorf("validators found %v, want %v", codes, c.code)
			}
		})
	}
}

// What the driver says of releases and proposals that nobody wants is not kept.
func TestVerdictsAreForgotten(t *testing.T) {
	w := ledBy(t)
	w.step(0, ReleaseRefused{quoin.Hash{1}, governance.PrecheckRefused})
	w.step(0, DryCalled{Proposal: 7, Code: governance.PrecheckParameters})
	n := w.propose(ownLeader(1))
	w.must(200, governance.Cancel{Proposal: n})
	if v := w.replicas[0].kernelView.verdicts; len(v.releases)+len(v.calls) > 0 {
		t.Errorf("kept %+v", v)
	}
	r := w.replicas[0]
	if len(r.kernelView.said) == 0 {
		t.Fatal("it does not know what it said")
	}
	for x := range r.kernelView.said {
		r.kernelView.said[x] = r.exec.Tip().Height
	}
	if r.look(&Output{}); len(r.kernelView.said) > 0 {
		t.Errorf("kept %+v", r.kernelView.said)
	}
}

// The questions of dry calls are such as a chain asks: every built-in that serves a hook answers them
// without a fault.
func TestBuiltinsAnswerDryCalls(t *testing.T) {
	w := newNetwork(t, 7, nil)
	set := w.replicas[0].set
	table, err := plugin.NewTable(plugin.Builtins())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hook.All() {
		for _, b := range plugin.Builtins() {
			d := DryCall{Binding: quoin.Binding{Hook: h.Name, Builtin: b.Name}, Validators: set}
			if h.Namespaced {
				d.Binding.Namespace = "space"
			}
			answer, err := d.Call(table)
			want := governance.PrecheckPassed
			if !b.Serves(h.Name) {
				want = governance.PrecheckFit
			}
			if err != nil || answer.Code != want || len(d.exercises(table)) == 0 {
				t.Errorf("%s for %s: %v %q, %v", b.Name, h.Name, answer.Code, answer.Reason, err)
			}
		}
	}
}

// A machine that knows one of the payloads passes; one that faults whatever it is asked does not.
func TestDryCallsOfMachines(t *testing.T) {
	for _, c := range []struct {
		name  string
		apply func(q *hook.ApplyRequest)
		want  governance.PrecheckCode
	}{
		{"knows documents", func(q *hook.ApplyRequest) {
			if !bytes.HasPrefix(q.Payload, []byte("{")) {
				panic("broken")
			}
		}, governance.PrecheckPassed},
		{"is broken", func(*hook.ApplyRequest) { panic("broken") }, governance.PrecheckParameters},
	} {
		table, err := plugin.NewTable([]plugin.Builtin{{Name: "own", Machine: machineFunc(c.apply)}})
		if err != nil {
			t.Fatal(err)
		}
		d := DryCall{Proposal: 3, Round: 2, Binding: quoin.Binding{Hook: hook.Machine.Name, Namespace: "space", Builtin: "own"}}
		if answer, err := d.Call(table); err != nil || answer.Code != c.want || answer.Proposal != 3 || answer.Round != 2 || (answer.Reason == "") != (c.want == 0) {
			t.Errorf("%s: %+v, %v", c.name, answer, err)
		}
	}
	table, _ := plugin.NewTable(nil)
	set := newNetwork(t, 1, nil).replicas[0].set
	if _, err := (&DryCall{Binding: quoin.Binding{Hook: hook.Leader.Name, Release: quoin.Hash{1}}, Validators: set}).Call(table); err == nil {
		t.Error("there is a verdict on a release that is not here")
	}
}

type machineFunc func(*hook.ApplyRequest)

func (f machineFunc) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	f(q)
	s.Put([]byte("key"), q.Payload)
	return hook.ApplyResponse{}
}

func (machineFunc) Query(*hook.QueryRequest, hook.Reader) hook.QueryResponse {
	return hook.QueryResponse{}
}

// What a return would bring back stays wanted, as does what a running trial replaced.
func TestReleasesOfReturnsAreWanted(t *testing.T) {
	release, p := releaseOf(t, hostile.LeaderParameter)
	w := governed(t, nil, nil)
	wanted := func() bool {
		return !slices.ContainsFunc(w.replicas, func(r *Replica) bool { return !slices.Contains(r.kernelView.releases, release.Digest()) })
	}
	for _, r := range w.replicas {
		r.c.Table.Add(release)
	}
	n := w.approved(p)
	w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
	w.until(n, func(uint64) {}, governance.StatusActive)
	w.settle()
	for _, builtin := range []string{"round-robin", "weighted-random"} {
		next := governance.NewBuiltin(quoin.Binding{Hook: hook.Leader.Name, Builtin: builtin})
		next.Plan.Trial = 16
		n := w.approved(next)
		w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
		w.until(n, func(uint64) {}, governance.StatusTrial)
		if !wanted() {
			t.Errorf("during the trial of %s the release before is not wanted", builtin)
		}
		w.until(n, func(uint64) {}, governance.StatusRolledBack)
	}
	w.settle()
	unbind := w.approved(governance.NewUnbind(hook.Leader.Name, ""))
	w.must(200, governance.Schedule{Proposal: unbind, Height: w.replicas[0].exec.Tip().Height + 8})
	w.until(unbind, func(uint64) {}, governance.StatusActive, governance.StatusScheduled)
	w.settle()
	if w.proposal(unbind).Status != governance.StatusActive || !wanted() {
		t.Errorf("after an unbinding (%v) the release before is wanted: %v", w.proposal(unbind).Status, wanted())
	}
}
