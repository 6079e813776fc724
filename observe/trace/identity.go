package trace

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/observe/otlp"
)

// identity names a trace and its root span.
type identity struct {
	trace otlp.TraceID
	root  otlp.SpanID
}

// ofTransaction names the trace of a transaction's trip. It is on the node's loop for every transaction
// of a client, so it takes the id as it is: that is a hash.
func ofTransaction(id quoin.Hash) identity { return identify(id) }

// ofRelease names the trace of a release's trip.
func ofRelease(origin quoin.Origin, n governance.ProposalNumber) identity {
	b := canonical.AppendUint64([]byte("quoin/trace/v1\nrelease\n"), n)
	return identify(sha256.Sum256(append(b, origin...)))
}

func identify(sum [32]byte) identity {
	return identity{otlp.TraceID(sum[:16]), otlp.SpanID(sum[16:24])}
}

// below is the place of spans right below the root, which may be another node's.
func (i identity) below(state string) otlp.Place {
	return otlp.Place{Trace: i.trace, ID: i.root, State: state, Remote: true}
}

// newSpanID names any other span, at random.
func newSpanID() (id otlp.SpanID) {
	for id == (otlp.SpanID{}) {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
