package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/lab/check"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/lab/protocol"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/report"
)

// checkStatesMax keeps a search below 4 GiB: a state takes 12 bytes and its place in the index 8 to 16,
// and twice that while one of them grows.
const checkStatesMax = 60_000_000

func newLabCheck(t *terminal) *cobra.Command {
	var (
		o                       check.Options
		name, leaders, save     string
		leader                  string
		machine                 machineFlags
		views                   int
		symmetry, batch, expect string
	)
	c := &cobra.Command{
		Use: "check", Short: "Explore every interleaving of a protocol within bounds", Args: args(0, 0),
		Long: "Explore every state that a few replicas of a protocol can reach within bounds, with the very code that\n" +
			"nodes run: messages arrive in any order or never, time-outs pass at any time, and the faulty replicas\n" +
			"say whatever their vocabulary allows, at any time, to anybody. The first state that breaks an invariant\n" +
			"ends the search; the command fails, and shows the fewest steps to it as a message-sequence chart.\n\n" +
			"See docs/lab-check.md for the vocabulary, the reductions and what is left out.",
		RunE: func(c *cobra.Command, _ []string) error {
			if expect != "" && expect != "holds" && expect != "broken" {
				return usage("--expect "+quote(expect), "choose holds or broken")
			}
			if err := checkOptions(&o, name, leaders, views, symmetry, batch); err != nil {
				return err
			}
			var err error
			if o.Leader, err = checkLeader(c.Context(), leader, o.Nodes); err != nil {
				return err
			}
			if o.Machine, err = machine.open(c.Context()); err != nil {
				return err
			}
			s := &checking{o: o, leader: leader, machine: machine, begin: time.Now()}
			line := t.statusLine()
			last := s.begin
			o.Progress = func(f *check.Figures) bool {
				if time.Since(last) >= line.every() {
					last = time.Now()
					line.print("%d states, %d of them to be explored, %.0f states per s, depth %d", f.States, f.States-f.Expanded,
						float64(f.States)/time.Since(s.begin).Seconds(), f.Depth)
				}
				return c.Context().Err() == nil
			}
			r, err := check.Check(o)
			line.end()
			if err != nil {
				return checkFault(err)
			}
			if !r.Complete && r.Broken == nil {
				return c.Context().Err()
			}
			s.finish(r)
			if err := s.save(save); err != nil {
				return err
			}
			if err := t.data(s.summary(), s.text); err != nil {
				return err
			}
			return s.verdict(expect)
		},
	}
	f := c.Flags()
	f.StringVar(&name, "protocol", "simplex", "the protocol: "+strings.Join(checkNames(), ", "))
	f.IntVar(&o.Nodes, "nodes", 4, fmt.Sprintf("replicas, 4 to %d", check.NodesMax))
	f.IntVar(&o.Faulty, "faulty", 1, "how many of them are faulty: the last ones")
	f.IntVar(&o.CutOff, "cut-off", 0, "how many of the honest are cut off: nothing reaches them (to find a counterexample sooner)")
	f.IntVar(&views, "views", 2, fmt.Sprintf("views, 1 to %d", check.ViewsMax))
	f.StringVar(&leaders, "leaders", "", "the leaders of the views, such as 3,0 (default: the last replica and replica 0 in turn; view 4 is always led by 1)")
	f.StringVar(&leader, "leader", "", "a release of leader.v1, a .wasm file or a project's folder, in place of the table of leaders")
	machine.add(c)
	f.IntVar(&o.Timeouts, "timeouts", check.AnyTimeouts, "time-outs of honest replicas that make a difference, all together (-1: any number)")
	f.IntVar(&o.Blocks, "blocks", 1, "blocks that a faulty leader can make on one parent")
	f.StringVar(&o.Invariant, "invariant", "", "check this one only: I1 or I8 (default: both, and I2)")
	f.StringVar(&symmetry, "symmetry", "on", "take replicas that never lead for alike: on or off")
	f.StringVar(&batch, "batch", "on", "take what asks for nothing as not yet happened: on or off")
	f.IntVar(&o.StatesMax, "states-max", checkStatesMax, "give up beyond so many states (20 to 56 bytes each)")
	f.StringVar(&expect, "expect", "", "the verdict that is no failure: holds (the default) or broken, for positive controls")
	f.StringVar(&save, "save", "", "a folder, such as runs, in which to leave a folder with what was found")
	return c
}

