package hook

import "encoding/binary"

// NamespaceMax bounds the name of a namespace, in bytes.
const NamespaceMax = 32

// PriorityRequest asks how urgent a pending transaction is. It is asked once, when the transaction
// enters this node's pool, and the answer orders this node's proposals alone.
type PriorityRequest struct {
	Pending     uint32 // transactions in the pool
	Capacity    uint32 // of the pool
	Local       bool   // submitted to this node, not forwarded by another
	Height      uint64 // of the next block
	Expiry      uint64 // height of the last block that may hold the transaction
	Transaction [32]byte
	Sender      [32]byte // the account's public key; zero for an unsigned transaction
	Namespace   []byte   // at most NamespaceMax bytes
	Payload     []byte   // at most PayloadMax bytes
	Params      []byte   // the binding's parameters, at most ParamsMax bytes
}

// PriorityResponse orders transactions: higher ones first, equal ones by the built-in rule, which
// takes the senders in turn. The transactions of one sender keep their order, so that of a sender's
// the oldest counts. Whatever has been pending for too long goes first in any case.
type PriorityResponse struct {
	Priority uint64
}

const (
	priorityRequest  = "priority.v1 request"
	priorityResponse = "priority.v1 response"

	priorityHeader = 104
)

// Layout describes the request's bytes.
func (*PriorityRequest) Layout() Layout {
	return Layout{Name: priorityRequest, Max: priorityHeader + NamespaceMax + PayloadMax + ParamsMax, Fields: []Field{
		{"0", "4", "q", "u32", "bytes of payload, 0 to 65536"},
		{"4", "4", "p", "u32", "bytes of parameters, 0 to 4096"},
		{"8", "4", "n", "u32", "bytes of the namespace, 0 to 32"},
		{"12", "4", "local", "u32", "1: submitted to this node; 0: forwarded by another"},
		{"16", "4", "pending", "u32", "transactions in the pool"},
		{"20", "4", "capacity", "u32", "of the pool"},
		{"24", "8", "height", "u64", "of the next block"},
		{"32", "8", "expiry", "u64", "height of the last block that may hold the transaction"},
		{"40", "32", "transaction", "bytes", "its id"},
		{"72", "32", "sender", "bytes", "the account's public key; zero: unsigned"},
		{"104", "q", "payload", "bytes", "of the transaction"},
		{"104+q", "p", "params", "bytes", "of the binding"},
		{"104+q+p", "n", "namespace", "bytes", "of the transaction"},
	}}
}

// Size returns the length of the request's bytes.
func (r *PriorityRequest) Size() int {
	return priorityHeader + len(r.Payload) + len(r.Params) + len(r.Namespace)
}

// Validate returns an error that wraps ErrLimit if Append would refuse the request.
func (r *PriorityRequest) Validate() error {
	if n := len(r.Namespace); n > NamespaceMax {
		return tooLarge(priorityRequest, "length of namespace", n, NamespaceMax)
	}
	return sizes(priorityRequest, r.Payload, r.Params)
}

// Append appends the request's bytes to b.
func (r *PriorityRequest) Append(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return b, err
	}
	local := uint32(0)
	if r.Local {
		local = 1
	}
	le := binary.LittleEndian
	for _, v := range [...]uint32{uint32(len(r.Payload)), uint32(len(r.Params)), uint32(len(r.Namespace)), local, r.Pending, r.Capacity} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint64(b, r.Height)
	b = le.AppendUint64(b, r.Expiry)
	b = append(b, r.Transaction[:]...)
	b = append(b, r.Sender[:]...)
	b = append(b, r.Payload...)
	b = append(b, r.Params...)
	return append(b, r.Namespace...), nil
}

// Decode reads a request; Payload, Params and Namespace alias b.
func (r *PriorityRequest) Decode(b []byte) error {
	if len(b) < priorityHeader {
		return malformed(priorityRequest, "length", "shorter than the header of 104 bytes")
	}
	le := binary.LittleEndian
	n := le.Uint32(b[8:])
	if n > NamespaceMax || int(n) > len(b)-priorityHeader {
		return malformed(priorityRequest, "n", "must be at most 32, and within the message")
	}
	rest := len(b) - int(n)
	payload, params, err := split(priorityRequest, b[:rest:rest], priorityHeader)
	if err != nil {
		return err
	}
	local := le.Uint32(b[12:])
	if local > 1 {
		return malformed(priorityRequest, "local", "must be 0 or 1")
	}
	r.Local, r.Pending, r.Capacity = local == 1, le.Uint32(b[16:]), le.Uint32(b[20:])
	r.Height, r.Expiry = le.Uint64(b[24:]), le.Uint64(b[32:])
	copy(r.Transaction[:], b[40:])
	copy(r.Sender[:], b[72:])
	r.Payload, r.Params, r.Namespace = payload, params, b[rest:]
	return nil
}

// Layout describes the response's bytes.
func (*PriorityResponse) Layout() Layout {
	return Layout{Name: priorityResponse, Max: 8, Fields: []Field{
		{"0", "8", "priority", "u64", "higher ones first"},
	}}
}

// Append appends the response's bytes to b.
func (r *PriorityResponse) Append(b []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint64(b, r.Priority), nil
}

// Decode reads a response.
func (r *PriorityResponse) Decode(b []byte) error {
	if len(b) != 8 {
		return malformed(priorityResponse, "length", "must be 8")
	}
	r.Priority = binary.LittleEndian.Uint64(b)
	return nil
}
