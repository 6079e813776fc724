package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/report"
)

func newLabReport(t *terminal) *cobra.Command {
	var (
		from, to time.Duration
		output   string
	)
	c := &cobra.Command{
		Use: "report FOLDER", Short: "Draw the page of a run's folder again, or of another window of its time", Args: args(1, 1),
		Long: "Read a folder that `lab replay --save`, `lab sim --save` or another harness left, check it, and write its page:\n" +
			"one HTML file that needs nothing else. With --from and --to the message-sequence chart shows that window,\n" +
			"and the page gets a name of its own. The folder may come from anywhere: nothing outside of it is read.",
		RunE: func(c *cobra.Command, a []string) error {
			window, suffix, err := windowOf(c, from, to)
			if err != nil {
				return err
			}
			r, err := loadRun(a[0])
			if err != nil {
				return err
			}
			if last := r.LastUS(); suffix != "" && window.FromUS > last {
				return usage(fmt.Sprintf("the log ends at %s, before the window", time.Duration(last)*time.Microsecond), "choose an earlier --from")
			}
			if output == "" {
				output = filepath.Join(a[0], "report"+suffix+".html")
			}
			var page bytes.Buffer
			if err := r.Page(&page, window); err != nil {
				return failure("the page cannot be made", err, "")
			}
			if err := writeFile(output, page.Bytes(), 0o644); err != nil {
				return failure("the page cannot be written", err, "name another file with --output-file")
			}
			return t.data(struct {
				Page string `json:"page"`
			}{output}, func(w io.Writer) { fmt.Fprintln(w, output) })
		},
	}
	f := c.Flags()
	f.DurationVar(&from, "from", 0, "where the window begins, as 12.3s (default: a second before --to)")
	f.DurationVar(&to, "to", 0, "where the window ends (default: a second after --from)")
	f.StringVar(&output, "output-file", "", "where to write (default: report.html in the folder, report-FROM-TO.html for a window)")
	return c
}

// windowOf reads the window, and names its page.
func windowOf(c *cobra.Command, from, to time.Duration) (w report.Window, suffix string, err error) {
	begins, ends := c.Flags().Changed("from"), c.Flags().Changed("to")
	if !begins && !ends {
		return w, "", nil
	}
	if !begins {
		from = max(0, to-time.Second)
	}
	if !ends {
		to = from + time.Second
	}
	if from < 0 || to <= from {
		return w, "", usage(fmt.Sprintf("no window from %s to %s", from, to), "use --from 12.3s --to 12.6s")
	}
	return report.Window{FromUS: uint64(from.Microseconds()), ToUS: uint64(to.Microseconds())}, fmt.Sprintf("-%s-%s", from, to), nil
}

func loadRun(folder string) (*report.Run, error) {
	r, err := report.Load(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &fault{exit: exitNotFound, code: "no-run", what: "there is no run in " + folder, cause: err, todo: "make one with `quoin lab replay --seed N --save runs`"}
	case err != nil:
		return nil, &fault{exit: exitUsage, code: "bad-run", what: folder + " is no run's folder", cause: err, todo: "make it anew with the command that its run.json names, if you trust it"}
	}
	return r, nil
}

// saveRun writes the folder of one simulated run, and returns its path. reproduce is the command that runs
// it again.
func saveRun(dir, reproduce string, o *lab.Options, r *lab.Report, log *report.Log) (string, error) {
	run := &report.Run{Kind: "sim", Name: runName(r), Title: fmt.Sprintf("Seed %d of %d replicas", r.Seed, r.Nodes), Version: programVersion(),
		Reproduce: reproduce, Seed: r.Seed, Digest: r.Digest.String(), Failed: r.Failed(), Nodes: r.Nodes, Events: log.Events(),
		Verdict: fmt.Sprintf("%d blocks with %d transactions certified in %.0f simulated seconds; no invariant was broken", r.Blocks, r.Transactions,
			float64(r.SimulatedUS)/1e6)}
	if o.Plant != "" {
		run.Name += "-" + string(o.Plant)
		run.Title += ", with a planted bug: " + string(o.Plant)
	}
	for _, v := range r.Violations {
		run.Verdict = fmt.Sprintf("%s broke after %.3f s: %s", v.Invariant, float64(v.AtUS)/1e6, firstLine(v.Text))
		run.Findings = append(run.Findings, v.Invariant+": "+v.Text)
	}
	run.Scenario = r.Scenario.String()
	run.Measure()
	run.Tables = append(run.Tables, outcomeTable(r), faultTable(&r.Faults))
	folder, err := run.Save(dir)
	if err != nil {
		return "", failure("the run cannot be saved", err, "name another folder")
	}
	return folder, nil
}

// runName names a run after its scenario and its seed: a drawn scenario has a name of its seed's already.
func runName(r *lab.Report) string {
	const most = 48
	plain := func(c rune) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
	name := strings.Join(strings.FieldsFunc(r.Scenario.Name, func(c rune) bool { return !plain(c) }), "-")
	seed := fmt.Sprintf("seed-%d", r.Seed)
	switch {
	case name == "", strings.HasPrefix(name+"-", seed+"-"):
		return seed + strings.TrimPrefix(name, seed)
	case len(name) > most:
		name = strings.TrimRight(name[:most], "-")
	}
	return name + "-" + seed
}

const savedMax = 20

// saveBroken runs the broken seeds again, to write down what happened in them: the first of them, where
// there are many.
func (s *simulation) saveBroken(dir string) error {
	if dir == "" {
		return nil
	}
	for _, b := range s.broken[:min(len(s.broken), savedMax)] {
		var log report.Log
		o := s.o
		o.Seed, o.Events = b.Seed, log.Keep
		r, err := lab.Run(o)
		if err != nil {
			return err
		}
		folder, err := saveRun(dir, b.Replay, &o, &r, &log)
		if err != nil {
			return err
		}
		s.saved = append(s.saved, folder)
	}
	return nil
}

func outcomeTable(r *lab.Report) report.Table {
	t := report.Table{Title: "What came out", Columns: []string{"", "count"}, Numeric: []bool{false, true}}
	for _, x := range []struct {
		name string
		n    uint64
	}{
		{"blocks certified", r.Blocks}, {"client transactions certified", uint64(r.Transactions)}, {"of them, refused by their machine", uint64(r.Refused)},
		{"epochs", r.Epochs}, {"views", r.Views}, {"messages delivered", r.Messages},
	} {
		t.Rows = append(t.Rows, []string{x.name, fmt.Sprint(x.n)})
	}
	return t
}

func faultTable(f *lab.Faults) report.Table {
	t := report.Table{Title: "Faults injected", Columns: []string{"kind", "count"}, Numeric: []bool{false, true}}
	for _, x := range f.Rows() {
		t.Rows = append(t.Rows, []string{x.Name, fmt.Sprint(*x.Count)})
	}
	return t
}
