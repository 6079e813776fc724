package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"quoin.dev/quoin/lab/events"
)

const (
	stopLimit = 20 * time.Second // for a node that is told to stop
	fullLimit = 20 * time.Second // for a node whose disk is full to notice
)

// act does a fault, lets it last, and undoes it, also when the context ends meanwhile.
func (w *world) act(ctx context.Context, f *Fault) error {
	node := f.Nodes[0]
	switch f.Kind {
	case Kill, KillLeader, KillAll:
		return w.killed(ctx, f)
	case Pause, PauseAll:
		return w.paused(ctx, f)
	case Isolate, Halves:
		return w.cut(ctx, f, func(from, to bool) bool { return from != to })
	case Mute:
		return w.cut(ctx, f, func(from, _ bool) bool { return from })
	case Deaf:
		return w.cut(ctx, f, func(_, to bool) bool { return to })
	case SlowLinks:
		err := w.networks.Slow(node, f.Amount)
		pause(ctx, f.Lasts)
		return errors.Join(err, w.networks.Heal())
	case Rolling:
		return w.rolling(ctx, f)
	case SlowDisk:
		return w.number(ctx, f, SyncFile, f.Amount.Microseconds())
	case ClockAhead, ClockBack:
		return w.number(ctx, f, ClockFile, f.Amount.Milliseconds())
	case DiskFull:
		return w.full(ctx, f)
	}
	return fmt.Errorf("%w: there is no fault %q", ErrOptions, f.Kind)
}

func (w *world) killed(ctx context.Context, f *Fault) error {
	var errs []error
	for _, i := range f.Nodes {
		w.processes[i].expect()
		errs = append(errs, w.processes[i].signal(syscall.SIGKILL))
	}
	for _, i := range f.Nodes {
		errs = append(errs, w.processes[i].kill())
		w.note(events.Crashed, i, string(f.Kind), "")
	}
	pause(ctx, f.Lasts)
	for _, i := range f.Nodes {
		if w.o.Controls.Tamper != nil {
			errs = append(errs, w.o.Controls.Tamper(w.o.Nodes[i].Dir))
		}
		errs = append(errs, w.start(i))
	}
	return errors.Join(errs...)
}

func (w *world) paused(ctx context.Context, f *Fault) error {
	var errs []error
	for _, i := range f.Nodes {
		errs = append(errs, w.processes[i].signal(syscall.SIGSTOP))
	}
	pause(ctx, f.Lasts)
	for _, i := range f.Nodes {
		errs = append(errs, w.processes[i].signal(syscall.SIGCONT))
	}
	return errors.Join(errs...)
}

// cut cuts what goes between nodes, by whether they are among the struck ones.
func (w *world) cut(ctx context.Context, f *Fault, cuts func(from, to bool) bool) error {
	struck := make([]bool, len(w.processes))
	for _, i := range f.Nodes {
		struck[i] = true
	}
	var errs []error
	for from := range struck {
		for to := range struck {
			if from != to && struck[from] != struck[to] && cuts(struck[from], struck[to]) {
				errs = append(errs, w.networks.Cut(from, to))
			}
		}
	}
	pause(ctx, f.Lasts)
	return errors.Join(append(errs, w.networks.Heal())...)
}

// rolling has each node in turn stop as an operator would, and waits for it to catch up before the
// next one.
func (w *world) rolling(ctx context.Context, f *Fault) error {
	for _, i := range f.Nodes {
		if ctx.Err() != nil {
			return nil
		}
		if err := w.processes[i].stop(stopLimit); err != nil {
			w.find("%v", err)
		}
		w.note(events.Crashed, i, string(f.Kind), "told to stop")
		if err := w.start(i); err != nil {
			return err
		}
		if i != f.Nodes[len(f.Nodes)-1] && !w.whole(ctx, f) {
			return nil
		}
	}
	return nil
}

// number writes one of the files that a node obeys, and sets it back.
func (w *world) number(ctx context.Context, f *Fault, name string, n int64) error {
	path := w.file(f.Nodes[0], name)
	err := writeNumber(path, n)
	pause(ctx, f.Lasts)
	return errors.Join(err, writeNumber(path, 0))
}

// full fills a node's disk up. The node must stop by itself and say why, and come back when there is
// space again.
func (w *world) full(ctx context.Context, f *Fault) error {
	i := f.Nodes[0]
	p, name := w.processes[i], w.o.Nodes[i].Name
	p.expect()
	if err := w.o.Disk.Fill(); err != nil {
		return errors.Join(err, w.o.Disk.Free())
	}
	if p.wait(fullLimit) {
		words := p.lastWords()
		w.note(events.Crashed, i, string(DiskFull), "exit code %d: %s", p.exit(), words)
		if p.exit() != 1 || !strings.Contains(words, "no space left") {
			w.find("node %s, its disk full, ended with code %d, and does not say that there is no space: %s", name, p.exit(), words)
		}
	} else {
		w.find("node %s still runs %v after its disk was full", name, fullLimit)
	}
	pause(ctx, f.Lasts)
	return errors.Join(w.o.Disk.Free(), p.kill(), w.start(i))
}
