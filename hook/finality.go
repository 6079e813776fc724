package hook

import "encoding/binary"

// Bounds of what finality.v1 may ask for: the host never waits for more.
const (
	FinalityBlocksMax = 64     // further certified blocks
	FinalityMSMax     = 60_000 // milliseconds
)

// FinalityRequest describes a block, by facts that every replica shares. It is asked once for each
// block, while the block is executed.
type FinalityRequest struct {
	Transactions uint32 // of the block, the kernel's included
	Bytes        uint32 // of the block's body
	Proposer     uint32 // index of the validator
	Validators   uint32 // of the epoch
	Height       uint64
	Time         uint64 // milliseconds since 1970-01-01 UTC
	ParentTime   uint64 // of the block before
	Epoch        uint64
	View         uint64
	ViewGap      uint64 // views without a block just before it
	Params       []byte // the binding's parameters, at most ParamsMax bytes
}

// FinalityResponse says how long to wait before a certified block is reported as final to those who
// asked for reported finality: until so many further blocks are certified or so much time has passed
// since the block's own time by the reporting node's clock, whichever comes first. Both 0 is at once.
// Milliseconds of 0 beside some blocks stand for FinalityMSMax. More than the bounds is cut down to
// them. The certificate is out at once in any case.
type FinalityResponse struct {
	Blocks       uint32
	Milliseconds uint32
}

const (
	finalityRequest  = "finality.v1 request"
	finalityResponse = "finality.v1 response"

	finalityHeader = 72
)

// Layout describes the request's bytes.
func (*FinalityRequest) Layout() Layout {
	return Layout{Name: finalityRequest, Max: finalityHeader + ParamsMax, Fields: []Field{
		{"0", "4", "p", "u32", "bytes of parameters, 0 to 4096"},
		{"4", "4", "transactions", "u32", "of the block, the kernel's included"},
		{"8", "4", "bytes", "u32", "of the block's body"},
		{"12", "4", "zero", "u32", "0"},
		{"16", "4", "proposer", "u32", "index of the validator"},
		{"20", "4", "validators", "u32", "of the epoch"},
		{"24", "8", "height", "u64", "of the block"},
		{"32", "8", "time", "u64", "of the block, milliseconds since 1970-01-01 UTC"},
		{"40", "8", "parent_time", "u64", "of the block before"},
		{"48", "8", "epoch", "u64", ""},
		{"56", "8", "view", "u64", ""},
		{"64", "8", "view_gap", "u64", "views without a block just before it"},
		{"72", "p", "params", "bytes", "of the binding"},
	}}
}

// Size returns the length of the request's bytes.
func (r *FinalityRequest) Size() int { return finalityHeader + len(r.Params) }

// Validate returns an error that wraps ErrLimit if Append would refuse the request.
func (r *FinalityRequest) Validate() error { return sizes(finalityRequest, nil, r.Params) }

// Append appends the request's bytes to b.
func (r *FinalityRequest) Append(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return b, err
	}
	le := binary.LittleEndian
	for _, v := range [...]uint32{uint32(len(r.Params)), r.Transactions, r.Bytes, 0, r.Proposer, r.Validators} {
		b = le.AppendUint32(b, v)
	}
	for _, v := range [...]uint64{r.Height, r.Time, r.ParentTime, r.Epoch, r.View, r.ViewGap} {
		b = le.AppendUint64(b, v)
	}
	return append(b, r.Params...), nil
}

// Decode reads a request; Params aliases b.
func (r *FinalityRequest) Decode(b []byte) error {
	params, err := behind(finalityRequest, b, finalityHeader)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	if le.Uint32(b[12:]) != 0 {
		return malformed(finalityRequest, "zero", "must be 0")
	}
	r.Transactions, r.Bytes = le.Uint32(b[4:]), le.Uint32(b[8:])
	r.Proposer, r.Validators = le.Uint32(b[16:]), le.Uint32(b[20:])
	r.Height, r.Time, r.ParentTime = le.Uint64(b[24:]), le.Uint64(b[32:]), le.Uint64(b[40:])
	r.Epoch, r.View, r.ViewGap = le.Uint64(b[48:]), le.Uint64(b[56:]), le.Uint64(b[64:])
	r.Params = params
	return nil
}

// Layout describes the response's bytes.
func (*FinalityResponse) Layout() Layout {
	return Layout{Name: finalityResponse, Max: 8, Fields: []Field{
		{"0", "4", "blocks", "u32", "further certified blocks to wait for; the host takes at most 64"},
		{"4", "4", "milliseconds", "u32", "to wait at most; 0 beside some blocks: 60000; the host takes at most 60000"},
	}}
}

// Append appends the response's bytes to b.
func (r *FinalityResponse) Append(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint32(b, r.Blocks)
	return binary.LittleEndian.AppendUint32(b, r.Milliseconds), nil
}

// Decode reads a response.
func (r *FinalityResponse) Decode(b []byte) error {
	if len(b) != 8 {
		return malformed(finalityResponse, "length", "must be 8")
	}
	r.Blocks, r.Milliseconds = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	return nil
}

// Bounded returns the response as the host applies it.
func (r FinalityResponse) Bounded() FinalityResponse {
	if r.Blocks > 0 && r.Milliseconds == 0 {
		r.Milliseconds = FinalityMSMax
	}
	return FinalityResponse{min(r.Blocks, FinalityBlocksMax), min(r.Milliseconds, FinalityMSMax)}
}
