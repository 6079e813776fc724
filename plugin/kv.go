package plugin

import (
	"bytes"
	"encoding/binary"
	"math"

	"quoin.dev/quoin/hook"
)

// KV is the built-in key-value machine. A transaction's payload is a batch of operations,
// applied in order, all or nothing; a query asks for one key or a range.
//
// # Bytes
//
// Integers are big-endian. A payload is a count of operations in two bytes (1 to KVOpsMax),
// then the operations without gaps:
//
//	put     1, key, value                   set the value
//	delete  2, key                          remove the key if it is there
//	add     3, key, i64                     add to a counter of eight bytes, two's complement; absent is 0
//	append  4, key, value                   append to the value; absent is empty
//	cas     5, key, 0 or 1 and value, value set the second value if the key is absent (0) or has the first (1)
//
// where a key is a length of two bytes (1 to 256) and its bytes, and a value a length of four
// bytes (at most 65,536) and its bytes. The output holds the new value of each add, in order.
//
// A query is 1, key (the answer is the value) or 2, start, end, limit in two bytes: the
// answer lists key and value pairs as above, as many as fit, from start to end (exclusive;
// both have a length of two bytes, and an empty end means the last key).
type KV struct{}

var _ hook.MachinePlugin = KV{}

// Codes of the key-value machine.
const (
	KVDone          uint32 = iota
	KVMalformed            // the payload is no batch or query
	KVMismatch             // a cas found another value
	KVNotCounter           // an add found a value that has not eight bytes
	KVOverflow             // an add would leave the range of i64
	KVTooLarge             // an append would exceed the longest value
	KVOutputTooLong        // more adds than the output can hold
	KVNotFound             // a query for a key that is not there
)

// KVOpsMax is the largest number of operations in a batch.
const KVOpsMax = 1024

const (
	kvPut = iota + 1
	kvDelete
	kvAdd
	kvAppend
	kvCAS
)

const (
	kvGet = iota + 1
	kvScan
)

// KVBatch builds a payload. The zero KVBatch is empty and ready; limits are checked by the
// machine, which answers KVMalformed.
type KVBatch struct {
	count int
	ops   []byte
}

// Put sets a key.
func (b *KVBatch) Put(key, value []byte) { b.op(kvPut, key); b.value(value) }

// Delete removes a key.
func (b *KVBatch) Delete(key []byte) { b.op(kvDelete, key) }

// Add adds to a counter.
func (b *KVBatch) Add(key []byte, delta int64) {
	b.op(kvAdd, key)
	b.ops = binary.BigEndian.AppendUint64(b.ops, uint64(delta))
}

// Append appends to a value.
func (b *KVBatch) Append(key, suffix []byte) { b.op(kvAppend, key); b.value(suffix) }

// CompareAndSet sets a key if it has the value expected.
func (b *KVBatch) CompareAndSet(key, expected, value []byte) {
	b.op(kvCAS, key)
	b.ops = append(b.ops, 1)
	b.value(expected)
	b.value(value)
}

// Create sets a key if it is not there.
func (b *KVBatch) Create(key, value []byte) {
	b.op(kvCAS, key)
	b.ops = append(b.ops, 0)
	b.value(value)
}

// Payload returns the bytes for a transaction.
func (b *KVBatch) Payload() []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(b.count)), b.ops...)
}

func (b *KVBatch) op(code byte, key []byte) {
	b.count++
	b.ops = kvAppendKey(append(b.ops, code), key)
}

func (b *KVBatch) value(v []byte) {
	b.ops = append(binary.BigEndian.AppendUint32(b.ops, uint32(len(v))), v...)
}

func kvAppendKey(b, key []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(key))), key...)
}

// KVGetQuery returns the payload of a query for one key.
func KVGetQuery(key []byte) []byte { return kvAppendKey([]byte{kvGet}, key) }

// KVScanQuery returns the payload of a query for at most limit pairs of a range.
func KVScanQuery(start, end []byte, limit uint16) []byte {
	return binary.BigEndian.AppendUint16(kvAppendKey(kvAppendKey([]byte{kvScan}, start), end), limit)
}

// KVPair is an entry of a range.
type KVPair struct{ Key, Value []byte }

// KVPairs reads the answer of a range query; the pairs alias it.
func KVPairs(answer []byte) ([]KVPair, bool) {
	var pairs []KVPair
	r := kvReader{rest: answer}
	for len(r.rest) > 0 {
		pairs = append(pairs, KVPair{r.key(1), r.value()})
	}
	return pairs, !r.bad
}

