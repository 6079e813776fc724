package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/mark"
)

const simSeedsMax = 10_000_000

func newLabSim(t *terminal) *cobra.Command {
	var (
		world      worldFlags
		first      uint64
		seeds, par int
		digests    bool
		marks      bool
		save       string
		show       bool
		shrink     bool
	)
	c := &cobra.Command{
		Use: "sim", Short: "Run seeds of the simulator: faults, crashes, hostile plugins, invariants I1 to I8", Args: args(0, 0),
		Long: "Run one simulated network for each seed, with real signatures and the very code that nodes run: lost,\n" +
			"late, doubled and reordered messages, partitions, gray failures, crashes that lose what was not synced, a\n" +
			"faulty validator, hostile plugins: each seed draws a scenario, or plays that of a file. Observers check\n" +
			"the invariants after every step. The first broken one ends the seed, and the command fails and prints how\n" +
			"to replay it.",
		RunE: func(c *cobra.Command, _ []string) error {
			if seeds < 1 || seeds > simSeedsMax || par < 0 {
				return usage(fmt.Sprintf("%d seeds", seeds), fmt.Sprintf("choose --seeds 1 to %d", simSeedsMax))
			}
			if par == 0 {
				par = runtime.GOMAXPROCS(0)
			}
			if show {
				o, err := world.plan()
				if err != nil {
					return err
				}
				o.Seed = first
				return printScenario(t, o)
			}
			o, err := world.options(c.Context())
			if err != nil {
				return err
			}
			s := &simulation{o: o, world: &world, first: first, seeds: seeds, digests: digests, marksShown: marks}
			if err := s.run(c.Context(), t, min(par, seeds)); err != nil {
				return err
			}
			if err := s.saveBroken(save); err != nil {
				return err
			}
			if shrink {
				if err := s.shrinkBroken(c.Context(), t, save); err != nil {
					return err
				}
			}
			if err := t.data(s.summary(), s.text); err != nil {
				return err
			}
			if len(s.broken) > 0 {
				return &fault{exit: exitFailure, code: "invariant", what: fmt.Sprintf("%d of %d seeds broke an invariant", len(s.broken), s.ran),
					why: s.broken[0].Invariant + ": " + firstLine(s.broken[0].Text), todo: s.broken[0].Replay}
			}
			return nil
		},
	}
	world.addKind(c)
	f := c.Flags()
	f.IntVar(&seeds, "seeds", 10, "how many seeds")
	f.Uint64Var(&first, "first", 1, "the first seed")
	f.IntVar(&par, "parallel", 0, "how many at once (0: one for each core)")
	f.BoolVar(&digests, "digests", false, "print each seed's digest")
	f.BoolVar(&show, "print-scenario", false, "print the scenario of the first seed, and run nothing")
	f.BoolVar(&marks, "marks", false, "print how often each coverage mark was reached")
	f.StringVar(&save, "save", "", "a folder, such as runs, in which to leave a folder with event log and page for each broken seed")
	f.BoolVar(&shrink, "shrink", false, "make the world of the first broken seed small, as lab shrink does")
	return c
}

func bugNames() string {
	var names []string
	for _, b := range lab.Bugs() {
		names = append(names, string(b))
	}
	return strings.Join(names, ", ")
}

// simulation is many runs.
type simulation struct {
	o       lab.Options
	world   *worldFlags
	first   uint64
	seeds   int
	digests bool

	marksShown bool
	marks      mark.Set

	mu      sync.Mutex
	next    int
	err     error
	ran     int
	took    time.Duration
	total   simTotals
	lines   []simLine
	broken  []brokenSeed
	saved   []string // folders of runs
	shrunk  *shrunkWorld
	hostile map[string]int
}

type simTotals struct {
	SimulatedUS  uint64      `json:"simulated_us"`
	Blocks       uint64      `json:"blocks"`
	Transactions uint64      `json:"transactions"`
	Epochs       uint64      `json:"epochs"`
	Views        uint64      `json:"views"`
	Messages     uint64      `json:"messages"`
	Faults       lab.Faults  `json:"faults"`
	Asked        []lab.Asked `json:"candidate,omitempty"`
}

type simLine struct {
	Seed   uint64 `json:"seed"`
	Digest string `json:"digest"`
}

type brokenSeed struct {
	Seed      uint64   `json:"seed"`
	Invariant string   `json:"invariant"`
	Text      string   `json:"text"`
	AtUS      uint64   `json:"at_us"`
	Window    []string `json:"window"`
	Replay    string   `json:"replay"`
}

