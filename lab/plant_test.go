package lab

import (
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/lab/protocol"
	"quoin.dev/quoin/replica"
)

var (
	plantSearch = flag.Bool("plant-search", false, "look for each planted bug from seed 1 on, and not with the seed that is known to show it")
	rewrite     = flag.Bool("rewrite", false, "write the generated documentation anew")
)

// TestPlantedBugs shows that the observers see what they are for: each bug, planted in all honest
// replicas, is found, and by the observer that is meant for it.
func TestPlantedBugs(t *testing.T) {
	t.Parallel()
	for _, p := range Plants() {
		t.Run(string(p.Bug), func(t *testing.T) {
			t.Parallel()
			var seeds []uint64
			if !*plantSearch {
				seeds = append(seeds, p.Seed)
			}
			for seed := uint64(1); seed <= p.Seeds; seed++ {
				seeds = append(seeds, seed)
			}
			for _, seed := range seeds {
				r, err := Run(Options{Seed: seed, Plant: p.Bug})
				if err != nil {
					t.Fatal(err)
				}
				if !r.Failed() {
					continue
				}
				v := r.Violations[0]
				t.Logf("seed %d after %d ms: %s %s: %s", seed, v.AtUS/1000, v.Invariant, v.Observer, v.Text)
				if !p.found(&v) {
					t.Errorf("it was found by another observer than one of %q\nreplay: go run ./cmd/quoin lab sim --first %d --seeds 1 --plant %s", p.Finds, seed, p.Bug)
				}
				return
			}
			t.Errorf("nobody saw %s within %d seeds\nreplay: go run ./cmd/quoin lab sim --seeds %d --plant %s", p.Bug, p.Seeds, p.Seeds, p.Bug)
		})
	}
}

// TestPlantWorlds shows that it is the bug that is found, and not the world that is made for it.
func TestPlantWorlds(t *testing.T) {
	t.Parallel()
	for _, p := range Plants() {
		if p.world == nil || p.Bug == "warm-fuel" { // its world is the bug
			continue
		}
		t.Run(string(p.Bug), func(t *testing.T) {
			t.Parallel()
			o, err := Options{Seed: p.Seed, Blocks: 60, Transactions: 100, Epochs: 1, Hostile: None}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			p.choose(&o)
			w, err := newWorld(o, func(w *world) {
				w.plant.differing = p.differing
				p.world(w)
				w.after(30*second, func() { w.governor.finished = true; w.chaos.heal() })
			})
			if err != nil {
				t.Fatal(err)
			}
			w.play()
			reached.add(&w.marks)
			if v := w.result.Violations; len(v) > 0 {
				t.Errorf("%s %s: %s", v[0].Invariant, v[0].Observer, v[0].Text)
			}
		})
	}
}

// TestHeldBackVoices brings approvals of a proposal's first round into its second, and all are refused.
func TestHeldBackVoices(t *testing.T) {
	t.Parallel()
	o, err := Options{Seed: 1, Hostile: None, Byzantine: None}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(o, heldBack)
	if err != nil {
		t.Fatal(err)
	}
	w.play()
	if v := w.result.Violations; len(v) > 0 {
		t.Errorf("%s %s: %s", v[0].Invariant, v[0].Observer, v[0].Text)
	}
	answers := map[governance.Code]int{}
	n := w.nodes[0]
	for h := quoin.Height(1); h <= n.replica.Overview().Tip.Height; h++ {
		b, results, err := replica.ReadBlock(n.store, h)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range b.Transactions() {
			c, err := governance.DecodeCommand(x.Payload)
			if a, ok := c.(governance.Approve); x.Kernel() && err == nil && ok && a.Restarts == 0 {
				answers[governance.Code(results[i].Code)]++
			}
		}
	}
	if answers[governance.StaleVoice] < 2 {
		t.Errorf("nothing that was held back came: %v", answers)
	}
	t.Logf("%v; the proposal is %v in round %d", answers, w.governor.proposal.Status, w.governor.proposal.Round)
}

// Every rule of KERNEL is violated by some bug, and every room that decides has one.
func TestPlantsCoverTheRules(t *testing.T) {
	var rules, rooms []string
	var names []Bug
	for _, p := range Plants() {
		if slices.Contains(names, p.Bug) || p.Says == "" || len(p.Finds) == 0 || p.Seeds == 0 || p.Seed == 0 {
			t.Errorf("%+v", p)
		}
		names, rules, rooms = append(names, p.Bug), append(rules, p.Rule), append(rooms, p.Room)
	}
	for i := range 8 {
		if rule := fmt.Sprintf("K%d", i+1); !slices.Contains(rules, rule) {
			t.Errorf("no bug violates %s", rule)
		}
	}
	for _, room := range []string{"consensus", "replica", "execution", "ledger", "state", "governance", "host"} {
		if !slices.Contains(rooms, room) {
			t.Errorf("no bug is in %s", room)
		}
	}
}

