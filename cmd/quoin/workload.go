package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugins/bank/smallbank"
)

// request is one thing that a load's client does: a query, a transaction, or the one and then the other.
type request struct {
	kind      string // for the report
	namespace string
	query     []byte // nil: none
	payload   []byte // nil: none
}

// workload makes requests. Its methods may be called for several clients at once, each with its own
// random source.
type workload interface {
	// prepare yields the payloads that a client must have had certified before the load begins.
	prepare(client int, yield func(request) bool)
	next(client int, r *rand.Rand) request
	// codeName says what a result's code means.
	codeName(code uint32) string
}

// The core workloads of YCSB (Cooper et al., Benchmarking Cloud Serving Systems with YCSB, SoCC
// 2010), on the key-value machine: reads and scans are queries, which are not ordered; updates and
// inserts are transactions. A record is one value, not ten fields.
type ycsb struct {
	mix     ycsbMix
	records int
	clients int
	value   int // bytes
	zipf    *zipfian
	// inserted counts each client's own inserts: their keys lie behind the records, one client
	// after the other, so that clients share nothing.
	inserted []uint64
}

type ycsbMix struct {
	read, update, insert, scan, modify int // percent
	latest                             bool
}

var mixes = map[string]ycsbMix{
	"ycsb-a":  {read: 50, update: 50},
	"ycsb-b":  {read: 95, update: 5},
	"ycsb-c":  {read: 100},
	"ycsb-d":  {read: 95, insert: 5, latest: true},
	"ycsb-e":  {scan: 95, insert: 5},
	"ycsb-f":  {read: 50, modify: 50},
	"updates": {update: 100}, // none of YCSB's: every request is a transaction
}

const ycsbScanMax = 100

