package check

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/lab/protocol"
	"quoin.dev/quoin/plugin"
)

// bounds returns options with both reductions.
func bounds(rules simplex.Rules, blocks int, leaders ...int) Options {
	return Options{Protocol: simplex.Protocol("simplex", rules), Adversary: Simplex{}, Nodes: 4, Faulty: 1, Leaders: leaders, Blocks: blocks,
		Timeouts: AnyTimeouts, Batch: true, Symmetry: true, StatesMax: 3_000_000}
}

// explore searches to the end of the space, and fails if an invariant breaks.
func explore(t *testing.T, o Options) (*checker, *Result) {
	t.Helper()
	c, err := newChecker(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.search()
	if err != nil || !r.Complete || r.Broken != nil {
		t.Fatalf("complete %v, broken %v, error %v", r.Complete, r.Broken, err)
	}
	t.Logf("leaders %v, %d blocks, batch %v, symmetry %v: %+v", o.Leaders, o.Blocks, o.Batch, o.Symmetry, r.Figures)
	return c, r
}

func TestSimplexHoldsInOneView(t *testing.T) {
	explore(t, bounds(simplex.Rules{}, 2, 3))
	explore(t, bounds(simplex.Rules{}, 3, 0))
}

// TestSymmetryAgrees counts what each state of the reduced search stands for: together they are the
// states of the full search.
func TestSymmetryAgrees(t *testing.T) {
	once := bounds(simplex.Rules{}, 1, 3)
	once.Timeouts = 1
	for _, o := range []Options{bounds(simplex.Rules{}, 2, 3), bounds(simplex.Rules{}, 2, 0), once} {
		full := o
		full.Symmetry = false
		_, want := explore(t, full)
		c, _ := explore(t, o)
		got := 0
		for _, g := range c.visited.states {
			ids := c.unpack(g)
			alike := map[global]bool{g: true}
			for _, p := range c.permutations {
				var image [honestMax]int32
				for i := range c.honest {
					image[p.to[i]] = c.image(p, i, ids[i])
				}
				alike[c.pack(image)] = true
			}
			got += len(alike)
		}
		if got != want.States {
			t.Errorf("leaders %v: %d states stand for %d, and there are %d", o.Leaders, len(c.visited.states), got, want.States)
		}
	}
}

// TestBatchAgrees compares what one member can be seen to do with the reduction and without, when what
// has been said in a state may reach it at any time: what it sends, its view and what it certifies.
// Between members the reduction changes nothing: what was sent stays available.
func TestBatchAgrees(t *testing.T) {
	for _, o := range []Options{bounds(simplex.Rules{}, 1, 3), bounds(simplex.Rules{}, 1, 0)} {
		c, _ := explore(t, o)
		compared, every := 0, 1+len(c.availabilities)/5
		if *large {
			every = 1
		}
		for i := 0; i < len(c.availabilities); i += every {
			reduced, states := alone(t, c, 1, c.availabilities[i], true)
			full, all := alone(t, c, 1, c.availabilities[i], false)
			if compared = max(compared, all); states > all || !maps.Equal(reduced, full) {
				t.Fatalf("leaders %v: %d states show %v with the reduction, %d show %v without", o.Leaders, states, reduced, all, full)
			}
		}
		t.Logf("leaders %v, %d blocks: compared up to %d states of a member", o.Leaders, o.Blocks, compared)
	}
}

// alone explores the states of one member anew, and returns what is visible of them, and their number.
func alone(t *testing.T, from *checker, member int, a *availability, batch bool) (map[string]bool, int) {
	t.Helper()
	c, err := newChecker(from.o)
	if err != nil {
		t.Fatal(err)
	}
	c.o.Batch = batch
	c.setting, c.messages, c.numbers, c.names = from.setting, from.messages, from.numbers, from.names
	all := map[string]bool{}
	c.begin(member)
	for id := int32(0); int(id) < len(c.locals[member]); id++ {
		c.next(member, id, a, func(*try) {})
		l := c.locals[member][id]
		var sent []string
		for m := range int32(len(c.messages)) {
			if c.sets[l.sent].has(m) {
				sent = append(sent, c.describe(c.messages[m].Message))
			}
		}
		slices.Sort(sent)
		all[fmt.Sprint(l.view, sent, c.setting.Name(l.tip))] = true
	}
	return all, len(c.locals[member])
}

// broken explores until an invariant breaks.
func broken(t *testing.T, o Options, invariant string) *Result {
	t.Helper()
	r, err := Check(o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Broken == nil || r.Broken.Invariant != invariant || len(r.Trace) == 0 {
		t.Fatalf("%s was not found broken: %+v, %v", invariant, r.Figures, r.Broken)
	}
	var b strings.Builder
	if err := events.Chart(&b, o.Nodes, r.Events); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d states, %d steps: %s\n%s", r.States, len(r.Trace), r.Broken, b.String())
	return r
}

func TestTwoFaultyOfFourBreakAgreement(t *testing.T) {
	for _, invariant := range []string{"I1", "I8"} {
		o := bounds(simplex.Rules{}, 2, 3)
		o.Faulty, o.Invariant = 2, invariant
		broken(t, o, invariant)
	}
}

// What the list of protocols says of this harness, the tests below show.
func TestBrokenProtocolsAreListed(t *testing.T) {
	shown := map[string]string{"simplex-finalize-after-nullify": "I8", "simplex-vote-twice": "I8", "simplex-small-quorum": "I1",
		"chained-vote-twice": "I8", "chained-vote-after-timeout": "I8", "chained-unlocked": "I1"}
	for _, l := range protocol.Protocols() {
		if l.Check != shown[l.Name] {
			t.Errorf("%s is listed as caught by %q; the tests show %q", l.Name, l.Check, shown[l.Name])
		}
	}
}

func TestUnsafeVariantsAreCaughtWithOneFaulty(t *testing.T) {
	for _, v := range []struct {
		name      string
		rules     simplex.Rules
		blocks    int
		leaders   []int
		invariant string
		steps     int
	}{
		{"finalize after nullify", simplex.Rules{FinalizeAfterNullify: true}, 1, []int{3}, "I8", 4},
		{"finalize after nullify, two certified blocks", simplex.Rules{FinalizeAfterNullify: true}, 1, []int{3, 0}, "I1", 11},
		{"vote twice", simplex.Rules{VoteTwice: true}, 2, []int{3}, "I8", 2},
		{"quorum too small", simplex.Rules{QuorumTooSmall: true}, 2, []int{3}, "I1", 3},
	} {
		t.Run(v.name, func(t *testing.T) {
			if len(v.leaders) > 1 && !*large {
				t.Skip("a tenth of a million states; use -large")
			}
			o := bounds(v.rules, v.blocks, v.leaders...)
			o.Invariant = v.invariant
			if r := broken(t, o, v.invariant); len(r.Trace) > v.steps {
				t.Errorf("%d steps, %d are enough", len(r.Trace), v.steps)
			}
		})
	}
}

// TestCounterexamplesAreMinimal plays one again, whole and without any one of its steps.
func TestCounterexamplesAreMinimal(t *testing.T) {
	o := bounds(simplex.Rules{FinalizeAfterNullify: true}, 1, 3)
	r := broken(t, o, "I8")
	c, err := newChecker(o)
	if err != nil {
		t.Fatal(err)
	}
	if again := c.play(r.Trace); again.broken == nil || again.broken.Text != r.Broken.Text {
		t.Errorf("played again: %v", again.broken)
	}
	for i := range r.Trace {
		if less := c.play(slices.Delete(slices.Clone(r.Trace), i, i+1)); less.broken != nil {
			t.Errorf("step %d is not needed", i+1)
		}
	}
}

func TestShrinkingLeavesOutWhatIsNotNeeded(t *testing.T) {
	o := bounds(simplex.Rules{FinalizeAfterNullify: true}, 1, 3)
	r := broken(t, o, "I8")
	c, err := newChecker(o)
	if err != nil {
		t.Fatal(err)
	}
	padded := append([]Happening{{Member: 2, From: 3, What: "propose 1a"}, {Member: 2, Timeout: true, From: -1}}, r.Trace...)
	long := c.play(padded)
	if long.broken == nil || len(long.done) != len(padded) {
		t.Fatalf("%d of %d steps happened: %v", len(long.done), len(padded), long.broken)
	}
	if short := c.shrink(long); len(short.done) > len(r.Trace) {
		t.Errorf("%d steps are left of %d", len(short.done), len(padded))
	}
}

// TestTimeoutsAreBounded: it takes one time-out to give a view up, and so to break the rule about it.
func TestTimeoutsAreBounded(t *testing.T) {
	o := bounds(simplex.Rules{FinalizeAfterNullify: true}, 1, 3)
	o.Timeouts = 0
	_, none := explore(t, o)
	o.Timeouts = 1
	broken(t, o, "I8")
	o = bounds(simplex.Rules{}, 1, 3)
	_, all := explore(t, o)
	o.Timeouts = 1
	if _, one := explore(t, o); none.States >= one.States || one.States >= all.States {
		t.Errorf("%d states without time-outs, %d with one, %d with any number", none.States, one.States, all.States)
	}
}

func TestTooManyStatesAreRefused(t *testing.T) {
	o := bounds(simplex.Rules{}, 2, 3)
	o.StatesMax = 100
	if _, err := Check(o); !errors.Is(err, ErrBounds) {
		t.Errorf("error %v", err)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"three replicas":   func(o *Options) { o.Nodes = 3 },
		"nobody faulty":    func(o *Options) { o.Faulty = 0 },
		"all faulty":       func(o *Options) { o.Faulty = 4 },
		"no view":          func(o *Options) { o.Leaders = nil },
		"four views":       func(o *Options) { o.Leaders = []int{3, 3, 3, 3} },
		"unknown leader":   func(o *Options) { o.Leaders = []int{4} },
		"no blocks":        func(o *Options) { o.Blocks = 0 },
		"other invariants": func(o *Options) { o.Invariant = "I5" },
	} {
		o := bounds(simplex.Rules{}, 1, 3)
		spoil(&o)
		if _, err := Check(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestPluginsLead lets a leader.v1 algorithm choose, and compares with the table that says the same.
func TestPluginsLead(t *testing.T) {
	table, err := plugin.NewTable(plugin.Builtins())
	if err != nil {
		t.Fatal(err)
	}
	o := bounds(simplex.Rules{}, 2, 1)
	o.Symmetry = false
	_, want := explore(t, o)
	o.Leaders = []int{2} // asks for one view, and is not looked at
	o.Leader = PluginLeader(table, &quoin.Binding{Hook: hook.Leader.Name, Builtin: "round-robin"}, o.Nodes)
	if _, got := explore(t, o); got.Figures != want.Figures {
		t.Errorf("round-robin gives\n%+v, its table\n%+v", got.Figures, want.Figures)
	}
}
