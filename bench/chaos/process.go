package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// nursery starts processes from a thread of its own, which lives as long as the nursery: on Linux
// the kernel kills the processes when that thread ends, whatever ends it.
type nursery struct{ starts chan func() }

func newNursery() *nursery {
	n := &nursery{starts: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for start := range n.starts {
			start()
		}
	}()
	return n
}

func (n *nursery) start(c *exec.Cmd) (err error) {
	done := make(chan struct{})
	n.starts <- func() { err = c.Start(); close(done) }
	<-done
	return err
}

func (n *nursery) close() { close(n.starts) }

// process is one node: a process that is started, killed, paused and started again.
type process struct {
	node    *Node
	nursery *nursery
	logPath string

	mu      sync.Mutex
	command *exec.Cmd
	ended   chan struct{} // closed when the command has ended
	state   *os.ProcessState
	doomed  bool // somebody here has ended it, or expects it to end
}

func newProcess(n *Node, nursery *nursery) *process {
	return &process{node: n, nursery: nursery, logPath: filepath.Join(n.Dir, "stderr.log")}
}

// start begins a process of the node.
func (p *process) start() error {
	log, err := os.OpenFile(p.logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command(p.node.Command[0], p.node.Command[1:]...)
	c.Stderr = log
	c.SysProcAttr = childAttributes()
	if err := p.nursery.start(c); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.mu.Lock()
	p.command, p.ended, p.state, p.doomed = c, ended, nil, false
	p.mu.Unlock()
	go func() {
		_ = c.Wait()
		p.mu.Lock()
		p.state = c.ProcessState
		p.mu.Unlock()
		close(ended)
	}()
	return nil
}

// signal sends a signal, unless the process has ended.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	c, state := p.command, p.state
	p.mu.Unlock()
	if c == nil || state != nil {
		return nil
	}
	if err := c.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %v to node %s: %w", s, p.node.Name, err)
	}
	return nil
}

// expect says that the process is going to end, and is not to blame for it.
func (p *process) expect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
}

// wait waits until the process has ended, and reports whether it did in time.
func (p *process) wait(limit time.Duration) bool {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	if ended == nil {
		return true
	}
	select {
	case <-ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// killLimit is how long the operating system may take to end a process that was killed.
const killLimit = 10 * time.Second

func (p *process) kill() error {
	p.expect()
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	if !p.wait(killLimit) {
		return fmt.Errorf("node %s is still there %v after it was killed", p.node.Name, killLimit)
	}
	return nil
}

// stop tells the process to end as an operator does, and kills it if it does not.
func (p *process) stop(limit time.Duration) error {
	p.expect()
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if !p.wait(limit) {
		return errors.Join(fmt.Errorf("node %s has not stopped in %v", p.node.Name, limit), p.kill())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != nil && !p.state.Success() {
		return fmt.Errorf("node %s, told to stop, ended with %v: %s", p.node.Name, p.state, p.lastWords())
	}
	return nil
}

// died says how a process ended by itself, or nothing.
func (p *process) died() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == nil || p.doomed {
		return ""
	}
	return fmt.Sprintf("node %s ended by itself with %v: %s", p.node.Name, p.state, p.lastWords())
}

// exit returns the exit code of a process that has ended: -1 for a signal.
func (p *process) exit() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == nil {
		return 0
	}
	return p.state.ExitCode()
}

// lastWords is the end of what the node has written to standard error, on one line.
func (p *process) lastWords() string {
	b, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(b[max(0, len(b)-600):])), " ")
}
