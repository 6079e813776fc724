package trial

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/plugintest"
)

// Source makes valid requests at random. Equal seeds, taught alike, give equal requests.
type Source struct {
	Params []byte // of every request

	rng    *rand.Rand
	corpus map[string]*corpus // payloads worth changing, by operation
	height uint64
	index  uint32
	given  []byte // the payload of the next request
}

// NewSource returns a source.
func NewSource(seed uint64, params []byte) *Source {
	return &Source{Params: params, rng: rand.New(rand.NewPCG(seed, 0)), corpus: map[string]*corpus{}, height: 1}
}

// Bounds of what a source is taught for an operation: payloads of one class, classes, and bytes of a
// payload. Long ones are dear and seldom say more than short ones.
const (
	corpusMax  = 128
	classesMax = 64
	taughtMax  = 1 << 10
)

// corpus holds the payloads of one operation, by class.
type corpus struct {
	classes  []uint32
	payloads map[uint32][][]byte
}

// Teach gives the source a payload that an operation does something with: later payloads are made
// from it. The class says what it does, such as the code of the answer: payloads of all classes are
// taken equally often, so that one that got further than most others counts.
func (s *Source) Teach(operation string, class uint32, payload []byte) {
	if len(payload) > taughtMax {
		return
	}
	c := s.corpus[operation]
	if c == nil {
		c = &corpus{payloads: map[uint32][][]byte{}}
		s.corpus[operation] = c
	}
	list, known := c.payloads[class]
	switch {
	case !known && len(c.classes) == classesMax:
		return
	case !known:
		c.classes = append(c.classes, class)
	}
	if len(list) < corpusMax {
		c.payloads[class] = append(list, slices.Clone(payload))
	} else {
		list[s.rng.IntN(corpusMax)] = slices.Clone(payload)
	}
}

// message is a request of package hook.
type message interface {
	Append(b []byte) ([]byte, error)
}

// encode returns a request's bytes. All that this package makes are valid.
func encode(m message) []byte {
	b, err := m.Append(nil)
	if err != nil {
		panic(fmt.Sprintf("trial: a request of its own is invalid: %v", err))
	}
	return b
}

// Examples returns requests that have the payloads, in their order and by one sender; none of an
// operation without payloads. The payloads are taught as well.
func (s *Source) Examples(operation string, payloads [][]byte) (list [][]byte) {
	switch operation {
	case hook.Apply.Name, hook.Query.Name, hook.Validate.Name, hook.Prioritize.Name:
	default:
		return nil
	}
	for _, p := range payloads {
		s.Teach(operation, 0, p)
		s.given = append([]byte{}, p...)
		list = append(list, s.Request(operation))
	}
	s.given = nil
	return list
}

// Request returns a valid request of the operation.
func (s *Source) Request(operation string) []byte {
	r := s.rng
	if s.index++; r.IntN(16) == 0 { // the next block
		s.height, s.index = s.height+1+r.Uint64N(3), 0
	}
	switch operation {
	case hook.Lead.Name:
		most := 20
		if r.IntN(10) == 0 {
			most = hook.ValidatorsMax
		}
		q := plugintest.RandomRequest(r, most)
		q.Params = s.Params
		return encode(q)
	case hook.Apply.Name:
		return encode(&hook.ApplyRequest{Height: s.height, Time: timeOf(s.height), Index: s.index, Transaction: s.bytes32(),
			Sender: s.sender(), Payload: s.payload(operation), Params: s.Params})
	case hook.Query.Name:
		return encode(&hook.QueryRequest{Height: s.height, Time: timeOf(s.height), Payload: s.payload(operation), Params: s.Params})
	case hook.Validate.Name:
		return encode(&hook.ValidationRequest{Height: s.height, Time: timeOf(s.height), Transaction: s.bytes32(),
			Sender: s.sender(), Payload: s.payload(operation), Params: s.Params})
	case hook.Delay.Name:
		n := 1 + uint32(r.IntN(100))
		return encode(&hook.FinalityRequest{Transactions: r.Uint32N(5_000), Bytes: r.Uint32N(4 << 20), Proposer: r.Uint32N(n), Validators: n,
			Height: s.height, Time: timeOf(s.height), ParentTime: timeOf(s.height - 1), Epoch: s.height / 100, View: 1 + r.Uint64N(1_000), ViewGap: r.Uint64N(4), Params: s.Params})
	case hook.Timeout.Name:
		return encode(s.pacemaker())
	case hook.Prioritize.Name:
		capacity := 1 + r.Uint32N(10_000)
		return encode(&hook.PriorityRequest{Pending: r.Uint32N(capacity), Capacity: capacity, Local: r.IntN(2) == 0, Height: s.height, Expiry: s.height + r.Uint64N(200),
			Transaction: s.bytes32(), Sender: s.sender(), Namespace: []byte([]string{"kv", "bank", "a", "names-of-thirty-two-bytes-at-most"[:32]}[r.IntN(4)]),
			Payload: s.payload(operation), Params: s.Params})
	}
	panic("trial: no requests for the operation " + operation)
}

