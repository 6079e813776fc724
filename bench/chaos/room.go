package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// ErrRoom is wrapped when there can be no namespaces.
var ErrRoom = errors.New("chaos: no namespaces can be made here: that needs Linux and root")

// Room runs this program again with these arguments and returns its exit code. When the context ends
// the program is told to stop. Isolated, it runs in namespaces of its own for processes, mounts and
// networks: whatever ends it, the kernel ends all processes in it then, and with them its mounts and
// networks are gone. That needs a privilege; without it Room fails with ErrRoom.
func Room(ctx context.Context, arguments []string, isolated bool) (code int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	c := exec.Command(self, arguments...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = childAttributes() // also keeps a terminal's Ctrl-C from it, which we pass on
	if isolated {
		if err := isolate(c.SysProcAttr); err != nil {
			return 0, err
		}
	}
	n := newNursery()
	defer n.close()
	if err := n.start(c); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrRoom, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Signal(syscall.SIGTERM) })
	defer stop()
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return c.ProcessState.ExitCode(), nil
}
