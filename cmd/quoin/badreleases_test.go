package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// badRelease is a release that must not stay, with the stage at which it is stopped.
type badRelease struct {
	fault   string
	fixture string
	plan    governance.Plan
	watched bool // its parameter is a height shortly after its trial began
	away    bool // its parameter is a validator that is away meanwhile
	stage   governance.Status
	ends    []governance.Status
	whys    []governance.Why
	harmed  int      // blocks in which transactions may fail until it is stopped
	reasons []string // of which `release show` gives one, beside why
}

var byHealth = []governance.Why{governance.WhyHealthPaused, governance.WhyHealthReturned}

// badReleases is the table of fault and stage.
var badReleases = []badRelease{
	{fault: "a poisoned parameter", fixture: hostile.ReleaseTurns, // turns of no views
		stage: governance.StatusProposed, ends: []governance.Status{governance.StatusRejected},
		whys: []governance.Why{governance.WhyPrecheck}, reasons: []string{governance.PrecheckParameters.String()}},
	{fault: "a diverging machine", fixture: hostile.ReleaseDiverging, plan: governance.Plan{Shadow: 16, Trial: 400},
		stage: governance.StatusShadow, ends: []governance.Status{governance.StatusRejected},
		whys: []governance.Why{governance.WhyShadowPolicy}, reasons: []string{"differed", "diverged"}},
	{fault: "a trapping machine", fixture: hostile.ReleaseTrapping, plan: governance.Plan{Trial: 400},
		stage: governance.StatusTrial, ends: []governance.Status{governance.StatusQuarantined},
		whys: []governance.Why{governance.WhyFaults}, harmed: governance.FaultsMax, reasons: []string{hook.FaultTrap.String()}},
	{fault: "a machine that behaves while it is watched", fixture: hostile.ReleaseWatched, watched: true, plan: governance.Plan{Shadow: 16, Trial: 400},
		stage: governance.StatusTrial, ends: []governance.Status{governance.StatusPaused, governance.StatusRolledBack},
		whys: byHealth, reasons: []string{governance.HealthDivergence.String()}},
	{fault: "a slow leader", fixture: hostile.ReleaseSlow, away: true, plan: governance.Plan{Trial: 400},
		stage: governance.StatusTrial, ends: []governance.Status{governance.StatusPaused, governance.StatusRolledBack},
		whys: byHealth, reasons: []string{governance.HealthGaps.String(), governance.HealthLatency.String()}},
}

const (
	badHost = "127.31.7.5"

	lastNode = 3

	// restoredWithin is how many blocks after the one that stops a release everything is as it was.
	restoredWithin = 10
	// watchedAhead is how many heights after its proposal a watched release shows what it is: enough to
	// pass its shadow first.
	watchedAhead = 240
	// watchedFirst is for how many heights it still behaves in its trial.
	watchedFirst = 6
	calmHeights  = 12
)

// TestBadReleases: five releases that must not stay are each stopped at their stage by a network of real
// processes under load. Nothing that was acknowledged is lost, and service is as before within ten blocks.
func TestBadReleases(t *testing.T) {
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: takes two minutes")
	}
	n := newBadNetwork(t)
	good := n.live(&badRelease{fixture: hostile.ReleaseKeeper}, 0)
	if good.Status != governance.StatusActive {
		t.Fatalf("the good release is %v: %+v", good.Status, good.Ending)
	}
	n.load()
	var damaged []span
	for i := range badReleases {
		r := &badReleases[i]
		t.Run(r.fault, func(t *testing.T) {
			n.t = t
			if s := n.scene(r); r.fixture == hostile.ReleaseTrapping || r.fixture == hostile.ReleaseWatched {
				damaged = append(damaged, s)
			}
		})
	}
	n.t = t
	n.unload()
	n.await(lastNode, uint64(n.height()), time.Minute) // who was away is back
	n.checkAcknowledged(damaged)
}

// span is a range of heights.
type span struct{ first, last quoin.Height }

func (s span) has(h quoin.Height) bool { return h >= s.first && h <= s.last }