// Flaws stay in the lab: nothing that a node is made of gives a replica any. The rooms that have them
// hand them on, and have none to give.
func TestFlawsStayInTheLab(t *testing.T) {
	planted := regexp.MustCompile(`NewFlawed\(|\.Plant\(|simplex\.Rules\{|Flaws\{[A-Z]`)
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		seen++
		switch room, _, _ := strings.Cut(filepath.ToSlash(path)[len("../"):], "/"); room {
		case "lab", "consensus", "execution", "replica":
			return nil
		}
		text, err := os.ReadFile(path)
		if at := planted.Find(text); at != nil {
			t.Errorf("%s plants a bug: %s", path, at)
		}
		return err
	})
	if err != nil || seen < 100 {
		t.Errorf("%d files: %v", seen, err)
	}
}

// The page of planted bugs is what the table says.
func TestPlantPage(t *testing.T) {
	const path, mark = "../docs/lab-bugs.md", "<!-- generated: go test ./lab -run TestPlantPage -rewrite -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(page), mark)
	if !ok {
		t.Fatalf("%s has no line %q", path, mark)
	}
	want := head + mark + plantTable() + protocolTable()
	if *rewrite {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s is not what the table says; run: go test ./lab -run TestPlantPage -rewrite", path)
	}
}

// plantTable is what simulation finds.
func plantTable() string {
	table := "\n| Bug | Rule | Room | What is wrong | Planted | Found by | As | Within seeds |\n|---|---|---|---|---|---|---|---|\n"
	for _, p := range Plants() {
		var as []string
		for _, f := range p.Finds {
			as = append(as, strings.TrimSpace(f))
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s | %s | `%s` | %s | %d |\n", p.Bug, cmp.Or(p.Rule, "–"), p.Room, p.Says, p.Planted, p.Harness, strings.Join(as, ", "), p.Seeds)
	}
	return table
}

// protocolTable is what the harnesses of protocols find, each by the invariant that breaks.
func protocolTable() string {
	table := "\n| Protocol | What is wrong | `lab twins` | `lab check`, one faulty |\n|---|---|---|---|\n"
	for _, l := range protocol.Protocols() {
		if l.Broken != "" {
			table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", l.Name, l.Broken, cmp.Or(l.Twins, "–"), cmp.Or(l.Check, "–"))
		}
	}
	return table
}

// Votes that a restart forgets lead to others that exclude them, which the observer of votes sees if the
// one that looks at what a restart knows is not there.
func TestForgottenVotesContradictOthers(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 20; seed++ {
		o, err := Options{Seed: seed, Plant: "forget-votes"}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		w, err := newWorld(o, func(w *world) {
			w.observers = slices.DeleteFunc(w.observers, func(x observer) bool { _, ok := x.(*durable); return ok })
		})
		if err != nil {
			t.Fatal(err)
		}
		w.play()
		if v := w.result.Violations; len(v) > 0 {
			if v[0].Invariant+" "+v[0].Observer != "I8 votes" {
				t.Errorf("seed %d: %+v", seed, v)
			}
			return
		}
	}
	t.Error("no vote contradicted another within 20 seeds")
}

// Every test that the package page names for a scenario is there.
func TestNamedTestsExist(t *testing.T) {
	page, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, text...)
	}
	_, scenarios, _ := strings.Cut(string(page), "# Scenarios\n")
	names := regexp.MustCompile(`\b(?:(\w+)\.)?(Test\w+)(?:/([\w-]+))?`).FindAllStringSubmatch(scenarios, -1)
	if len(names) < 25 {
		t.Fatalf("only %d tests are named", len(names))
	}
	for _, n := range names {
		text := tests
		if n[1] != "" {
			text = nil
			others, _ := filepath.Glob(filepath.Join("..", n[1], "*_test.go"))
			for _, f := range others {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				text = append(text, b...)
			}
		}
		if !strings.Contains(string(text), "\nfunc "+n[2]+"(") {
			t.Errorf("the page names %s, and there is no such test", n[0])
		}
		if _, planted := Bug(n[3]).find(); n[3] != "" && !planted {
			t.Errorf("the page names %s, and there is no such bug", n[0])
		}
	}
}
