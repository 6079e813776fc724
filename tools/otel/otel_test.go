package otel

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

const nodes = 4

// TestOneTraceOfFourNodes has a network of four processes, with a plugin, certify one transaction.
func TestOneTraceOfFourNodes(t *testing.T) {
	sink, endpoint := receive(t)
	n := startNetwork(t, endpoint)
	n.quoin("plugin", "new", "careful", "--hook", "finality.v1")
	n.quoin("plugin", "build", "careful")
	n.quoin("plugin", "sign", "careful/careful.wasm")
	n.quoin("release", "propose", "careful/careful.wasm")
	n.quoin("release", "approve", "1", "--as", "approver-1")
	n.quoin("release", "approve", "1", "--as", "approver-2")
	n.until("the release is scheduled", func() bool { return n.try("release", "schedule", "1", "--in", "5") == nil })
	n.until("the release serves", func() bool {
		n.quoin("tx", "put", "on", "the way")
		return strings.Contains(n.quoin("release", "show", "finality.v1"), "proposal")
	})
	release := named(append(binary.BigEndian.AppendUint64(nil, 1), n.origin()...))
	n.until("all nodes have compiled the release", func() bool { // a quorum is enough to serve
		return len(where(spansOf(sink, release.id), "compile", "quoin.compiled", "true")) == nodes
	})
	for range 3 { // a few more heights, so that all nodes are there
		n.quoin("tx", "put", "on", "the way")
	}
	out := n.quoin("tx", "put", "hello", "world")
	_, after, _ := strings.Cut(out, "transaction ")
	id, err := hex.DecodeString(after[:64])
	if err != nil {
		t.Fatalf("%v in %q", err, out)
	}

	trace := traceName{fmt.Sprintf("%x", id[:16]), fmt.Sprintf("%x", id[16:24])}
	var spans map[string]span
	n.until("the spans of all nodes have come", func() bool {
		spans = spansOf(sink, trace.id)
		return len(where(spans, "block")) == nodes && len(where(spans, "transaction")) == 1
	})
	checkTransaction(t, spans, trace)

	// The release's trip, of the same network.
	n.until("the stages of the release have come from all nodes", func() bool {
		spans = spansOf(sink, release.id)
		return len(where(spans, "stage", "quoin.stage", "scheduled")) == nodes && len(where(spans, "release")) == 1
	})
	for _, s := range spans {
		if s.Name() != "release" && s.ParentSpanID().String() != release.root {
			t.Errorf("%s of %s is not below the release", s.Name(), s.node)
		}
	}
}

// checkTransaction looks whether the spans of one transaction are one tree, with all that should be in it.
func checkTransaction(t *testing.T, spans map[string]span, trace traceName) {
	t.Helper()
	parents := map[string]string{"pool": "transaction", "block": "transaction", "execute": "block", "call": "execute", "quorum": "block", "certify": "block", "sync": "block"}
	seen := map[string]map[string]int{}
	for _, s := range spans {
		if seen[s.Name()] == nil {
			seen[s.Name()] = map[string]int{}
		}
		seen[s.Name()][s.node]++
		if s.Name() == "transaction" {
			if s.SpanID().String() != trace.root || !s.ParentSpanID().IsEmpty() {
				t.Errorf("the root is %s, want %s", s.SpanID(), trace.root)
			}
			continue
		}
		parent, ok := spans[s.ParentSpanID().String()]
		if !ok || parent.Name() != parents[s.Name()] {
			t.Errorf("%s of %s is not below a span %q", s.Name(), s.node, parents[s.Name()])
			continue
		}
		if s.Name() != "block" && parent.node != s.node {
			t.Errorf("%s of %s is below a span of %s", s.Name(), s.node, parent.node)
		}
		if s.EndTimestamp() < s.StartTimestamp() || s.StartTimestamp() < parent.StartTimestamp() && parent.Name() != "transaction" {
			t.Errorf("%s of %s is not within its %s", s.Name(), s.node, parent.Name())
		}
	}
	for _, name := range []string{"block", "execute", "call", "quorum", "certify", "sync"} {
		if len(seen[name]) != nodes {
			t.Errorf("%s is told by %v, want all %d nodes", name, slices.Sorted(maps.Keys(seen[name])), nodes)
		}
	}
	if calls := where(spans, "call", "quoin.slot", "finality.v1"); len(calls) < nodes {
		t.Errorf("%d calls of the plugin, want one of each node", len(calls))
	}
	for _, s := range where(spans, "quorum") {
		if s.Events().Len() == 0 { // a busy node may hear of a quorum before its votes; its own it has heard
			t.Errorf("no votes in the quorum of %s", s.node)
		}
	}
	if t.Failed() {
		for _, s := range spans {
			t.Logf("%s %s %s below %s: %v", s.node, s.Name(), s.SpanID(), s.ParentSpanID(), s.Attributes().AsRaw())
		}
	}
}

// receive starts a receiver, and returns what takes its spans, and its address.
func receive(t *testing.T) (*consumertest.TracesSink, string) {
	t.Helper()
	address := freeAddress(t)
	factory, sink := otlpreceiver.NewFactory(), new(consumertest.TracesSink)
	config := factory.CreateDefaultConfig()
	err := confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": address}}}).Unmarshal(config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), config, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Shutdown(t.Context()) })
	return sink, "http://" + address
}

// span is a span, and the node that told it.
type span struct {
	ptrace.Span
	node string
}

// spansOf returns the spans of a trace by their ids.
func spansOf(sink *consumertest.TracesSink, trace string) map[string]span {
	spans := map[string]span{}
	for _, batch := range sink.AllTraces() {
		for _, resource := range batch.ResourceSpans().All() {
			node, _ := resource.Resource().Attributes().Get("service.instance.id")
			for _, scope := range resource.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					if s.TraceID().String() == trace {
						spans[s.SpanID().String()] = span{s, node.Str()}
					}
				}
			}
		}
	}
	return spans
}

// where returns the spans of a name, with an attribute if one is given.
func where(spans map[string]span, name string, attribute ...string) (list []span) {
	for _, s := range spans {
		if s.Name() != name {
			continue
		}
		if len(attribute) == 2 {
			if v, ok := s.Attributes().Get(attribute[0]); !ok || v.AsString() != attribute[1] {
				continue
			}
		}
		list = append(list, s)
	}
	return list
}

// traceName is the name of a trace and its root span.
type traceName struct{ id, root string }

// named computes the name of a release's trace as docs/traces.md says, and not as the program does.
func named(of []byte) traceName {
	sum := sha256.Sum256(append([]byte("quoin/trace/v1\nrelease\n"), of...))
	return traceName{fmt.Sprintf("%x", sum[:16]), fmt.Sprintf("%x", sum[16:24])}
}

const patience = 2 * time.Minute
