package hook

import "encoding/binary"

// ValidationRequest asks whether a transaction of a namespace may reach the namespace's machine. The
// answer must be a function of the request and the state after the block before: the pool asks with
// the certified state, to keep what would be refused out of blocks, and execution asks once more and
// decides.
type ValidationRequest struct {
	Height      uint64 // of the block; in the pool: of the next one
	Time        uint64 // of the block, milliseconds since 1970-01-01 UTC; in the pool: of the last one
	Transaction [32]byte
	Sender      [32]byte // the account's public key; zero for an unsigned transaction
	Payload     []byte   // at most PayloadMax bytes
	Params      []byte   // the binding's parameters, at most ParamsMax bytes
}

// ValidationResponse accepts with the code 0. Another code is the plugin's reason, which the
// transaction's result carries; the machine never sees the transaction.
type ValidationResponse struct {
	Code uint32
}

const (
	validationRequest  = "validation.v1 request"
	validationResponse = "validation.v1 response"

	validationHeader = 88
)

// Layout describes the request's bytes.
func (*ValidationRequest) Layout() Layout {
	return Layout{Name: validationRequest, Max: validationHeader + PayloadMax + ParamsMax, Fields: []Field{
		{"0", "4", "q", "u32", "bytes of payload, 0 to 65536"},
		{"4", "4", "p", "u32", "bytes of parameters, 0 to 4096"},
		{"8", "8", "height", "u64", "of the block; in the pool: of the next one"},
		{"16", "8", "time", "u64", "of the block, milliseconds since 1970-01-01 UTC; in the pool: of the last one"},
		{"24", "32", "transaction", "bytes", "its id"},
		{"56", "32", "sender", "bytes", "the account's public key; zero: unsigned"},
		{"88", "q", "payload", "bytes", "of the transaction"},
		{"88+q", "p", "params", "bytes", "of the binding"},
	}}
}

// Size returns the length of the request's bytes.
func (r *ValidationRequest) Size() int { return validationHeader + len(r.Payload) + len(r.Params) }

// Validate returns an error that wraps ErrLimit if Append would refuse the request.
func (r *ValidationRequest) Validate() error { return sizes(validationRequest, r.Payload, r.Params) }

// Append appends the request's bytes to b.
func (r *ValidationRequest) Append(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return b, err
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(r.Payload)))
	b = le.AppendUint32(b, uint32(len(r.Params)))
	b = le.AppendUint64(b, r.Height)
	b = le.AppendUint64(b, r.Time)
	b = append(b, r.Transaction[:]...)
	b = append(b, r.Sender[:]...)
	b = append(b, r.Payload...)
	return append(b, r.Params...), nil
}

// Decode reads a request; Payload and Params alias b.
func (r *ValidationRequest) Decode(b []byte) error {
	if len(b) < validationHeader {
		return malformed(validationRequest, "length", "shorter than the header of 88 bytes")
	}
	payload, params, err := split(validationRequest, b, validationHeader)
	if err != nil {
		return err
	}
	r.Height = binary.LittleEndian.Uint64(b[8:])
	r.Time = binary.LittleEndian.Uint64(b[16:])
	copy(r.Transaction[:], b[24:])
	copy(r.Sender[:], b[56:])
	r.Payload, r.Params = payload, params
	return nil
}

// Layout describes the response's bytes.
func (*ValidationResponse) Layout() Layout {
	return Layout{Name: validationResponse, Max: 4, Fields: []Field{
		{"0", "4", "code", "u32", "0: accepted; others: the plugin's reason to refuse"},
	}}
}

// Append appends the response's bytes to b.
func (r *ValidationResponse) Append(b []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint32(b, r.Code), nil
}

// Decode reads a response.
func (r *ValidationResponse) Decode(b []byte) error {
	if len(b) != 4 {
		return malformed(validationResponse, "length", "must be 4")
	}
	r.Code = binary.LittleEndian.Uint32(b)
	return nil
}
