package chaos

import "syscall"

// childAttributes give a node a process group of its own, so that a terminal's Ctrl-C is ours alone
// to answer, and have the kernel kill it when this program ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
