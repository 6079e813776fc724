package trace

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance"
)

// identity names a trace and its root span.
type identity struct {
	trace otel.TraceID
	root  otel.SpanID
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
	return identity{otel.TraceID(sum[:16]), otel.SpanID(sum[16:24])}
}

// contextOf returns a context whose span is the root of a trace, which may be another node's.
func (i identity) contextOf(state otel.TraceState) context.Context {
	return otel.ContextWithRemoteSpanContext(context.Background(), otel.NewSpanContext(otel.SpanContextConfig{
		TraceID: i.trace, SpanID: i.root, TraceFlags: otel.FlagsSampled | otel.FlagsRandom, TraceState: state, Remote: true}))
}

// ids gives root spans the identity in their context, and all others an id at random.
type ids struct{}

var _ sdk.IDGenerator = ids{}

// rootKey is the key of an identity in the context of a root span.
type rootKey struct{}

// contextOfRoot returns a context in which the next span is the root of the trace.
func (i identity) contextOfRoot(state otel.TraceState) context.Context {
	none := otel.NewSpanContext(otel.SpanContextConfig{TraceFlags: otel.FlagsRandom, TraceState: state})
	return context.WithValue(otel.ContextWithSpanContext(context.Background(), none), rootKey{}, i)
}

// NewIDs implements sdk.IDGenerator.
func (ids) NewIDs(ctx context.Context) (otel.TraceID, otel.SpanID) {
	i, _ := ctx.Value(rootKey{}).(identity) // without one the span is not valid, and goes nowhere
	return i.trace, i.root
}

// NewSpanID implements sdk.IDGenerator.
func (ids) NewSpanID(context.Context, otel.TraceID) (id otel.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
