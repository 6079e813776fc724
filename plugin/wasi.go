package plugin

import (
	"crypto/sha256"
	"encoding/binary"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// The functions of WASI that the Go toolchain's runtime imports, made deterministic: no
// arguments, no environment, no files, a clock that stands at the block's time, random bytes
// that depend on the release alone, and output that goes to the log budget.
const wasiModule = "wasi_snapshot_preview1"

const (
	errnoSuccess = 0
	errnoBadFile = 8
	errnoInvalid = 28
)

// clockStartNS is the time where there is no block: during initialisation and in leader.v1.
// It is not 0, which the Go runtime takes for a broken clock.
const clockStartNS = 1_000_000

// wasiVectorsMax bounds the lists that a guest passes.
const wasiVectorsMax = 64

var wasiFunctions = []hostFunction{
	{wasiModule, "sched_yield", noTypes, i32x1, "", wasiNothing},
	{wasiModule, "proc_exit", i32x1, noTypes, "", func(c *call, _ []uint64) { c.stop(hook.FaultExit) }},
	{wasiModule, "args_get", i32x2, i32x1, "", wasiNothing},
	{wasiModule, "args_sizes_get", i32x2, i32x1, "", wasiTwoZeros},
	{wasiModule, "environ_get", i32x2, i32x1, "", wasiNothing},
	{wasiModule, "environ_sizes_get", i32x2, i32x1, "", wasiTwoZeros},
	{wasiModule, "clock_time_get", []valueType{typeI32, typeI64, typeI32}, i32x1, "", wasiClock},
	{wasiModule, "fd_write", i32x4, i32x1, "", wasiWrite},
	{wasiModule, "random_get", i32x2, i32x1, "", wasiRandom},
	{wasiModule, "poll_oneoff", i32x4, i32x1, "", wasiPoll},
	{wasiModule, "fd_close", i32x1, i32x1, "", wasiNoFile},
	{wasiModule, "fd_fdstat_get", i32x2, i32x1, "", wasiNoFile},
	{wasiModule, "fd_fdstat_set_flags", i32x2, i32x1, "", wasiNoFile},
	{wasiModule, "fd_prestat_get", i32x2, i32x1, "", wasiNoFile},
	{wasiModule, "fd_prestat_dir_name", i32x3, i32x1, "", wasiNoFile},
}

func wasiNothing(_ *call, s []uint64) { s[0] = errnoSuccess }

func wasiNoFile(_ *call, s []uint64) { s[0] = errnoBadFile }

func wasiTwoZeros(c *call, s []uint64) {
	c.write32(s[0], 0)
	c.write32(s[1], 0)
	s[0] = errnoSuccess
}

// clock_time_get(clock, precision, result) -> errno
func wasiClock(c *call, s []uint64) {
	c.write64(s[2], c.timeNS)
	s[0] = errnoSuccess
}

// fd_write(file, vectors, count, written) -> errno
func wasiWrite(c *call, s []uint64) {
	file, at, n, result := uint32(s[0]), s[1], uint32(s[2]), s[3]
	switch {
	case file != 1 && file != 2:
		s[0] = errnoBadFile
		return
	case n > wasiVectorsMax:
		s[0] = errnoInvalid
		return
	}
	vectors, ok := c.view(at, uint64(8*n), 8*wasiVectorsMax, hook.FaultBounds)
	if !ok {
		return
	}
	written := uint32(0)
	for ; len(vectors) > 0; vectors = vectors[8:] {
		pointer, length := binary.LittleEndian.Uint32(vectors), binary.LittleEndian.Uint32(vectors[4:])
		b, ok := c.view(uint64(pointer), uint64(length), 1<<20, hook.FaultLimit)
		if !ok {
			return
		}
		c.log.write(b)
		written += length
	}
	c.write32(result, written)
	s[0] = errnoSuccess
}

// random_get(pointer, length) -> errno
func wasiRandom(c *call, s []uint64) {
	if uint32(s[1]) > 1<<16 {
		c.stop(hook.FaultLimit)
		return
	}
	b, ok := c.buffer(s[0], s[1])
	if !ok || !c.charge(chargeRandom*int64((len(b)+31)/32)) {
		return
	}
	c.random.fill(b)
	s[0] = errnoSuccess
}

// randomBytes is a stream of SHA-256("quoin/sandbox-random/v1\n", digest, counter). Its
// place in the stream is part of what is restored before every call, so that a guest's seeds
// are the same in each.
type randomBytes struct {
	digest  quoin.Hash
	counter uint64
}

func (r *randomBytes) fill(b []byte) {
	const label = "quoin/sandbox-random/v1\n"
	var text [len(label) + 32 + 8]byte
	copy(text[:], label)
	copy(text[len(label):], r.digest[:])
	for len(b) > 0 {
		binary.BigEndian.PutUint64(text[len(label)+32:], r.counter)
		r.counter++
		sum := sha256.Sum256(text[:])
		b = b[copy(b, sum[:]):]
	}
}

// poll_oneoff(subscriptions, events, count, number) -> errno. Every clock fires at once,
// since time does not pass within a call; files are none.
func wasiPoll(c *call, s []uint64) {
	const subscriptionBytes, eventBytes = 48, 32
	n, result := uint32(s[2]), s[3]
	if n == 0 || n > wasiVectorsMax {
		s[0] = errnoInvalid
		return
	}
	subscriptions, ok := c.view(s[0], uint64(subscriptionBytes*n), subscriptionBytes*wasiVectorsMax, hook.FaultBounds)
	if !ok {
		return
	}
	events, ok := c.buffer(s[1], uint64(eventBytes*n))
	if !ok {
		return
	}
	var answers [wasiVectorsMax * eventBytes]byte
	for i := range int(n) {
		from, to := subscriptions[i*subscriptionBytes:], answers[i*eventBytes:]
		copy(to[:8], from[:8]) // user data
		if kind := from[8]; kind != 0 {
			to[8], to[10] = errnoBadFile, kind
		}
	}
	copy(events, answers[:int(n)*eventBytes])
	c.write32(result, n)
	s[0] = errnoSuccess
}