// pacemaker returns the question of a node whose network is now fast, now slow.
func (s *Source) pacemaker() *hook.PacemakerRequest {
	r := s.rng
	q := &hook.PacemakerRequest{Validators: 1 + r.Uint32N(100), BaseMS: 50 + r.Uint64N(5_000), View: 1 + r.Uint64N(10_000), Params: s.Params}
	q.MaxMS = q.BaseMS << r.IntN(8)
	q.Self = r.Uint32N(q.Validators)
	if r.IntN(10) == 0 {
		q.Self = hook.PacemakerObserver
	}
	failed := min(uint64(r.ExpFloat64()*2), q.View-1)
	q.CertifiedView = q.View - 1 - failed
	q.BuiltinMS = min(q.BaseMS<<min(failed, 20), q.MaxMS)
	view := q.View
	for range r.IntN(hook.PacemakerWindowMax + 1) {
		gap := 1 + r.Uint64N(2)
		if view <= gap {
			break
		}
		view -= gap
		q.Window = append(q.Window, hook.PacemakerView{View: view, MS: uint32(q.BaseMS/16 + r.Uint64N(q.BaseMS)), Notarized: r.IntN(5) > 0})
	}
	return q
}

func (s *Source) bytes32() (b [32]byte) {
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], s.rng.Uint64())
	}
	return b
}

// sender is one of a few, or nobody.
func (s *Source) sender() (key [32]byte) {
	n := s.rng.IntN(9)
	if s.given != nil {
		n = 1
	}
	if n > 0 {
		key = madeUp("sender", []byte{byte(n)})
	}
	return key
}

// payload returns a new payload, or one made from those that the source was taught.
func (s *Source) payload(operation string) []byte {
	if s.given != nil {
		return s.given
	}
	if c := s.corpus[operation]; c != nil && s.rng.IntN(4) > 0 {
		return s.changed(c.payloads[c.classes[s.rng.IntN(len(c.classes))]])
	}
	return s.anyPayload()
}

func (s *Source) anyPayload() []byte {
	r := s.rng
	if r.IntN(2) == 0 {
		return s.numbers()
	}
	n := r.IntN(48)
	switch r.IntN(20) {
	case 0:
		n = 0
	case 1:
		n = r.IntN(hook.PayloadMax + 1)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	switch r.IntN(4) {
	case 0: // a number of an operation, then few different bytes
		for i := range b {
			b[i] &= 7
		}
	case 1: // text
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz     0123456789,:\"{}"[int(b[i])%46]
		}
	}
	return b
}

// numbers returns what many formats look like: a number of an operation, then small numbers of equal
// lengths.
func (s *Source) numbers() []byte {
	r := s.rng
	b := []byte{byte(r.IntN(10))}
	width, big := 1<<r.IntN(4), r.IntN(2) == 0
	for range 1 + r.IntN(4) {
		number := make([]byte, width)
		at := 0
		if big {
			at = width - 1
		}
		number[at] = byte(r.IntN(12))
		b = append(b, number...)
	}
	return b
}

// changed returns a payload of the list, most often changed in a place or two.
func (s *Source) changed(list [][]byte) []byte {
	r := s.rng
	b := slices.Clone(list[r.IntN(len(list))])
	for range r.IntN(4) {
		at := r.IntN(len(b) + 1)
		to := min(len(b), at+1+r.IntN(8))
		switch r.IntN(6) {
		case 0:
			b = append(b, s.anyPayload()...)
		case 1:
			b = slices.Delete(b, at, to)
		case 2:
			b = slices.Insert(b, at, slices.Clone(b[at:to])...)
		case 3:
			other := list[r.IntN(len(list))]
			b = append(b[:at], other[min(at, len(other)):]...)
		case 4:
			for i := at; i < to; i++ {
				b[i] = []byte{0, 1, 0x7f, 0x80, 0xff}[r.IntN(5)]
			}
		default:
			if at < len(b) {
				b[at] ^= 1 << r.IntN(8)
			}
		}
	}
	return b[:min(len(b), hook.PayloadMax)]
}
