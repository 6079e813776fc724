package hook

import "strconv"

// Class says what a plugin that serves the hook is trusted with, and so how it is tried.
type Class byte

const (
	ClassNode          Class = 'N' // one node's speed
	ClassLiveness      Class = 'L' // time, never safety
	ClassDeterministic Class = 'D' // the results of its own namespace
)

// String returns the class's letter.
func (c Class) String() string { return string(c) }

// Hook is one extension point: all that the rest of the system knows of it by name.
type Hook struct {
	Name       string // with its version: "leader.v1"
	Class      Class
	Namespaced bool   // each namespace has a binding of its own; otherwise the chain has one
	FuelMax    uint64 // the most that a binding may allow one call
	SinceNode  uint32 // the version of the node's interfaces that brought it
	// SinceEngine is the version of the sandbox that brought the last of what it needs.
	SinceEngine uint32
	// Fallback is the built-in that serves when nothing else can. Empty: without a binding the hook
	// is not asked, and does not fall back on anything but the binding before.
	Fallback   string
	Purpose    string // a sentence
	Operations []Operation
}

// Operation is the untyped part of one thing that a hook's plugin is asked to do.
type Operation struct {
	Hook     string // the hook's name: "machine.v1"
	Name     string // the function that a module exports for it: "machine.v1.apply"
	ReadOnly bool   // the host refuses writes to the state
	Stateful bool   // the host offers a state at all
	Batch    bool   // see Definition.Batch
	Optional bool   // a module need not export it
	Calls    uint64 // it has the fuel of so many calls of the hook
	Request  Layout
	Response Layout
}

// Definition is an operation with the types of its messages.
type Definition[Request, Response any] struct {
	Operation
	encodeRequest  func([]byte, *Request) ([]byte, error)
	decodeRequest  func([]byte, *Request) error
	encodeResponse func([]byte, *Response) ([]byte, error)
	decodeResponse func([]byte, *Response) error
}

// message is what a request or response type provides.
type message[T any] interface {
	*T
	// Append appends the one encoding of the message to b.
	Append(b []byte) ([]byte, error)
	// Decode accepts exactly what Append writes.
	Decode(b []byte) error
	// Layout describes the bytes; it does not depend on the receiver's fields.
	Layout() Layout
}

// stateUse says what an operation may do with the state of its namespace.
type stateUse byte

const (
	stateless stateUse = iota
	reads
	writes
)

// Define makes the definition of one operation. The operation's part of the name may be
// empty, when the hook has only one.
func Define[Request, Response any, Q message[Request], S message[Response]](name string, version int, operation string, state stateUse) Definition[Request, Response] {
	hook := name + ".v" + strconv.Itoa(version)
	export := hook
	if operation != "" {
		export += "." + operation
	}
	var q Request
	var s Response
	return Definition[Request, Response]{
		Operation: Operation{
			Hook:     hook,
			Name:     export,
			ReadOnly: state != writes,
			Stateful: state != stateless,
			Calls:    1,
			Request:  Q(&q).Layout(),
			Response: S(&s).Layout(),
		},
		encodeRequest:  func(b []byte, m *Request) ([]byte, error) { return Q(m).Append(b) },
		decodeRequest:  func(b []byte, m *Request) error { return Q(m).Decode(b) },
		encodeResponse: func(b []byte, m *Response) ([]byte, error) { return S(m).Append(b) },
		decodeResponse: func(b []byte, m *Response) error { return S(m).Decode(b) },
	}
}

// Batch returns the form of an operation that answers many requests in one call. The messages are
// the same: the guest asks batch_next whether there is another request until there is none, and
// after each yes gets the request by input and gives the response by output.
func (d Definition[Request, Response]) Batch(operation string) Definition[Request, Response] {
	d.Name, d.Operation.Batch, d.Optional = d.Hook+"."+operation, true, true
	return d
}

// Once returns an operation that few modules export and the host asks for once, with the fuel of so many
// calls.
func (d Definition[Request, Response]) Once(calls uint64) Definition[Request, Response] {
	d.Optional, d.Calls = true, calls
	return d
}

// EncodeRequest appends the request's bytes to b.
func (d *Definition[Request, Response]) EncodeRequest(b []byte, m *Request) ([]byte, error) {
	return d.encodeRequest(b, m)
}

// DecodeRequest reads a request; m keeps references into b.
func (d *Definition[Request, Response]) DecodeRequest(b []byte, m *Request) error {
	return d.decodeRequest(b, m)
}

// EncodeResponse appends the response's bytes to b.
func (d *Definition[Request, Response]) EncodeResponse(b []byte, m *Response) ([]byte, error) {
	return d.encodeResponse(b, m)
}

// DecodeResponse reads a response; m keeps references into b.
func (d *Definition[Request, Response]) DecodeResponse(b []byte, m *Response) error {
	return d.decodeResponse(b, m)
}
