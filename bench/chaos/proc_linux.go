package chaos

import (
	"os"
	"syscall"
)

// ShowProcesses makes /proc of an isolated room show the room's own processes.
func ShowProcesses() error {
	return os.NewSyscallError("mount /proc", syscall.Mount("proc", "/proc", "proc", 0, ""))
}