// scene lets a bad release go its way, and checks how far it comes. It returns the heights at which it served.
func (n *badNetwork) scene(r *badRelease) span {
	t := n.t
	if r.away {
		n.signal(lastNode, syscall.SIGSTOP)
		defer n.signal(lastNode, syscall.SIGCONT)
	}
	begin := n.height()
	p := n.live(r, begin)
	if !slices.Contains(r.ends, p.Status) || !slices.Contains(r.whys, p.Ending.Why) {
		t.Errorf("it is %v because of %v, code %d, at height %d; want %v because of %v", p.Status, p.Ending.Why, p.Ending.Code, p.Ending.Height, r.ends, r.whys)
	}
	n.awaitHeight(p.Ending.Height + restoredWithin + calmHeights + 1)
	served := n.served(&p)
	reached := governance.StatusProposed
	switch {
	case served.first != 0:
		reached = governance.StatusTrial
	case p.ShadowFrom != 0:
		reached = governance.StatusShadow
	}
	if reached != r.stage {
		t.Errorf("it is stopped in the stage %v, want %v", reached, r.stage)
	}
	n.checkShown(&p, r)
	blocks := n.blocks(begin + 1)
	absent := -1
	if r.away {
		absent = int(n.index(lastNode))
	}
	good := restored(blocks, p.Ending.Height, func(b *client.Block) bool {
		return !served.has(b.Header().Height) && isCalm(b, len(n.nodes), absent)
	})
	if good > p.Ending.Height+restoredWithin {
		t.Errorf("stopped by block %d, service is restored from block %d on, want at most %d blocks", p.Ending.Height, good, restoredWithin)
	}
	harmed := 0
	for i := range blocks {
		if failed(&blocks[i]) > 0 && blocks[i].Header().Height <= p.Ending.Height {
			harmed++
		}
	}
	if harmed > r.harmed {
		t.Errorf("transactions failed in %d blocks before it was stopped, want at most %d", harmed, r.harmed)
	}
	if r.watched {
		t.Logf("it shows what it is from block %d on", binary.LittleEndian.Uint64(p.Binding.Parameters))
	}
	t.Logf("%v because of %v in block %d; it served in %v; transactions failed in %d blocks; service is restored from block %d on", p.Status, p.Ending.Why, p.Ending.Height, served, harmed, good)
	return served
}

// checkShown checks that everybody is told why.
func (n *badNetwork) checkShown(p *governance.Proposal, r *badRelease) {
	n.t.Helper()
	for _, format := range []string{"text", "json"} {
		shown := string(n.quoin("--api", n.api(0), "release", "show", strconv.Itoa(int(p.Number)), "--output", format))
		if !strings.Contains(shown, p.Ending.Why.String()) || !slices.ContainsFunc(r.reasons, func(s string) bool { return strings.Contains(shown, s) }) {
			n.t.Errorf("release show tells neither %v nor one of %v:\n%s", p.Ending.Why, r.reasons, shown)
		}
	}
}

// restored returns the first height from the trigger on after which calmHeights blocks come as before.
func restored(blocks []client.Block, trigger quoin.Height, calm func(*client.Block) bool) quoin.Height {
	restored := trigger
	for i := range blocks {
		h := blocks[i].Header().Height
		if h > restored+calmHeights {
			break
		}
		if h > trigger && !calm(&blocks[i]) {
			restored = h + 1
		}
	}
	return restored
}

// isCalm reports whether a block came as it should: every view of a validator that is there brings a block
// when the leaders take turns, and every transaction of the machine succeeds. absent is an index, or
// negative for nobody.
func isCalm(b *client.Block, validators, absent int) bool {
	h := b.Header()
	for v := h.ParentView + 1; v < h.View; v++ {
		if int(roundRobin(uint64(v), validators)) != absent {
			return false
		}
	}
	return failed(b) == 0
}

// failed counts the machine's transactions that did not succeed.
func failed(b *client.Block) (n int) {
	for i, tx := range b.Transactions() {
		if tx.Namespace == keeperNamespace && b.Results[i].Code != 0 {
			n++
		}
	}
	return n
}

