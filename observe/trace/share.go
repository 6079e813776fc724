package trace

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"quoin.dev/quoin/observe/otlp"
)

// Share is a part of all transactions: N of D. The zero Share is none of them.
type Share struct{ N, D uint64 }

// shareMax bounds both numbers of a share.
const shareMax = 1_000_000_000

// ParseShare reads what String writes: "1/100", "1/1", "0".
func ParseShare(s string) (Share, error) {
	n, d, fraction := strings.Cut(s, "/")
	if !fraction {
		d = "1"
	}
	var x Share
	var err error
	if x.N, err = strconv.ParseUint(n, 10, 64); err == nil {
		x.D, err = strconv.ParseUint(d, 10, 64)
	}
	if err != nil || x.D == 0 || x.check() != nil {
		return Share{}, fmt.Errorf("trace: the share %q is not a part of all transactions: write one such as 1/100, or 0 for none", s)
	}
	return x, nil
}

func (s Share) String() string {
	if s.N == 0 {
		return "0"
	}
	return fmt.Sprintf("%d/%d", s.N, s.D)
}

func (s Share) check() error {
	if s.N > s.D || s.D > shareMax || s.D == 0 && s != (Share{}) {
		return fmt.Errorf("trace: the share %d of %d is not a part of all transactions", s.N, s.D)
	}
	return nil
}

// threshold decides which traces are taken: those whose last 56 bits reach it. 2^56 takes none.
type threshold uint64

const thresholdNone = 1 << 56

func (s Share) threshold() (threshold, error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	if s.N == 0 {
		return thresholdNone, nil
	}
	hi, lo := bits.Mul64(s.N, thresholdNone)
	taken, _ := bits.Div64(hi, lo, s.D) // at most 2^56, for N is at most D
	return threshold(thresholdNone - taken), nil
}

// takes reports whether a trace is taken.
func (t threshold) takes(id otlp.TraceID) bool {
	return binary.BigEndian.Uint64(id[8:])&(thresholdNone-1) >= uint64(t)
}

// state is the tracestate that says by which threshold a trace was taken.
func (t threshold) state() string {
	if t == 0 || t >= thresholdNone {
		return "ot=th:0"
	}
	return "ot=th:" + strings.TrimRight(fmt.Sprintf("%014x", uint64(t)), "0")
}
