package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/report"
)

func newLabDebug(t *terminal) *cobra.Command {
	var (
		w     worldFlags
		first []string
	)
	c := &cobra.Command{
		Use: "debug [FOLDER]", Short: "Step through a seed or a run's event log: forward, back, to a condition, into a replica", Args: args(0, 1),
		Long: "Step through a world, event by event. With --seed the world is played, and what its replicas hold can be\n" +
			"inspected; going back plays it again, which gives the same. With a run's FOLDER its event log is read, which\n" +
			"holds no replicas. Commands come from --do, and then from the standard input, one a line:\n\n" + debugHelp,
		RunE: func(c *cobra.Command, a []string) error {
			p, err := w.tape(c, a)
			if err != nil {
				return err
			}
			d := &debugger{t: t, tape: p}
			return d.run(c.Context(), first, c.InOrStdin())
		},
	}
	w.add(c)
	c.Flags().StringArrayVar(&first, "do", nil, "a command to begin with, such as 'next broken'; may be repeated, and end with quit")
	return c
}

const debugHelp = `  step [N]          N events on (an empty line: one)
  back [N]          N events back
  next CONDITION    on to the next event that holds it, such as: next certifies node=v2 height>=10
  break CONDITION   stop there when going on; breaks lists them, clear drops them
  go                on to the next break, or to the end
  find CONDITION    the last event before here that holds it; stays here
  goto N            where N events have happened; goto 12.5s: simulated time
  list [N]          the last N events
  show vN           what replica vN holds
  chart [N]         the last N events as a message-sequence chart
  where, help, quit

A condition is terms FIELD=VALUE (also != >= <= > < and ~ for contains) that all hold; fields: i, at (seconds),
node, peer, verb, kind, epoch, view, height, count, block, transaction, text. A word alone is a verb.
`

// tape is what a debugger moves along.
type tape interface {
	Log() []events.Event // so far
	Step() bool
	Seek(count uint64) error
	Nodes() int
	Inspect(node int) ([]lab.Fact, error)
}

var _ tape = (*lab.Session)(nil)

// tape returns what the flags and the arguments name: a run's folder, or a world.
func (w *worldFlags) tape(c *cobra.Command, a []string) (tape, error) {
	switch {
	case len(a) == 1 && c.Flags().Changed("seed"):
		return nil, usage("both a folder and a seed", "choose one")
	case len(a) == 1:
		return openRecording(a[0])
	case !c.Flags().Changed("seed"):
		return nil, usage("neither a seed nor a run's folder", "name one: --seed N")
	}
	return w.open(c.Context())
}

// recording is the event log of a run's folder.
type recording struct {
	run  *report.Run
	here int
}

func openRecording(folder string) (*recording, error) {
	r, err := loadRun(folder)
	if err != nil {
		return nil, err
	}
	if len(r.Events) == 0 {
		return nil, &fault{exit: exitNotFound, code: "no-events", what: folder + " has no event log", todo: "run it again: " + r.Reproduce}
	}
	return &recording{run: r}, nil
}

func (r *recording) Log() []events.Event { return r.run.Events[:r.here] }
func (r *recording) Nodes() int          { return r.run.Nodes }

func (r *recording) Step() bool {
	if r.here == len(r.run.Events) {
		return false
	}
	r.here++
	return true
}

func (r *recording) Seek(count uint64) error {
	if count > uint64(len(r.run.Events)) {
		r.here = len(r.run.Events)
		return fmt.Errorf("%w: the log ends after %d events", lab.ErrSession, r.here)
	}
	r.here = int(count)
	return nil
}

func (r *recording) Inspect(int) ([]lab.Fact, error) {
	return nil, fmt.Errorf("%w: a log holds no replicas; play it again: %s", lab.ErrSession, r.run.Reproduce)
}

// debugger reads commands and moves along a tape.
type debugger struct {
	t      *terminal
	tape   tape
	breaks []events.Filter
	texts  []string // of breaks
}

// run obeys the commands to begin with, and then those that come in, until they end.
func (d *debugger) run(ctx context.Context, first []string, in io.Reader) error {
	d.t.note("%d replicas; help lists the commands", d.tape.Nodes())
	for _, line := range first {
		d.prompt()
		fmt.Fprintln(d.t.err, line)
		if d.line(ctx, line) {
			return nil
		}
	}
	lines := bufio.NewScanner(in)
	for d.prompt(); lines.Scan() && ctx.Err() == nil; d.prompt() {
		if d.line(ctx, lines.Text()) {
			return nil
		}
	}
	return lines.Err()
}

// line obeys one line, and reports whether it is the last.
func (d *debugger) line(ctx context.Context, line string) (quit bool) {
	words := strings.Fields(line)
	if len(words) == 0 {
		words = []string{"step"}
	}
	if words[0] == "quit" || words[0] == "q" {
		return true
	}
	if err := d.obey(ctx, words[0], words[1:]); err != nil {
		fmt.Fprintln(d.t.out, err)
	}
	return false
}

