package plugintest

import (
	"fmt"

	"quoin.dev/quoin/hook"
)

// faultError is what ends a call in a test.
type faultError struct {
	fault   hook.Fault
	problem string
}

func (e faultError) Error() string {
	return "plugintest: " + e.problem + "; the host ends such a call with the fault " + e.fault.String()
}

// Fail ends a call by a panic where the host would end it in a fault. State and World do so.
func Fail(fault hook.Fault, problem string) { panic(faultError{fault, problem}) }

// Guard runs a call and returns the fault in which it ended, or none. Any other panic than that of
// Fail is what a trap is for a guest.
func Guard(call func()) (fault hook.Fault) {
	defer func() {
		if p := recover(); p != nil {
			fault = hook.FaultTrap
			if e, ok := p.(faultError); ok {
				fault = e.fault
			}
		}
	}()
	call()
	return hook.FaultNone
}

func limit(what string, n, least, most int) {
	if n < least || n > most {
		Fail(hook.FaultLimit, fmt.Sprintf("%s: %d, %d to %d are allowed", what, n, least, most))
	}
}