// checkNames are the protocols that have an adversary.
func checkNames() []string {
	var names []string
	for _, l := range protocol.Protocols() {
		if _, ok := check.Against(l.Name); ok {
			names = append(names, l.Name)
		}
	}
	return names
}

func checkOptions(o *check.Options, name, leaders string, views int, symmetry, batch string) error {
	listed, ok := protocol.Named(name)
	if o.Adversary, _ = check.Against(name); !ok || o.Adversary == nil {
		return usage("unknown protocol "+quote(name), "choose one of "+strings.Join(checkNames(), ", "))
	}
	o.Protocol = listed.Protocol
	if o.StatesMax < 1 {
		return usage(fmt.Sprintf("--states-max %d", o.StatesMax), "choose 1 or more")
	}
	for _, x := range []struct {
		flag, value string
		on          *bool
	}{{"symmetry", symmetry, &o.Symmetry}, {"batch", batch, &o.Batch}} {
		if x.value != "on" && x.value != "off" {
			return usage("--"+x.flag+" "+quote(x.value), "choose on or off")
		}
		*x.on = x.value == "on"
	}
	if leaders == "" {
		o.Leaders = []int{o.Nodes - 1, 0, o.Nodes - 1, 1}
		if views < 1 || views > check.ViewsMax {
			return usage(fmt.Sprintf("%d views", views), fmt.Sprintf("choose --views 1 to %d", check.ViewsMax))
		}
		o.Leaders = o.Leaders[:views]
		return nil
	}
	for _, x := range strings.Split(leaders, ",") {
		i, err := strconv.Atoi(x)
		if err != nil {
			return usage("--leaders "+quote(leaders), "write the replicas' numbers with commas between: 3,0")
		}
		o.Leaders = append(o.Leaders, i)
	}
	return nil
}

// checkLeader returns the leader function of a release; nil if none is named.
func checkLeader(ctx context.Context, path string, nodes int) (check.Leader, error) {
	if path == "" {
		return nil, nil
	}
	s, err := openSubject(ctx, path)
	if err != nil {
		return nil, err
	}
	host, err := plugin.NewHost(plugin.Options{})
	if err != nil {
		return nil, failure("the host of plugins does not start", err, "")
	}
	r, err := host.Compile(s.file)
	if err != nil {
		return nil, failure("the host refuses the release "+path, err, "see `quoin plugin check`")
	}
	if !slices.Contains(r.Manifest().Hooks, hook.Leader.Name) {
		return nil, usage(path+" does not serve "+hook.Leader.Name, "choose a release that does")
	}
	t, err := plugin.NewTable(nil)
	if err != nil {
		return nil, failure("there is no table of plugins", err, "")
	}
	t.Add(r)
	return check.PluginLeader(t, r.Binding(hook.Leader.Name), nodes), nil
}

func checkFault(err error) error {
	switch {
	case errors.Is(err, check.ErrOptions):
		return usage(err.Error(), "see `quoin lab check --help`")
	case errors.Is(err, check.ErrBounds):
		return &fault{exit: exitFailure, code: "bounds", what: "the space within these bounds was not exhausted", cause: err,
			todo: "fewer --views or --blocks, or more --states-max if there is memory"}
	}
	return failure("the check could not be made", err, "this is a mistake of the checker or of the machine's AppendState, not a verdict: report it")
}

// checking is a check that has ended.
type checking struct {
	o       check.Options
	leader  string // the release's path
	machine machineFlags
	r       *check.Result
	begin   time.Time
	took    time.Duration
	memory  uint64
	saved   string
}

