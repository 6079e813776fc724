package chaos

import (
	"errors"
	"fmt"
	"time"
)

// Fleet is the processes of a network that nobody breaks.
type Fleet struct {
	nursery   *nursery
	processes []*process
}

// Launch starts a process for each node. What the processes write to standard error lies in their
// folders.
func Launch(nodes []Node) (*Fleet, error) {
	f := &Fleet{nursery: newNursery()}
	for i := range nodes {
		p := newProcess(&nodes[i], f.nursery)
		if err := p.start(); err != nil {
			return nil, errors.Join(fmt.Errorf("node %s: %w", nodes[i].Name, err), f.Stop(time.Second))
		}
		f.processes = append(f.processes, p)
	}
	return f, nil
}

// PID returns the number of a node's process.
func (f *Fleet) PID(i int) int {
	f.processes[i].mu.Lock()
	defer f.processes[i].mu.Unlock()
	return f.processes[i].command.Process.Pid
}

// Died says which processes have ended by themselves, and how; nil if none has.
func (f *Fleet) Died() error {
	var errs []error
	for _, p := range f.processes {
		if how := p.died(); how != "" {
			errs = append(errs, errors.New(how))
		}
	}
	return errors.Join(errs...)
}

// Stop tells all processes to end, kills those that have not after the limit, and returns when none is
// left.
func (f *Fleet) Stop(limit time.Duration) error {
	var errs []error
	for _, p := range f.processes {
		errs = append(errs, p.stop(limit))
	}
	f.nursery.close()
	return errors.Join(errs...)
}
