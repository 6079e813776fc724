package hook

import "encoding/binary"

// MigrateCalls is how many calls' fuel a migration has: it is one call of its kind, for as many keys as
// a block of transactions may well write.
const MigrateCalls = 32

// MigrateRequest asks a machine to bring its namespace over from what served it before, once, before
// the first transaction that the machine applies.
type MigrateRequest struct {
	Height uint64   // of the first block that the machine serves
	Time   uint64   // of that block, milliseconds since 1970-01-01 UTC
	From   [32]byte // digest of the release that served before; zero: a built-in, or nothing
	Params []byte   // the binding's parameters, at most ParamsMax bytes
}

// MigrateResponse says whether the namespace is brought over. A code other than 0 is the machine's own
// reason why it cannot be: as after a fault, its writes are dropped and the machine goes.
type MigrateResponse struct {
	Code uint32
}

const (
	migrateRequest  = "machine.v1.migrate request"
	migrateResponse = "machine.v1.migrate response"

	migrateHeader = 56
)

// Layout describes the request's bytes.
func (*MigrateRequest) Layout() Layout {
	return Layout{Name: migrateRequest, Max: migrateHeader + ParamsMax, Fields: []Field{
		{"0", "4", "p", "u32", "bytes of parameters, 0 to 4096"},
		{"4", "4", "zero", "u32", "0"},
		{"8", "8", "height", "u64", "of the first block that the machine serves"},
		{"16", "8", "time", "u64", "of that block, milliseconds since 1970-01-01 UTC"},
		{"24", "32", "from", "bytes", "digest of the release that served before; zero: a built-in, or nothing"},
		{"56", "p", "params", "bytes", "of the binding"},
	}}
}

// Size returns the length of the request's bytes.
func (r *MigrateRequest) Size() int { return migrateHeader + len(r.Params) }

// Validate returns an error that wraps ErrLimit if Append would refuse the request.
func (r *MigrateRequest) Validate() error { return sizes(migrateRequest, nil, r.Params) }

// Append appends the request's bytes to b.
func (r *MigrateRequest) Append(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return b, err
	}
	le := binary.LittleEndian
	b = le.AppendUint32(le.AppendUint32(b, uint32(len(r.Params))), 0)
	b = le.AppendUint64(le.AppendUint64(b, r.Height), r.Time)
	return append(append(b, r.From[:]...), r.Params...), nil
}

// Decode reads a request; Params aliases b.
func (r *MigrateRequest) Decode(b []byte) error {
	params, err := behind(migrateRequest, b, migrateHeader)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	if le.Uint32(b[4:]) != 0 {
		return malformed(migrateRequest, "zero", "must be 0")
	}
	r.Height, r.Time = le.Uint64(b[8:]), le.Uint64(b[16:])
	copy(r.From[:], b[24:])
	r.Params = params
	return nil
}

// Layout describes the response's bytes.
func (*MigrateResponse) Layout() Layout {
	return Layout{Name: migrateResponse, Max: 4, Fields: []Field{
		{"0", "4", "code", "u32", "0: done; others: the machine's reason why not, writes dropped"},
	}}
}

// Append appends the response's bytes to b.
func (r *MigrateResponse) Append(b []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint32(b, r.Code), nil
}

// Decode reads a response.
func (r *MigrateResponse) Decode(b []byte) error {
	if len(b) != 4 {
		return malformed(migrateResponse, "length", "must be 4")
	}
	r.Code = binary.LittleEndian.Uint32(b)
	return nil
}
