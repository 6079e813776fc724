package hook

import "encoding/binary"

// Limits of the machine's messages and of what it may do to its state.
const (
	PayloadMax     = 64 << 10 // bytes of a transaction's or query's payload
	ApplyOutputMax = 4 << 10  // bytes of a transaction's output
	QueryOutputMax = 64 << 10 // bytes of a query's answer
	KeyMax         = 256      // bytes of a key; a key has at least 1
	ValueMax       = 64 << 10 // bytes of a value
	EventMax       = 4 << 10  // bytes of one event
	EventsMax      = 64       // events of one transaction
	LogMax         = 4 << 10  // bytes that one call may log; the rest is dropped and counted
)

// ApplyRequest asks a machine to apply one transaction to its namespace.
type ApplyRequest struct {
	Height      uint64
	Time        uint64 // of the block, milliseconds since 1970-01-01 UTC
	Index       uint32 // of the transaction in its block
	Transaction [32]byte
	Sender      [32]byte // the account's public key; zero for an unsigned transaction
	Payload     []byte   // at most PayloadMax bytes
	Params      []byte   // the binding's parameters, at most ParamsMax bytes
}

// ApplyResponse is the result that goes to the ledger. A code other than 0 is the machine's
// own refusal: its writes and events are dropped, its output is kept.
type ApplyResponse struct {
	Code   uint32
	Output []byte // at most ApplyOutputMax bytes
}

// QueryRequest asks a machine about its namespace as it is after a block.
type QueryRequest struct {
	Height  uint64 // of the block after which the state is read
	Time    uint64 // of that block, milliseconds since 1970-01-01 UTC
	Payload []byte // at most PayloadMax bytes
	Params  []byte // the binding's parameters, at most ParamsMax bytes
}

// QueryResponse answers a query. Code 0 is success; others are the machine's own.
type QueryResponse struct {
	Code   uint32
	Output []byte // at most QueryOutputMax bytes
}

const (
	applyRequest  = "machine.v1.apply request"
	applyResponse = "machine.v1.apply response"
	queryRequest  = "machine.v1.query request"
	queryResponse = "machine.v1.query response"

	applyHeader = 96
	queryHeader = 24
)

// Layout describes the request's bytes.
func (*ApplyRequest) Layout() Layout {
	return Layout{Name: applyRequest, Max: applyHeader + PayloadMax + ParamsMax, Fields: []Field{
		{"0", "4", "q", "u32", "bytes of payload, 0 to 65536"},
		{"4", "4", "p", "u32", "bytes of parameters, 0 to 4096"},
		{"8", "4", "index", "u32", "of the transaction in its block"},
		{"12", "4", "zero", "u32", "0"},
		{"16", "8", "height", "u64", "of the block"},
		{"24", "8", "time", "u64", "of the block, milliseconds since 1970-01-01 UTC"},
		{"32", "32", "transaction", "bytes", "its id"},
		{"64", "32", "sender", "bytes", "the account's public key; zero: unsigned"},
		{"96", "q", "payload", "bytes", "of the transaction"},
		{"96+q", "p", "params", "bytes", "of the binding"},
	}}
}

// Size returns the length of the request's bytes.
func (r *ApplyRequest) Size() int { return applyHeader + len(r.Payload) + len(r.Params) }

// Validate returns an error that wraps ErrLimit if Append would refuse the request.
func (r *ApplyRequest) Validate() error { return sizes(applyRequest, r.Payload, r.Params) }

// Append appends the request's bytes to b.
func (r *ApplyRequest) Append(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return b, err
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(r.Payload)))
	b = le.AppendUint32(b, uint32(len(r.Params)))
	b = le.AppendUint32(b, r.Index)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, r.Height)
	b = le.AppendUint64(b, r.Time)
	b = append(b, r.Transaction[:]...)
	b = append(b, r.Sender[:]...)
	b = append(b, r.Payload...)
	return append(b, r.Params...), nil
}

// Decode reads a request; Payload and Params alias b.
func (r *ApplyRequest) Decode(b []byte) error {
	if len(b) < applyHeader {
		return malformed(applyRequest, "length", "shorter than the header of 96 bytes")
	}
	le := binary.LittleEndian
	payload, params, err := split(applyRequest, b, applyHeader)
	if err != nil {
		return err
	}
	if le.Uint32(b[12:]) != 0 {
		return malformed(applyRequest, "zero", "must be 0")
	}
	r.Index = le.Uint32(b[8:])
	r.Height = le.Uint64(b[16:])
	r.Time = le.Uint64(b[24:])
	copy(r.Transaction[:], b[32:])
	copy(r.Sender[:], b[64:])
	r.Payload, r.Params = payload, params
	return nil
}

// Layout describes the response's bytes.
func (*ApplyResponse) Layout() Layout {
	return Layout{Name: applyResponse, Max: 4 + ApplyOutputMax, Fields: []Field{
		{"0", "4", "code", "u32", "0: done; others: refused by the machine, writes dropped"},
		{"4", "the rest", "output", "bytes", "0 to 4096 bytes"},
	}}
}