// TestRestoredSeesWhatIsWrong: the checks of the tour above would see a view that is lost and a transaction
// that fails, each later than it may be.
func TestRestoredSeesWhatIsWrong(t *testing.T) {
	const trigger = 100
	for _, c := range []struct {
		name        string
		gap, failed quoin.Height
		absent      int
		want        quoin.Height
	}{
		{"nothing", 0, 0, -1, trigger},
		{"a lost view", 105, 0, -1, 106},
		{"a failed transaction", 0, 107, -1, 108},
		{"both, until late", 109, 115, -1, 116},
		{"a lost view of one that is away", 105, 0, 1, trigger},
		{"a lost view of another", 105, 0, 2, 106},
		{"what comes much later", trigger + 2*calmHeights, 0, -1, trigger},
	} {
		var blocks []client.Block
		view := quoin.View(0)
		for h := quoin.Height(trigger - 5); h < trigger+3*calmHeights; h++ {
			parent := view
			if view++; h == c.gap {
				for roundRobin(uint64(view), 4) != 1 {
					parent, view = view, view+1 // so that the lost view is the second validator's
				}
				view++
			}
			b := client.Block{Block: quoin.NewBlock(quoin.Header{Epoch: 1, Height: h, View: view, ParentView: parent},
				[]quoin.Transaction{{Namespace: keeperNamespace}}), Results: make([]quoin.Result, 1)}
			if h == c.failed {
				b.Results[0].Code = 1
			}
			blocks = append(blocks, b)
		}
		if got := restored(blocks, trigger, func(b *client.Block) bool { return isCalm(b, 4, c.absent) }); got != c.want {
			t.Errorf("%s: restored from %d on, want %d", c.name, got, c.want)
		}
	}
}

// release writes the signed file of a fixture.
func (n *badNetwork) release(name string) string {
	f, ok := hostile.Find(name)
	if !ok {
		n.t.Fatalf("no fixture %s", name)
	}
	author := n.key(roleAuthor)
	file, err := plugin.Sign(f.Release(publicOf(author)), author)
	if err != nil {
		n.t.Fatal(err)
	}
	path := filepath.Join(n.t.TempDir(), name+".wasm")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		n.t.Fatal(err)
	}
	return path
}

// live proposes a release and has everybody do their part, as long as it goes on; it returns what became of
// the proposal.
func (n *badNetwork) live(r *badRelease, now quoin.Height) governance.Proposal {
	n.t.Helper()
	parameters, schedule := uint64(0), []string{"--in", "8"}
	switch {
	case r.watched:
		parameters = uint64(now) + watchedAhead
		schedule = []string{"--at", strconv.FormatUint(parameters-watchedFirst, 10)}
	case r.away:
		parameters = uint64(n.index(lastNode))
	}
	number := n.propose(r, parameters)
	for end, before := time.Now().Add(badPatience), governance.Status(0); ; time.Sleep(50 * time.Millisecond) {
		p := n.proposal(number)
		switch {
		case time.Now().After(end):
			n.t.Fatalf("after %s, at height %d, the proposal is still %v, activated by %d", badPatience, n.height(), p.Status, p.Activation)
		case !p.Status.Holds():
			return p
		case p.Status == governance.StatusShadow && p.Shadowed.Heights >= r.plan.Shadow, p.Status == governance.StatusApproved && r.plan.Shadow == 0:
			n.step(&p, append([]string{"schedule"}, schedule...)...)
		case p.Status == before:
		case p.Status == governance.StatusPrechecked:
			n.step(&p, "approve", "--as", roleApprover)
			n.step(&p, "approve", "--as", roleApprover2)
		case p.Status == governance.StatusApproved:
			n.step(&p, "shadow")
		}
		before = p.Status
	}
}

// propose proposes a release as its plan says.
func (n *badNetwork) propose(r *badRelease, parameters uint64) governance.ProposalNumber {
	n.t.Helper()
	a := []string{"--api", n.api(0), "release", "propose", n.release(r.fixture), "--params", fmt.Sprintf("0x%016x", bits.ReverseBytes64(parameters)),
		"--shadow", strconv.FormatUint(r.plan.Shadow, 10), "--trial", strconv.FormatUint(r.plan.Trial, 10), "--note", r.fault, "--output", "json"}
	if f, _ := hostile.Find(r.fixture); f.Hook == hook.Machine.Name {
		a = append(a, "--namespace", keeperNamespace)
	}
	var told struct{ Proposal governance.ProposalNumber }
	if err := json.Unmarshal(n.quoin(a...), &told); err != nil {
		n.t.Fatal(err)
	}
	return told.Proposal
}

// step is a command about a proposal. It may be refused, if the proposal was stopped meanwhile.
func (n *badNetwork) step(p *governance.Proposal, words ...string) {
	n.t.Helper()
	a := append([]string{"--api", n.api(0), "release", words[0], strconv.FormatUint(uint64(p.Number), 10)}, words[1:]...)
	if out, err := n.command(a...).CombinedOutput(); err != nil && n.proposal(p.Number).Status == p.Status {
		n.t.Fatalf("quoin %v: %v\n%s", a, err, out)
	}
}
