//go:build !linux

package chaos

import "syscall"

func isolate(*syscall.SysProcAttr) error { return ErrRoom }

// EnterRoom fails: only Linux has namespaces.
func EnterRoom() error { return ErrRoom }

// ShowProcesses fails likewise.
func ShowProcesses() error { return ErrRoom }
