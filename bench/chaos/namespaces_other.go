//go:build !linux

package chaos

// Namespaces are what only Linux has: the relays serve as its methods.
type Namespaces struct{ *relays }

// NewNamespaces fails.
func NewNamespaces(int, int) (*Namespaces, error) { return nil, ErrRoom }

// Host is never called.
func (*Namespaces) Host(int) string { return "" }

// Command is never called.
func (*Namespaces) Command(_ int, command []string) []string { return command }
