//go:build !linux

package chaos

import "syscall"

// childAttributes give a node a process group of its own, so that a terminal's Ctrl-C is ours alone
// to answer.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
