package lab

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var fileSeeds = flag.Uint64("file-seeds", 1, "with how many seeds each scenario file is played")

// scenarioFiles reads the named scenarios.
func scenarioFiles(t testing.TB) map[string]*Scenario {
	t.Helper()
	names, err := filepath.Glob("testdata/scenarios/*.scenario")
	if err != nil || len(names) < 12 {
		t.Fatal(names, err)
	}
	files := map[string]*Scenario{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name+".scenario" != filepath.Base(name) {
			t.Errorf("%s names itself %s", name, s.Name)
		}
		files[s.Name] = s
	}
	return files
}

// counted is what must have happened for an act to have been played.
func counted(a *Act, nodes int, f *Faults) uint64 {
	switch a.Kind {
	case Cut:
		if len(a.Nodes)+len(a.Others) < nodes {
			return f.PartialCuts
		}
		return f.Partitions
	case OneWay:
		return f.OneWayCuts
	case Flap:
		return f.Flaps
	case Degrade:
		return f.Degraded
	case SlowNode:
		return f.SlowNodes
	case SlowDisk:
		return f.SlowDisks
	case Jump:
		return f.ClockJumps
	case BitRot:
		return f.BitFlips
	case Crash:
		return f.Restarts * (f.PowerCuts + f.TornWrites + f.Kills)
	}
	return 1 // changes may come after the healing
}

// TestNamedScenarios plays each file with a few seeds: no invariant breaks, what it asks for is certified,
// and what it says happens. What is special about one is checked besides.
func TestNamedScenarios(t *testing.T) {
	t.Parallel()
	special := map[string]func(w *world) bool{
		"starved-validator": func(w *world) bool { return w.result.Faults.Overflowed > 0 },
		"bit-rot-votes":     func(w *world) bool { return w.nodes[1].lost },
		"bit-rot-store":     func(w *world) bool { return w.nodes[2].lost == (w.result.Faults.Replaced > 0) },
		"wan-split":         func(w *world) bool { return w.result.Faults.Cut > 0 },
	}
	for name, s := range scenarioFiles(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := *first; seed < *first+*fileSeeds; seed++ {
				o, err := Options{Seed: seed, Scenario: s}.withDefaults()
				if err != nil {
					t.Fatal(err)
				}
				w, err := newWorld(o)
				if err != nil {
					t.Fatal(err)
				}
				w.play()
				r := w.report()
				for _, v := range r.Violations {
					t.Errorf("seed %d breaks %s: %s\nreplay: go run ./cmd/quoin lab replay --seed %d --scenario lab/testdata/scenarios/%s.scenario", seed, v.Invariant, v.Text, seed, name)
				}
				if r.Blocks < s.Until.Height || r.Transactions < s.Until.Transactions || r.Epochs < s.Until.Epochs {
					t.Errorf("seed %d: %d blocks, %d transactions, %d epochs", seed, r.Blocks, r.Transactions, r.Epochs)
				}
				for i := range s.Acts {
					if a := &s.Acts[i]; counted(a, s.Nodes, &r.Faults) == 0 {
						t.Errorf("seed %d: nothing came of `%v`: %+v", seed, a, r.Faults)
					}
				}
				if f := special[name]; f != nil && !f(w) {
					t.Errorf("seed %d: what the scenario is for did not happen: %+v", seed, r.Faults)
				}
			}
		})
	}
}

