package execution

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/state"
)

// kernelState is the kernel's namespace of an overlay. It remembers the first error, after which
// nothing that was computed may be used.
type kernelState struct {
	overlay *state.Overlay
	err     error
}

var _ governance.State = (*kernelState)(nil)

func (k *kernelState) note(err error) {
	if k.err == nil {
		k.err = err
	}
}

// Get ends the execution when the state cannot be read: "absent" would be a wrong answer, and
// governance panics on records that are missing.
func (k *kernelState) Get(key []byte) ([]byte, bool) {
	v, ok, err := k.overlay.Get(quoin.KernelNamespace, key)
	if err != nil {
		panic(unreadable{err})
	}
	return v, ok
}

// unreadable is the panic of a kernelState, which run recovers.
type unreadable struct{ err error }

func recoverUnreadable(err *error) {
	if p := recover(); p != nil {
		u, ok := p.(unreadable)
		if !ok {
			panic(p)
		}
		*err = fmt.Errorf("execution: %w: %w", ErrLocal, u.err)
	}
}

func (k *kernelState) Put(key, value []byte) {
	k.note(k.overlay.Put(quoin.KernelNamespace, key, value))
}
func (k *kernelState) Delete(key []byte) { k.note(k.overlay.Delete(quoin.KernelNamespace, key)) }