func workloadNames() string {
	names := append(slices.Collect(maps.Keys(mixes)), "smallbank")
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func newWorkload(name string, records, value int, accounts []quoin.PublicKey) (workload, error) {
	if records < 1 || records > 10_000_000 || value < 1 || value > 32<<10 {
		return nil, usage("a load of "+fmt.Sprint(records)+" records of "+fmt.Sprint(value)+" bytes", "choose --records 1 to 10000000 and --value-bytes 1 to 32768")
	}
	if mix, ok := mixes[name]; ok {
		return &ycsb{mix: mix, records: records, clients: len(accounts), value: value, zipf: newZipfian(uint64(records)), inserted: make([]uint64, len(accounts))}, nil
	}
	if name == "smallbank" {
		return newBankLoad(records, accounts), nil
	}
	return nil, usage("there is no workload "+quote(name), "choose one of "+workloadNames())
}

func (y *ycsb) codeName(code uint32) string {
	if code == plugin.KVNotFound {
		return "not-found"
	}
	return fmt.Sprintf("kv-%d", code)
}

func (y *ycsb) prepare(client int, yield func(request) bool) {
	var batch plugin.KVBatch
	size := 0
	for i := client; i < y.records; i += y.clients {
		batch.Put(ycsbKey(uint64(i)), y.bytes(uint64(i)))
		if size += 64 + y.value; size > quoin.PayloadMax-64-y.value-64 || i+y.clients >= y.records {
			if !yield(request{kind: "load", namespace: "kv", payload: batch.Payload()}) {
				return
			}
			batch, size = plugin.KVBatch{}, 0
		}
	}
}

func (y *ycsb) next(client int, r *rand.Rand) request {
	p := r.IntN(100)
	q := request{namespace: "kv"}
	switch m := &y.mix; {
	case p < m.read:
		q.kind, q.query = "read", plugin.KVGetQuery(y.choose(client, r))
	case p < m.read+m.update:
		q.kind, q.payload = "update", y.put(y.choose(client, r), r)
	case p < m.read+m.update+m.insert:
		n := y.inserted[client]
		y.inserted[client]++
		q.kind, q.payload = "insert", y.put(ycsbKey(y.insertedIndex(client, n)), r)
	case p < m.read+m.update+m.insert+m.scan:
		q.kind, q.query = "scan", plugin.KVScanQuery(y.choose(client, r), nil, uint16(1+r.IntN(ycsbScanMax)))
	default:
		key := y.choose(client, r)
		q.kind, q.query, q.payload = "read-modify-write", plugin.KVGetQuery(key), y.put(key, r)
	}
	return q
}

func (y *ycsb) insertedIndex(client int, n uint64) uint64 {
	return uint64(y.records) + n*uint64(y.clients) + uint64(client)
}

// choose draws a key: by the scrambled Zipf distribution, or the newest most often.
func (y *ycsb) choose(client int, r *rand.Rand) []byte {
	rank := y.zipf.next(r)
	if !y.mix.latest {
		return ycsbKey(scramble(rank) % uint64(y.records))
	}
	if n := y.inserted[client]; rank < n {
		return ycsbKey(y.insertedIndex(client, n-1-rank))
	}
	return ycsbKey(uint64(y.records) - 1 - rank%uint64(y.records))
}

func (y *ycsb) put(key []byte, r *rand.Rand) []byte {
	var batch plugin.KVBatch
	batch.Put(key, y.bytes(r.Uint64()))
	return batch.Payload()
}

func (y *ycsb) bytes(seed uint64) []byte {
	b := make([]byte, y.value+8)
	for i := 0; i < y.value; i += 8 {
		seed = scramble(seed)
		binary.LittleEndian.PutUint64(b[i:], seed)
	}
	return b[:y.value]
}

// ycsbKey spreads the records over the key space, as YCSB's hashed order does.
func ycsbKey(i uint64) []byte { return fmt.Appendf(nil, "user%020d", scramble(i)) }

// scramble is the finalizer of SplitMix64, a permutation of 64 bits.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// zipfian draws ranks from 0 with Zipf's distribution of exponent 0.99, by the method of Gray et
// al., Quickly Generating Billion-Record Synthetic Databases (SIGMOD 1994), which YCSB uses.
type zipfian struct {
	n                       float64
	alpha, zeta, eta, theta float64
}

func newZipfian(n uint64) *zipfian {
	const theta = 0.99
	z := &zipfian{n: float64(n), theta: theta, alpha: 1 / (1 - theta)}
	for i := uint64(1); i <= n; i++ {
		z.zeta += 1 / math.Pow(float64(i), theta)
	}
	zeta2 := 1 + 1/math.Pow(2, theta)
	z.eta = (1 - math.Pow(2/z.n, 1-theta)) / (1 - zeta2/z.zeta)
	return z
}

func (z *zipfian) next(r *rand.Rand) uint64 {
	u := r.Float64()
	switch uz := u * z.zeta; {
	case uz < 1 || z.n < 2:
		return 0
	case uz < 1+math.Pow(0.5, z.theta) || z.n < 3: // with two records eta is no number
		return 1
	}
	return min(uint64(z.n*math.Pow(z.eta*u-z.eta+1, z.alpha)), uint64(z.n)-1)
}

// bankLoad is SmallBank with the mix and the hot spot that are usual since H-Store: a quarter
// payments, the other operations 15 % each; nine of ten requests go to a tenth of the accounts, at most 100. Every client
// owns accounts of its own, and takes money only from those.
type bankLoad struct {
	first []uint64 // the number of each client's first account
	each  uint64
	hot   uint64
}

func newBankLoad(records int, accounts []quoin.PublicKey) *bankLoad {
	b := &bankLoad{each: max(2, uint64(records/len(accounts)))}
	b.hot = min(max(1, b.each/10), 100)
	for _, k := range accounts {
		h := sha256.Sum256(k[:]) // so that runs with other keys meet other accounts
		b.first = append(b.first, binary.BigEndian.Uint64(h[:])>>1&^(1<<24-1))
	}
	return b
}

func (b *bankLoad) codeName(code uint32) string {
	return strings.ReplaceAll(smallbank.CodeText(code), " ", "-")
}

func (b *bankLoad) prepare(client int, yield func(request) bool) {
	for i := range b.each {
		if !yield(request{kind: "load", namespace: "bank", payload: smallbank.CreateAccount(b.first[client]+i, 10_000, 10_000)}) {
			return
		}
	}
}

func (b *bankLoad) account(client int, r *rand.Rand) uint64 {
	if r.IntN(10) < 9 {
		return b.first[client] + r.Uint64N(b.hot)
	}
	return b.first[client] + r.Uint64N(b.each)
}

func (b *bankLoad) next(client int, r *rand.Rand) request {
	q := request{namespace: "bank"}
	own := b.account(client, r)
	other := b.account(r.IntN(len(b.first)), r)
	for other == own {
		other = b.first[client] + r.Uint64N(b.each)
	}
	amount := 1 + r.Int64N(100)
	switch p := r.IntN(100); {
	case p < 15:
		q.kind, q.query = "balance", smallbank.BalanceQuery(own)
	case p < 30:
		q.kind, q.payload = "deposit-checking", smallbank.DepositChecking(own, amount)
	case p < 45:
		q.kind, q.payload = "transact-savings", smallbank.TransactSavings(own, amount)
	case p < 60:
		q.kind, q.payload = "amalgamate", smallbank.Amalgamate(own, other)
	case p < 75:
		q.kind, q.payload = "write-check", smallbank.WriteCheck(own, amount)
	default:
		q.kind, q.payload = "send-payment", smallbank.SendPayment(own, other, amount)
	}
	return q
}