// run works through the seeds with one goroutine a core; each simulation is single-threaded.
func (s *simulation) run(ctx context.Context, t *terminal, workers int) error {
	begin := time.Now()
	s.hostile = map[string]int{}
	line := t.statusLine()
	stop := line.keep(func(now time.Time) {
		s.mu.Lock()
		defer s.mu.Unlock()
		line.print("%d of %d seeds  %.0f simulated s per s  %d blocks  %d broken", s.ran, s.seeds,
			float64(s.total.SimulatedUS)/1e6/now.Sub(begin).Seconds(), s.total.Blocks, len(s.broken))
	})
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				seed, ok := s.take()
				if !ok {
					return
				}
				o := s.o
				o.Seed = seed
				r, err := lab.Run(o)
				s.add(&r, err)
			}
		})
	}
	wg.Wait()
	stop()
	s.took = time.Since(begin)
	if s.err != nil {
		return usage(s.err.Error(), "see `quoin lab sim --help`")
	}
	if s.ran == 0 {
		return ctx.Err()
	}
	slices.SortFunc(s.lines, func(a, b simLine) int { return cmp.Compare(a.Seed, b.Seed) })
	slices.SortFunc(s.broken, func(a, b brokenSeed) int { return cmp.Compare(a.Seed, b.Seed) })
	return nil
}

func (s *simulation) take() (seed uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next >= s.seeds || s.err != nil {
		return 0, false
	}
	s.next++
	return s.first + uint64(s.next) - 1, true
}

func (s *simulation) add(r *lab.Report, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = err
		return
	}
	s.ran++
	x := &s.total
	x.SimulatedUS += r.SimulatedUS
	x.Blocks += r.Blocks
	x.Transactions += uint64(r.Transactions)
	x.Epochs += r.Epochs
	x.Views += r.Views
	x.Messages += r.Messages
	x.Faults.Add(&r.Faults)
	x.Asked = addAsked(x.Asked, r.Asked)
	s.marks.Add(r.Marks)
	s.hostile[r.Hostile]++
	s.lines = append(s.lines, simLine{r.Seed, r.Digest.String()})
	for _, v := range r.Violations {
		s.broken = append(s.broken, brokenSeed{r.Seed, strings.TrimSpace(v.Invariant + " " + v.Observer), v.Text, v.AtUS, v.Window, s.world.again("replay", r.Seed, r.Nodes)})
	}
}

func (s *simulation) speed() float64 { return float64(s.total.SimulatedUS) / 1e6 / s.took.Seconds() }

func (s *simulation) summary() any {
	lines := s.lines
	if !s.digests {
		lines = nil
	}
	never, reached := s.coverage()
	return struct {
		Nodes   int     `json:"nodes"`
		First   uint64  `json:"first_seed"`
		Seeds   int     `json:"seeds"`
		Seconds float64 `json:"seconds"`
		Speed   float64 `json:"simulated_seconds_per_second"`
		simTotals
		Hostile map[string]int `json:"hostile_plugins"`
		Digests []simLine      `json:"digests,omitempty"`
		Broken  []brokenSeed   `json:"broken"`
		Saved   []string       `json:"saved,omitempty"`
		Shrunk  *shrunkWorld   `json:"shrunk,omitempty"`
		Never   []simMark      `json:"marks_never_reached"`
		Marks   []simMark      `json:"marks,omitempty"`
	}{s.o.Nodes, s.first, s.ran, s.took.Seconds(), s.speed(), s.total, s.hostile, lines, append([]brokenSeed{}, s.broken...), s.saved, s.shrunk, never, reached}
}

func (s *simulation) text(w io.Writer) {
	if s.digests {
		for _, l := range s.lines {
			fmt.Fprintf(w, "seed %d  digest %s\n", l.Seed, l.Digest)
		}
	}
	fmt.Fprintf(w, "%d seeds of %d validators in %.1f s: %.0f simulated s, %.0f per s\n", s.ran, s.o.Nodes, s.took.Seconds(), float64(s.total.SimulatedUS)/1e6, s.speed())
	fmt.Fprintf(w, "certified: %d blocks, %d transactions; %d epochs, %d views, %d messages\n", s.total.Blocks, s.total.Transactions, s.total.Epochs, s.total.Views, s.total.Messages)
	table(w, func(row func(...any)) {
		for _, f := range s.total.Faults.Rows() {
			row(f.Name, *f.Count)
		}
	})
	printAsked(w, s.total.Asked)
	for _, b := range s.broken {
		fmt.Fprintf(w, "seed %d broke %s after %.3f s: %s\n  replay: %s\n", b.Seed, b.Invariant, float64(b.AtUS)/1e6, firstLine(b.Text), b.Replay)
	}
	for _, folder := range s.saved {
		fmt.Fprintf(w, "saved: %s\n", folder)
	}
	if s.shrunk != nil {
		fmt.Fprintf(w, "the world of seed %d, made small:\n", s.shrunk.Seed)
		s.shrunk.text(w)
	}
	s.textCoverage(w)
	if len(s.broken) == 0 {
		fmt.Fprintln(w, "no invariant was broken")
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