func (d *debugger) prompt() {
	at := uint64(0)
	if log := d.tape.Log(); len(log) > 0 {
		at = log[len(log)-1].AtUS
	}
	fmt.Fprintf(d.t.err, "%d  %d.%06d s> ", len(d.tape.Log()), at/1_000_000, at%1_000_000)
}

var errCommand = errors.New("no such command; help lists them")

func (d *debugger) obey(ctx context.Context, command string, a []string) error {
	switch command {
	case "step", "s":
		n, err := count(a, 1)
		if err != nil {
			return err
		}
		return d.step(n)
	case "back", "b":
		n, err := count(a, 1)
		if err != nil {
			return err
		}
		here := uint64(len(d.tape.Log()))
		if err := d.tape.Seek(here - min(here, n)); err != nil {
			return err
		}
		d.list(1)
		return nil
	case "next", "n":
		f, err := events.ParseFilter(a...)
		if err != nil {
			return err
		}
		return d.until(ctx, f)
	case "break":
		f, err := events.ParseFilter(a...)
		if err != nil {
			return err
		}
		d.breaks, d.texts = append(d.breaks, f), append(d.texts, strings.Join(a, " "))
		return nil
	case "breaks":
		for i, text := range d.texts {
			fmt.Fprintf(d.t.out, "%d  %s\n", i+1, text)
		}
		return nil
	case "clear":
		d.breaks, d.texts = nil, nil
		return nil
	case "go", "g":
		return d.until(ctx, d.breaks...)
	case "find":
		f, err := events.ParseFilter(a...)
		if err != nil {
			return err
		}
		return d.find(f)
	case "goto":
		return d.jump(ctx, a)
	case "list", "l":
		n, err := count(a, 10)
		if err != nil {
			return err
		}
		d.list(n)
		return nil
	case "show", "i":
		return d.show(a)
	case "chart":
		n, err := count(a, 40)
		if err != nil {
			return err
		}
		return events.Chart(d.t.out, d.tape.Nodes(), d.last(n))
	case "where":
		d.list(1)
		return nil
	case "help", "h":
		fmt.Fprint(d.t.out, debugHelp)
		return nil
	}
	return errCommand
}

func count(a []string, otherwise uint64) (uint64, error) {
	if len(a) == 0 {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(a[0], 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", a[0])
	}
	return n, nil
}

func (d *debugger) step(n uint64) error {
	before := len(d.tape.Log())
	for range n {
		if !d.tape.Step() {
			fmt.Fprintln(d.t.out, "the end")
			break
		}
	}
	d.print(d.tape.Log()[before:])
	return nil
}

// until goes on until an event holds one of the conditions, and prints that event.
func (d *debugger) until(ctx context.Context, conditions ...events.Filter) error {
	for seen := len(d.tape.Log()); d.tape.Step(); seen = len(d.tape.Log()) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, e := range d.tape.Log()[seen:] {
			for _, f := range conditions {
				if f.Match(&e) {
					d.print([]events.Event{e})
					return nil
				}
			}
		}
	}
	fmt.Fprintln(d.t.out, "the end")
	return nil
}

func (d *debugger) find(f events.Filter) error {
	log := d.tape.Log()
	for i := len(log) - 1; i >= 0; i-- {
		if f.Match(&log[i]) {
			d.print(log[i : i+1])
			return nil
		}
	}
	return fmt.Errorf("no event before here holds it")
}

// jump goes to a number of events, or to a time.
func (d *debugger) jump(ctx context.Context, a []string) error {
	if len(a) != 1 {
		return fmt.Errorf("goto where? goto 100, or goto 12.5s")
	}
	if !strings.HasSuffix(a[0], "s") {
		n, err := strconv.ParseUint(a[0], 10, 63)
		if err != nil {
			return fmt.Errorf("%q is no number", a[0])
		}
		if err := d.tape.Seek(n); err != nil {
			return err
		}
		d.list(1)
		return nil
	}
	f, err := events.ParseFilter("at>=" + a[0])
	if err != nil {
		return err
	}
	if log := d.tape.Log(); len(log) > 0 && f.Match(&log[len(log)-1]) {
		if err := d.tape.Seek(0); err != nil {
			return err
		}
	}
	return d.until(ctx, f)
}

func (d *debugger) show(a []string) error {
	if len(a) != 1 {
		return fmt.Errorf("show which replica? show v0")
	}
	i, err := strconv.Atoi(strings.TrimPrefix(a[0], "v"))
	if err != nil {
		return fmt.Errorf("%q is no replica", a[0])
	}
	facts, err := d.tape.Inspect(i)
	if err != nil {
		return err
	}
	table(d.t.out, func(row func(...any)) {
		for _, f := range facts {
			row(f.Name, f.Value)
		}
	})
	return nil
}

// last returns the last events before here.
func (d *debugger) last(n uint64) []events.Event {
	log := d.tape.Log()
	return log[len(log)-int(min(n, uint64(len(log)))):]
}

func (d *debugger) list(n uint64) { d.print(d.last(n)) }

func (d *debugger) print(log []events.Event) {
	for i := range log {
		fmt.Fprintf(d.t.out, "%7d  %s\n", log[i].Index+1, &log[i])
	}
}
