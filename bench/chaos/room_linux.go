package chaos

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// isolate has a process begin in new namespaces. Mounts and networks are unshared after the clone, so
// that package syscall keeps mounts from spreading to the parent.
func isolate(a *syscall.SysProcAttr) error {
	a.Cloneflags |= syscall.CLONE_NEWPID
	a.Unshareflags |= syscall.CLONE_NEWNS | syscall.CLONE_NEWNET
	return nil
}

// EnterRoom prepares an isolated room from inside: its own network's loopback is down.
func EnterRoom() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFFLAGS, loopback); err != nil {
		return err
	}
	loopback.SetUint16(loopback.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback)
}

// ShowProcesses makes /proc of an isolated room show the room's own processes.
func ShowProcesses() error {
	return os.NewSyscallError("mount /proc", syscall.Mount("proc", "/proc", "proc", 0, ""))
}
