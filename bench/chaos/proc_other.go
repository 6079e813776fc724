//go:build !linux

package chaos

// ShowProcesses is not possible here.
func ShowProcesses() error { return ErrRoom }
