package replica

import "fmt"

// unreadable is what a read of the certified state panics with where no error can be returned: the disk
// is damaged. Step turns it into Output.Fatal, New into an error. Nothing that the replica would have
// done afterwards is done.
type unreadable struct{ err error }

func (u unreadable) Error() string {
	return fmt.Sprintf("replica: the certified state cannot be read: %v", u.err)
}
func (u unreadable) Unwrap() error { return u.err }

// catch sets err if the function that defers it was ended by an unreadable disk. Every other panic goes on.
func catch(err *error) {
	switch p := recover().(type) {
	case nil:
	case unreadable:
		*err = p
	default:
		panic(p)
	}
}
