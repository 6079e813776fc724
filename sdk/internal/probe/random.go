//go:build !wasip1

package probe

import (
	"bytes"
	"math/rand/v2"

	"quoin.dev/quoin/hook"
)

// Random returns a program that works on few keys, some of the greatest length, and on values
// about the sizes of the SDK's buffers.
func Random(rng *rand.Rand) []byte {
	key := func() []byte {
		k := bytes.Repeat([]byte{"\x00a\xff"[rng.IntN(3)]}, []int{1, 2, 3, hook.KeyMax - 1, hook.KeyMax}[rng.IntN(5)])
		k[len(k)-1] = byte(rng.IntN(4)) * 85
		return k
	}
	var p []byte
	for range 1 + rng.IntN(6) {
		switch operation := byte(rng.IntN(14)); operation {
		case Get, Delete:
			p = Bytes(append(p, operation), key())
		case Scan, 11:
			p = Bytes(append(p, Scan), key()[:rng.IntN(2)])
			p = Bytes(p, key())
			p = Number(append(p, byte(rng.IntN(2))), []int{1, 7, 8, 9, 1000}[rng.IntN(5)])
		case Emit, Log:
			p = Bytes(append(p, operation), make([]byte, rng.IntN(100)))
		case Refuse, Output:
			if rng.IntN(4) == 0 {
				p = Number(append(p, operation), rng.IntN(hook.ApplyOutputMax/2+1))
			}
		case Panic, Loop: // left out: tests of faults are about them
		default:
			p = Bytes(append(p, Put), key())
			p = Number(append(p, byte(rng.Uint32())), []int{0, 1, 100, 1023, 1024, 1025, 4000, 4096, 5000, 20000}[rng.IntN(10)])
		}
	}
	return p
}