// Apply implements hook.MachinePlugin.
func (KV) Apply(q *hook.ApplyRequest, state hook.Access) hook.ApplyResponse {
	if !kvWellFormed(q.Payload) {
		return hook.ApplyResponse{Code: KVMalformed}
	}
	r := kvReader{rest: q.Payload}
	var output []byte
	for n := r.uint16(); n > 0; n-- {
		var code uint32
		switch op, key := r.byte(), r.key(1); op {
		case kvPut:
			state.Put(key, r.value())
		case kvDelete:
			state.Delete(key)
		case kvAdd:
			output, code = kvApplyAdd(state, key, int64(r.uint64()), output)
		case kvAppend:
			code = kvApplyAppend(state, key, r.value())
		case kvCAS:
			present, expected := r.expected()
			code = kvApplyCAS(state, key, present, expected, r.value())
		}
		if code != KVDone {
			return hook.ApplyResponse{Code: code}
		}
	}
	return hook.ApplyResponse{Output: output}
}

func kvApplyAdd(state hook.Access, key []byte, delta int64, output []byte) ([]byte, uint32) {
	var counter int64
	if v, ok := state.Get(key); ok {
		if len(v) != 8 {
			return nil, KVNotCounter
		}
		counter = int64(binary.BigEndian.Uint64(v))
	}
	if delta > 0 && counter > math.MaxInt64-delta || delta < 0 && counter < math.MinInt64-delta {
		return nil, KVOverflow
	}
	if len(output)+8 > hook.ApplyOutputMax {
		return nil, KVOutputTooLong
	}
	output = binary.BigEndian.AppendUint64(output, uint64(counter+delta))
	state.Put(key, output[len(output)-8:])
	return output, KVDone
}

func kvApplyAppend(state hook.Access, key, suffix []byte) uint32 {
	old, _ := state.Get(key)
	if len(old)+len(suffix) > hook.ValueMax {
		return KVTooLarge
	}
	state.Put(key, append(bytes.Clone(old), suffix...))
	return KVDone
}

func kvApplyCAS(state hook.Access, key []byte, present bool, expected, value []byte) uint32 {
	old, ok := state.Get(key)
	if ok != present || present && !bytes.Equal(old, expected) {
		return KVMismatch
	}
	state.Put(key, value)
	return KVDone
}

// Query implements hook.MachinePlugin.
func (KV) Query(q *hook.QueryRequest, state hook.Reader) hook.QueryResponse {
	r := kvReader{rest: q.Payload}
	switch r.byte() {
	case kvGet:
		key := r.key(1)
		if !r.done() {
			break
		}
		v, ok := state.Get(key)
		if !ok {
			return hook.QueryResponse{Code: KVNotFound}
		}
		return hook.QueryResponse{Output: bytes.Clone(v)}
	case kvScan:
		start, end, limit := r.key(0), r.key(0), r.uint16()
		if !r.done() {
			break
		}
		if len(end) == 0 {
			end = nil
		}
		var output []byte
		state.Scan(start, end, func(key, value []byte) bool {
			if limit == 0 || len(output)+2+len(key)+4+len(value) > hook.QueryOutputMax {
				return false
			}
			limit--
			output = kvAppendKey(output, key)
			output = append(binary.BigEndian.AppendUint32(output, uint32(len(value))), value...)
			return true
		})
		return hook.QueryResponse{Output: output}
	}
	return hook.QueryResponse{Code: KVMalformed}
}

// kvWellFormed checks a whole batch before its first operation is applied.
func kvWellFormed(payload []byte) bool {
	r := kvReader{rest: payload}
	n := r.uint16()
	if n < 1 || n > KVOpsMax {
		return false
	}
	for ; n > 0 && !r.bad; n-- {
		op := r.byte()
		r.key(1)
		switch op {
		case kvPut, kvAppend:
			r.value()
		case kvDelete:
		case kvAdd:
			r.uint64()
		case kvCAS:
			r.expected()
			r.value()
		default:
			return false
		}
	}
	return r.done()
}

// kvReader reads a payload; after the first problem it is bad and reads zeros.
type kvReader struct {
	rest []byte
	bad  bool
}

func (r *kvReader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *kvReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *kvReader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *kvReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *kvReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// key reads a key of at least the given length.
func (r *kvReader) key(least int) []byte {
	n := int(r.uint16())
	if n < least || n > hook.KeyMax {
		r.bad = true
	}
	return r.take(n)
}

func (r *kvReader) value() []byte {
	n := r.uint32()
	if n > hook.ValueMax {
		r.bad = true
		return nil
	}
	return r.take(int(n))
}

// expected reads the condition of a cas.
func (r *kvReader) expected() (present bool, value []byte) {
	switch r.byte() {
	case 0:
		return false, nil
	case 1:
		return true, r.value()
	}
	r.bad = true
	return false, nil
}

func (r *kvReader) done() bool { return !r.bad && len(r.rest) == 0 }