func (s *checking) finish(r *check.Result) {
	s.r, s.took = r, time.Since(s.begin)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.memory = m.Sys
}

// reproduce is the command that does the same again.
func (s *checking) reproduce() string {
	on := map[bool]string{true: "on", false: "off"}
	leaders := strings.Trim(strings.ReplaceAll(fmt.Sprint(s.o.Leaders), " ", ","), "[]")
	b := fmt.Sprintf("go run ./cmd/quoin lab check --protocol %s --nodes %d --faulty %d --cut-off %d --leaders %s --blocks %d --symmetry %s --batch %s",
		s.o.Protocol.Name, s.o.Nodes, s.o.Faulty, s.o.CutOff, leaders, s.o.Blocks, on[s.o.Symmetry], on[s.o.Batch])
	if s.leader != "" {
		b += " --leader " + shellQuote(s.leader)
	}
	b += s.machine.again()
	if s.o.Timeouts >= 0 {
		b += fmt.Sprintf(" --timeouts %d", s.o.Timeouts)
	}
	if s.o.Invariant != "" {
		b += " --invariant " + s.o.Invariant
	}
	return b
}

func (s *checking) verdictText() string {
	if s.r.Broken != nil {
		return s.r.Broken.String()
	}
	return "holds in every state within the bounds"
}

func (s *checking) verdict(expect string) error {
	broken := s.r.Broken != nil
	switch {
	case expect == "broken" && !broken:
		return &fault{exit: exitFailure, code: "unbroken", what: "no invariant was broken, and one was expected to be", todo: s.reproduce()}
	case expect == "broken" || !broken:
		return nil
	}
	return &fault{exit: exitFailure, code: "invariant", what: fmt.Sprintf("%s breaks an invariant", s.o.Protocol.Name), why: s.verdictText(), todo: s.reproduce()}
}

func (s *checking) bounds() [][2]string {
	only := s.o.Invariant
	if only == "" {
		only = "I1, I2, I8"
	}
	if s.o.Machine != nil {
		only += ", I4"
	}
	leaders := strings.Trim(fmt.Sprint(s.o.Leaders), "[]")
	if s.leader != "" {
		leaders = s.leader + ":"
		for _, l := range s.r.Leads {
			leaders += fmt.Sprintf(" %d on %s by %d,", l.View, l.Parent, l.Leader)
		}
		leaders = strings.TrimSuffix(leaders, ",")
	}
	timeouts := "any number"
	if s.o.Timeouts >= 0 {
		timeouts = fmt.Sprintf("at most %d of all honest replicas, and any number of the faulty", s.o.Timeouts)
	}
	rows := [][2]string{
		{"replicas", fmt.Sprintf("%d of equal weight; the last %d faulty, %d before them cut off", s.o.Nodes, s.o.Faulty, s.o.CutOff)},
		{"views", fmt.Sprintf("%d, led by %s", len(s.o.Leaders), leaders)},
		{"blocks", fmt.Sprintf("%d of a faulty leader on each parent, 1 of an honest leader", s.o.Blocks)},
		{"time-outs", timeouts},
		{"invariants", only},
	}
	if s.o.Machine != nil {
		rows = append(rows, [2]string{"machine", s.machine.describe(s.o.Machine)})
	}
	return rows
}

func (s *checking) reductions() [][2]string {
	batch, symmetry := "off", "off"
	if s.o.Batch {
		batch = "on: what asks a replica for nothing has not happened yet"
	}
	switch {
	case s.leader != "":
		symmetry = "off: any replica may lead"
	case s.machine.path != "":
		symmetry = "off: replicas have different engines"
	case s.o.Symmetry:
		symmetry = fmt.Sprintf("on: %d permutations of replicas that never lead", s.r.Permutations)
	}
	return [][2]string{{"batch", batch}, {"symmetry", symmetry}}
}