// TestScenariosReadAsTheyPrint: files and drawn scenarios print in a form that reads as the same value, and
// every selection of their lines but the first two reads too.
func TestScenariosReadAsTheyPrint(t *testing.T) {
	var all []*Scenario
	for _, s := range scenarioFiles(t) {
		all = append(all, s)
	}
	for seed := range uint64(60) {
		s, err := Draw(Options{Seed: seed, Nodes: 4 + int(seed%6)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	for _, s := range all {
		again, err := Parse(s.Name, []byte(s.String()))
		if err != nil {
			t.Fatalf("%v\n%v", err, s)
		}
		if !reflect.DeepEqual(s, again) {
			t.Errorf("%v\nreads as\n%v", s, again)
		}
		lines, r := s.Lines(), stream(1, s.Name)
		for range 20 {
			some := slices.Clone(lines[:2])
			for _, l := range lines[2:] {
				if r.chance(500) {
					some = append(some, l)
				}
			}
			if _, err := Parse(s.Name, []byte(strings.Join(some, "\n"))); err != nil {
				t.Fatalf("some of the lines of %s: %v", s.Name, err)
			}
		}
		if err := s.tolerable(); err != nil {
			t.Error(err)
		}
	}
}

// TestScenarioPage parses every scenario of the documentation.
func TestScenarioPage(t *testing.T) {
	page, err := os.ReadFile("../docs/lab-scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```scenario\n")[1:]
	for i, b := range blocks {
		text, _, ok := strings.Cut(b, "```")
		if !ok {
			t.Fatalf("block %d does not end", i)
		}
		s, err := Parse("docs/lab-scenarios.md", []byte(text))
		if err != nil {
			t.Errorf("block %d: %v", i, err)
		} else if err := s.tolerable(); err != nil {
			t.Error(err)
		}
	}
	if len(blocks) < 2 {
		t.Errorf("%d scenarios on the page", len(blocks))
	}
	for kind := range actForms {
		if line := "`at TIME " + string(kind); !strings.Contains(string(page), line+" ") && !strings.Contains(string(page), line+"`") {
			t.Errorf("the page says nothing of %q", kind)
		}
	}
	for name := range settings {
		if !strings.Contains(string(page), "`"+name+" ") && name != "at" {
			t.Errorf("the page says nothing of %q", name)
		}
	}
}

// TestScenarioRefusals: what is wrong is refused, with the file, the line and the reason.
func TestScenarioRefusals(t *testing.T) {
	head := "scenario x\nnodes 4\n"
	for text, want := range map[string]string{
		"":                                                 "want `scenario NAME`",
		"nodes 4\n":                                        "f:1: \"nodes\": want `scenario NAME`",
		"scenario x\nloss 1%\n":                            "f:2:",
		"scenario X\nnodes 4\n":                            "f:1: a name \"X\"",
		"scenario x\nnodes 3\n":                            "f:2: nodes: want 4 to 64",
		"scenario x\nnodes 04\n":                           "f:2: nodes",
		head + "loss 1%\nloss 1%\n":                        "f:4: a second `loss`",
		head + "loss 0%\n":                                 "f:3: loss \"0%\"",
		head + "loss 1.25%\n":                              "f:3: loss",
		head + "loss 101%\n":                               "f:3: loss",
		head + "network moon\n":                            "f:3: no network \"moon\"",
		head + "network wan\n":                             "f:3: 0 regions",
		head + "network wan atlantis\n":                    "f:3: no region \"atlantis\"",
		head + "network fixed 31s\n":                       "f:3: delay \"31s\"",
		head + "weights 1 2 3\n":                           "f:3: want a weight for each node",
		head + "byzantine v0 polite\n":                     "f:3: no behaviour",
		head + "byzantine v4 fork\n":                       "f:3: node \"v4\"",
		head + "at 5s cut v0,v1 | v1\n":                    "f:3: a node on both sides",
		head + "at 5s cut v0,v0 | v1\n":                    "f:3: node v0 twice",
		head + "at 5s cut v0 -> v1\n":                      "f:3: \"->\", want one of [|]",
		head + "at 5s cut v0 | v1 for\n":                   "f:3: want duration at the end",
		head + "at 5s cut v0 | v1 during 5s\n":             "f:3: \"during 5s\" is too much",
		head + "at 601s cut v0 | v1\n":                     "f:3: time \"601s\"",
		head + "at 5 cut v0 | v1\n":                        "f:3: time \"5\"",
		head + "at 5s explode v0\n":                        "f:3: nothing called \"explode\"",
		head + "at 5s slow-node v0 x1\n":                   "f:3: factor",
		head + "at 5s clock v0 900ms\n":                    "f:3: shift \"900ms\"",
		head + "at 5s crash v0 melt\n":                     "f:3: no crash \"melt\"",
		head + "at 5s bit-rot v0 soul\n":                   "f:3: nothing called \"soul\" rots",
		head + "at 5s release leader.v9 builtin x":         "f:3: no hook",
		head + "at 5s release hostile nobody":              "f:3: no hostile plugin",
		head + "at 5s release machine.v1 builtin kv\n":     "f:3: hook machine.v1: a namespace",
		head + "at 5s validators v0,v1,v2\n":               "f:3: 3 validators",
		head + "link v0 -> v1\n":                           "f:3: a link needs",
		head + "heal 5s..4s\n":                             "f:3: heal",
		head + "until\n":                                   "f:3: want height",
		head + "load 0/s\n":                                "f:3: transactions per second",
		head + "load 5\n":                                  "f:3: transactions per second",
		head + "loss 1%\x00\n":                             "f:3: byte 0x00",
		head + strings.Repeat("at 5s cut v0 | v1\n", 1001): "f:1003: more than 1000 acts",
	} {
		_, err := Parse("f", []byte(text))
		if !errors.Is(err, ErrScenario) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text[:min(len(text), 60)], err, want)
		}
	}
	for _, text := range []string{head + "byzantine v0 fork\nbyzantine v1 fork\n", head + "byzantine v0 fork\nat 5s bit-rot v1 votes\n"} {
		s, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(Options{Scenario: s}); !errors.Is(err, ErrScenario) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Run(Options{Scenario: &Scenario{Name: "x", Nodes: 4, Acts: []Act{{Kind: "nothing"}}}}); !errors.Is(err, ErrScenario) {
		t.Error(err)
	}
}

// FuzzScenario: whatever is read prints as what reads as the same.
func FuzzScenario(f *testing.F) {
	for _, s := range scenarioFiles(f) {
		f.Add([]byte(s.String()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("fuzz", text)
		if err != nil {
			return
		}
		printed := []byte(s.String())
		again, err := Parse("again", printed)
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if !reflect.DeepEqual(s, again) || !bytes.Equal(printed, []byte(again.String())) {
			t.Errorf("%s\nreads as\n%s", printed, again)
		}
	})
}

// TestFaultRows: the table has every counter of Faults, once.
func TestFaultRows(t *testing.T) {
	var f Faults
	seen := map[*uint64]bool{}
	for _, r := range f.Rows() {
		if r.Name == "" || seen[r.Count] {
			t.Errorf("row %q", r.Name)
		}
		seen[r.Count] = true
	}
	if want := reflect.TypeFor[Faults]().NumField(); len(seen) != want {
		t.Errorf("%d rows for %d counters", len(seen), want)
	}
}
