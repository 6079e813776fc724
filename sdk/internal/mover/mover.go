// Package mover is a machine with a migration, for tests in the sandbox and beside it: counters that
// were kept as decimal text before are eight bytes, big-endian, now.
package mover

import (
	"encoding/binary"
	"strconv"

	"quoin.dev/quoin/hook"
)

// Codes of refusals.
const (
	CodeMalformed = 1
	CodeNoNumber  = 2 // a value of before is no decimal number
)

// Machine counts for each key of a transaction's payload, and was Text before.
type Machine struct{}

// Apply adds one to the counter that the payload names.
func (Machine) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	if len(q.Payload) == 0 || len(q.Payload) > hook.KeyMax {
		return hook.ApplyResponse{Code: CodeMalformed}
	}
	n := uint64(0)
	if v, ok := s.Get(q.Payload); ok && len(v) == 8 {
		n = binary.BigEndian.Uint64(v)
	}
	s.Put(q.Payload, binary.BigEndian.AppendUint64(nil, n+1))
	return hook.ApplyResponse{}
}

// Query answers nothing.
func (Machine) Query(*hook.QueryRequest, hook.Reader) hook.QueryResponse { return hook.QueryResponse{} }

// Migrate makes numbers of the texts. A visit must not write, so the keys are gathered first.
func (Machine) Migrate(_ *hook.MigrateRequest, s hook.Access) (r hook.MigrateResponse) {
	type counter struct {
		key []byte
		n   uint64
	}
	var all []counter
	s.Scan(nil, nil, func(key, value []byte) bool {
		n, err := strconv.ParseUint(string(value), 10, 64)
		if err != nil {
			r.Code = CodeNoNumber
			return false
		}
		all = append(all, counter{append([]byte(nil), key...), n})
		return true
	})
	for _, c := range all {
		s.Put(c.key, binary.BigEndian.AppendUint64(nil, c.n))
	}
	return r
}