func (s *checking) counts() [][2]string {
	f := &s.r.Figures
	rows := [][2]string{
		{"states", fmt.Sprint(f.States)}, {"explored", fmt.Sprint(f.Expanded)}, {"transitions", fmt.Sprint(f.Transitions)},
		{"depth", fmt.Sprint(f.Depth)}, {"states of one replica", fmt.Sprint(f.Locals)}, {"machine steps tried", fmt.Sprint(f.Tries)},
		{"messages", fmt.Sprint(f.Messages)}, {"seconds", fmt.Sprintf("%.1f", s.took.Seconds())}, {"memory, MiB", fmt.Sprint(s.memory >> 20)},
	}
	if s.o.Machine != nil {
		rows = append(rows, [2]string{"blocks executed", fmt.Sprint(f.Executions)})
	}
	return rows
}

func (s *checking) summary() any {
	pairs := func(p [][2]string) map[string]string {
		m := map[string]string{}
		for _, x := range p {
			m[x[0]] = x[1]
		}
		return m
	}
	return struct {
		Protocol   string            `json:"protocol"`
		Bounds     map[string]string `json:"bounds"`
		Reductions map[string]string `json:"reductions"`
		check.Figures
		Seconds   float64             `json:"seconds"`
		Memory    uint64              `json:"memory_bytes"`
		Complete  bool                `json:"complete"`
		Leads     []check.Lead        `json:"leads,omitempty"`
		Broken    *protocol.Violation `json:"broken"`
		Trace     []check.Happening   `json:"trace,omitempty"`
		Reproduce string              `json:"reproduce"`
		Saved     string              `json:"saved,omitempty"`
	}{s.o.Protocol.Name, pairs(s.bounds()), pairs(s.reductions()), s.r.Figures, s.took.Seconds(), s.memory, s.r.Complete, s.r.Leads, s.r.Broken, s.r.Trace, s.reproduce(), s.saved}
}

func (s *checking) text(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n", s.o.Protocol.Name, s.verdictText())
	for _, group := range []struct {
		title string
		rows  [][2]string
	}{{"bounds", s.bounds()}, {"reductions", s.reductions()}, {"counts", s.counts()}} {
		fmt.Fprintln(w, group.title)
		table(w, func(row func(...any)) {
			for _, x := range group.rows {
				row("  "+x[0], x[1])
			}
		})
	}
	if s.r.Broken != nil {
		fmt.Fprintf(w, "counterexample, %d steps\n", len(s.r.Trace))
		_ = events.Chart(w, s.o.Nodes, s.r.Events) // it fails only if w does, or for more replicas than there can be
		fmt.Fprintf(w, "reproduce: %s\n", s.reproduce())
	}
	if s.saved != "" {
		fmt.Fprintf(w, "saved: %s\n", s.saved)
	}
}

// save leaves a folder with what was found.
func (s *checking) save(dir string) error {
	if dir == "" {
		return nil
	}
	run := report.Run{Format: report.Format, Kind: "check", Name: strings.Trim(fmt.Sprintf("%s-f%d-v%d", s.o.Protocol.Name, s.o.Faulty, len(s.o.Leaders)), "-"),
		Title: "Every interleaving of " + s.o.Protocol.Name + " within bounds", Version: programVersion(), Reproduce: s.reproduce(),
		Failed: s.r.Broken != nil, Verdict: s.verdictText(), Nodes: s.o.Nodes, Events: s.r.Events}
	if s.r.Broken != nil {
		run.Findings = []string{s.verdictText()}
	}
	rows := func(title string, pairs [][2]string) report.Table {
		x := report.Table{Title: title, Columns: []string{"", ""}}
		for _, p := range pairs {
			x.Rows = append(x.Rows, slices.Clone(p[:]))
		}
		return x
	}
	run.Tables = []report.Table{rows("Bounds", s.bounds()), rows("Reductions", s.reductions()), rows("Counts", s.counts())}
	var err error
	if s.saved, err = run.Save(dir); err != nil {
		return failure("what was found cannot be saved", err, "")
	}
	return nil
}
