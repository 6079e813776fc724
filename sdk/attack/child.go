package attack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
)

// Options say how to run the corpus.
type Options struct {
	// Command starts a process that calls Child with its standard input and output. The arguments stand
	// after the program.
	Command []string
	Env     []string      // of the process, beside this one's
	Time    time.Duration // for one case; 0: TimeDefault
	Only    []string      // names of fixtures; nil: all
}

// TimeDefault is the time that one case has before its process counts as hung. The slowest needs a few
// seconds, most of them on the interpreter.
const TimeDefault = 2 * time.Minute

// Run plays the corpus in child processes and hands each result to report, in the order of the rows. A
// process that dies or hangs is a miss of the case that it was playing; the next case gets a new one.
// The error is that of the host that runs it, never a miss.
func Run(ctx context.Context, o Options, report func(Result)) error {
	if o.Time == 0 {
		o.Time = TimeDefault
	}
	var cases []Case
	if o.Only == nil {
		cases = Cases()
	}
	for _, name := range o.Only {
		c, ok := Find(name)
		if !ok {
			return fmt.Errorf("attack: there is no case %q", name)
		}
		cases = append(cases, c)
	}
	for len(cases) > 0 {
		n, err := o.play(ctx, cases, report)
		if err != nil {
			return err
		}
		cases = cases[n:]
	}
	return nil
}

// play starts a process and plays cases in it until it dies. It returns how many have a result.
func (o *Options) play(ctx context.Context, cases []Case, report func(Result)) (n int, err error) {
	c := exec.CommandContext(ctx, o.Command[0], o.Command[1:]...)
	c.Env = append(os.Environ(), o.Env...)
	var messages bytes.Buffer
	c.Stderr = &opening{b: &messages}
	in, err := c.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := c.Start(); err != nil {
		return 0, err
	}
	defer func() {
		in.Close()
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	lines := bufio.NewReader(out)
	for i := range cases {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		var hung atomic.Bool
		watch := time.AfterFunc(o.Time, func() { hung.Store(true); _ = c.Process.Kill() })
		r := Result{Row: cases[i].Row, Fixture: cases[i].Fixture, Want: cases[i].Want}
		_, err := fmt.Fprintln(in, cases[i].Fixture)
		var line []byte
		if err == nil {
			line, err = lines.ReadBytes('\n')
		}
		watch.Stop()
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		n++
		if err == nil {
			report(r)
			continue
		}
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		_ = c.Wait()
		r.Observed, r.Problem = "process died", fmt.Sprintf("the process that was attacked ended: %v\n%s", c.ProcessState, messages.String())
		if hung.Load() {
			r.Observed, r.Problem = "process hung", fmt.Sprintf("the process that was attacked did not answer within %v", o.Time)
		}
		report(r)
		return n, nil
	}
	return n, nil
}

// opening keeps the beginning of what a process says before it dies.
type opening struct{ b *bytes.Buffer }

func (o *opening) Write(p []byte) (int, error) {
	const most = 2 << 10
	o.b.Write(p[:min(len(p), most-min(most, o.b.Len()))])
	return len(p), nil
}

// heapSoft is from where on a child collects garbage as hard as it can.
const heapSoft = 48 << 20

// Child plays the cases whose names it reads, one a line, and writes their results, one a line as JSON.
// It is what the processes of Run do. A hole is for tests.
func Child(in io.Reader, out io.Writer, h Hole) error {
	// Garbage is collected before it weighs as much as an attack may; what is alive stays and is seen.
	debug.SetMemoryLimit(heapSoft)
	s, err := newStage(h)
	if err != nil {
		return err
	}
	defer s.close()
	cases := Cases()
	names := bufio.NewScanner(in)
	for names.Scan() {
		i := slices.IndexFunc(cases, func(c Case) bool { return c.Fixture == names.Text() })
		if i < 0 {
			return fmt.Errorf("attack: there is no case %q", names.Text())
		}
		if err := json.NewEncoder(out).Encode(s.play(&cases[i])); err != nil {
			return err
		}
	}
	return names.Err()
}
