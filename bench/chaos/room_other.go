//go:build !linux

package chaos

import "context"

// Room fails: only Linux has namespaces.
func Room(context.Context, []string) (int, error) { return 0, ErrRoom }

// EnterRoom fails likewise.
func EnterRoom() error { return ErrRoom }