// Append appends the response's bytes to b.
func (r *ApplyResponse) Append(b []byte) ([]byte, error) {
	return appendAnswer(applyResponse, b, r.Code, r.Output, ApplyOutputMax)
}

// Decode reads a response; Output aliases b.
func (r *ApplyResponse) Decode(b []byte) (err error) {
	r.Code, r.Output, err = decodeAnswer(applyResponse, b, ApplyOutputMax)
	return err
}

// Layout describes the request's bytes.
func (*QueryRequest) Layout() Layout {
	return Layout{Name: queryRequest, Max: queryHeader + PayloadMax + ParamsMax, Fields: []Field{
		{"0", "4", "q", "u32", "bytes of payload, 0 to 65536"},
		{"4", "4", "p", "u32", "bytes of parameters, 0 to 4096"},
		{"8", "8", "height", "u64", "of the block after which the state is read"},
		{"16", "8", "time", "u64", "of that block, milliseconds since 1970-01-01 UTC"},
		{"24", "q", "payload", "bytes", "of the query"},
		{"24+q", "p", "params", "bytes", "of the binding"},
	}}
}

// Size returns the length of the request's bytes.
func (r *QueryRequest) Size() int { return queryHeader + len(r.Payload) + len(r.Params) }

// Validate returns an error that wraps ErrLimit if Append would refuse the request.
func (r *QueryRequest) Validate() error { return sizes(queryRequest, r.Payload, r.Params) }

// Append appends the request's bytes to b.
func (r *QueryRequest) Append(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return b, err
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(r.Payload)))
	b = le.AppendUint32(b, uint32(len(r.Params)))
	b = le.AppendUint64(b, r.Height)
	b = le.AppendUint64(b, r.Time)
	b = append(b, r.Payload...)
	return append(b, r.Params...), nil
}

// Decode reads a request; Payload and Params alias b.
func (r *QueryRequest) Decode(b []byte) error {
	if len(b) < queryHeader {
		return malformed(queryRequest, "length", "shorter than the header of 24 bytes")
	}
	payload, params, err := split(queryRequest, b, queryHeader)
	if err != nil {
		return err
	}
	r.Height = binary.LittleEndian.Uint64(b[8:])
	r.Time = binary.LittleEndian.Uint64(b[16:])
	r.Payload, r.Params = payload, params
	return nil
}

// Layout describes the response's bytes.
func (*QueryResponse) Layout() Layout {
	return Layout{Name: queryResponse, Max: 4 + QueryOutputMax, Fields: []Field{
		{"0", "4", "code", "u32", "0: answered; others: the machine's own"},
		{"4", "the rest", "output", "bytes", "0 to 65536 bytes"},
	}}
}

// Append appends the response's bytes to b.
func (r *QueryResponse) Append(b []byte) ([]byte, error) {
	return appendAnswer(queryResponse, b, r.Code, r.Output, QueryOutputMax)
}

// Decode reads a response; Output aliases b.
func (r *QueryResponse) Decode(b []byte) (err error) {
	r.Code, r.Output, err = decodeAnswer(queryResponse, b, QueryOutputMax)
	return err
}

// sizes checks the two variable parts of a request.
func sizes(message string, payload, params []byte) error {
	if len(payload) > PayloadMax {
		return tooLarge(message, "length of payload", len(payload), PayloadMax)
	}
	if len(params) > ParamsMax {
		return tooLarge(message, "length of params", len(params), ParamsMax)
	}
	return nil
}

// behind returns the parameters, the only variable part behind a header that starts with their
// length.
func behind(message string, b []byte, header int) (params []byte, err error) {
	if len(b) < header {
		return nil, malformed(message, "length", "shorter than the header")
	}
	if p := binary.LittleEndian.Uint32(b); p > ParamsMax {
		return nil, malformed(message, "p", "must be at most 4096")
	} else if len(b) != header+int(p) {
		return nil, malformed(message, "length", "must be what the counts give")
	}
	return b[header:], nil
}

// split returns the two variable parts behind a header that starts with their lengths.
func split(message string, b []byte, header int) (payload, params []byte, err error) {
	q, p := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	switch {
	case q > PayloadMax:
		return nil, nil, malformed(message, "q", "must be at most 65536")
	case p > ParamsMax:
		return nil, nil, malformed(message, "p", "must be at most 4096")
	case len(b) != header+int(q)+int(p):
		return nil, nil, malformed(message, "length", "must be what the counts give")
	}
	end := header + int(q)
	return b[header:end:end], b[end:], nil
}

func appendAnswer(message string, b []byte, code uint32, output []byte, most int) ([]byte, error) {
	if len(output) > most {
		return b, tooLarge(message, "length of output", len(output), most)
	}
	return append(binary.LittleEndian.AppendUint32(b, code), output...), nil
}

func decodeAnswer(message string, b []byte, most int) (code uint32, output []byte, err error) {
	if len(b) < 4 {
		return 0, nil, malformed(message, "code", "missing")
	}
	if len(b) > 4+most {
		return 0, nil, malformed(message, "output", "too long")
	}
	return binary.LittleEndian.Uint32(b), b[4:], nil
}
