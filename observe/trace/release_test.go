package trace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/audit/audittest"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/otlp/otlptest"
	"quoin.dev/quoin/replica"
)

// fakeSource is a node that has stopped, and has files.
type fakeSource struct{ files []node.ReleaseStatus }

func (*fakeSource) Do(context.Context, func(*replica.Replica)) error { return node.ErrClosed }
func (s *fakeSource) Releases() []node.ReleaseStatus                 { return s.files }

// governed is a chain whose blocks four tracers look at.
type governed struct {
	*audittest.Chain
	nodes  []*fake
	height quoin.Height
	source fakeSource
}

func newGoverned(t *testing.T) *governed {
	g := &governed{Chain: audittest.New(t, "acme", execution.Environment())}
	for i := range 4 {
		f := newFake(t, i, Share{})
		f.Described(&node.Status{Overview: replica.Overview{Self: i, Configuration: g.Genesis.Configuration}})
		g.nodes = append(g.nodes, f)
	}
	g.look()
	return g
}

func (g *governed) look() {
	for i, f := range g.nodes {
		f.releases.look(begun.Add(time.Duration(g.height)*time.Second+time.Duration(i)*time.Millisecond), func(q question) (answer, bool) { return q.ask(g.Now()), true })
		f.releases.fetch(&g.source)
		f.releases.compile()
	}
}

var begun = time.Now()

func (g *governed) block(happens ...func(governance.State, quoin.Height)) {
	g.height++
	g.Block(happens...)
	g.look()
}

func (g *governed) each(names string, c governance.Command) {
	var all []func(governance.State, quoin.Height)
	for name := range strings.FieldsSeq(names) {
		all = append(all, g.By(name, c))
	}
	g.block(all...)
}

func (g *governed) close() (all []otlptest.Span) {
	for _, f := range g.nodes {
		all = append(all, f.close()...)
	}
	return all
}

// stages lists the stages of a proposal that a node told of.
func stages(spans []otlptest.Span, node string, n governance.ProposalNumber) (list []string) {
	want := ofRelease(testOrigin, n)
	for _, s := range spans {
		if s.Name != spanStage || s.Of["service.instance.id"] != node || s.Trace() != want.trace {
			continue
		}
		about := s.About()
		list = append(list, fmt.Sprintf("%s>%s %s", about["quoin.stage"], about["quoin.stage.next"], s.End().Sub(s.Start()).Round(time.Second)))
		if s.Parent() != want.root {
			list = append(list, "below "+s.Parent().String())
		}
	}
	return list
}

func TestAReleasesTrip(t *testing.T) {
	g := newGoverned(t)
	p := governance.NewParameters(g.Genesis.Configuration.Parameters)
	p.Parameters.TimeoutBaseMS++
	g.block(g.By("ann", p))
	g.each("v1 v2", governance.Precheck{Proposal: 1})
	g.each("v3", governance.Precheck{Proposal: 1})
	g.block(g.By("bea", governance.Approve{Proposal: 1, Note: "a note that nobody sees"}))
	g.block(g.By("ann", governance.Schedule{Proposal: 1, Height: 10}))
	g.each("v1 v2 v3", governance.Ready{Proposal: 1})
	for g.height < 11 {
		g.block()
	}
	p.Parameters.TimeoutBaseMS++
	g.block(g.By("ann", p))
	g.block(g.By("ann", governance.Cancel{Proposal: 2}))
	spans := g.close()

	want := "proposed>prechecked 2s; prechecked>approved 1s; approved>scheduled 1s; scheduled>active 5s"
	for i := range 4 {
		node := fmt.Sprintf("v%d", i+1)
		if got := strings.Join(stages(spans, node, 1), "; "); got != want {
			t.Errorf("%s: proposal 1: %s, want %s", node, got, want)
		}
		if got := strings.Join(stages(spans, node, 2), "; "); got != "proposed>cancelled 1s" {
			t.Errorf("%s: proposal 2: %s", node, got)
		}
	}
	roots := map[string]string{}
	for _, s := range spans {
		if text := s.Text(); strings.Contains(text, "nobody sees") {
			t.Errorf("%s says %s", s.Name, text)
		}
		if s.Name == spanRelease {
			roots[s.Trace().String()] += fmt.Sprint(s.Of["service.instance.id"], " ", s.End().Sub(s.Start()).Round(time.Second))
		}
	}
	if one, two := roots[ofRelease(testOrigin, 1).trace.String()], roots[ofRelease(testOrigin, 2).trace.String()]; one != "v2 9s" || two != "v3 1s" || len(roots) != 2 {
		t.Errorf("roots: %v", roots)
	}
}

// What one node does for a release stands in the release's trace: getting its file, and compiling it.
func TestFilesOfARelease(t *testing.T) {
	f := newFake(t, 0, Share{})
	digest, early := quoin.Hash{5}, quoin.Hash{6}
	proposal := func(n governance.ProposalNumber, d quoin.Hash) governance.Proposal {
		return governance.Proposal{Number: n, Status: governance.StatusProposed, Propose: governance.NewRelease(governance.Release{Digest: d}, quoin.Binding{Hook: "leader.v1"})}
	}
	var all []governance.Proposal
	events := uint64(0)
	step := func(source *fakeSource) {
		events++
		f.releases.look(time.Now(), func(question) (answer, bool) { return answer{true, events, all}, true })
		f.releases.fetch(source)
		f.releases.compile()
	}
	step(&fakeSource{})
	f.Compiled(early, time.Second, nil)
	step(&fakeSource{})
	all = []governance.Proposal{proposal(1, digest), proposal(2, early)}
	step(&fakeSource{files: []node.ReleaseStatus{{Digest: digest, State: node.ReleaseWanted}, {Digest: early, State: node.ReleaseReady}}})
	if !f.releases.fetching() {
		t.Error("no file is waited for")
	}
	step(&fakeSource{files: []node.ReleaseStatus{{Digest: digest, State: node.ReleaseStored}, {Digest: early, State: node.ReleaseReady}}})
	if f.releases.fetching() {
		t.Error("a file is waited for that is there")
	}
	f.Compiled(digest, time.Second, errors.New("no"))
	step(&fakeSource{})
	f.Compiled(quoin.Hash{9}, time.Second, nil) // nobody proposes it
	step(&fakeSource{})
	var got []string
	for _, s := range f.close() {
		for n := range governance.ProposalNumber(3) {
			if s.Trace() == ofRelease(testOrigin, n).trace {
				got = append(got, fmt.Sprintf("%s of %d: %v", s.Name, n, s.About()["quoin.compiled"] == "true"))
			}
		}
	}
	if want := "[compile of 2: true fetch of 1: false compile of 1: false]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// However much is proposed and compiled, a tracer follows so much and no more.
func TestReleasesAreBounded(t *testing.T) {
	f := newFake(t, 0, Share{})
	for i := range 3 * roadsMax {
		p := governance.Proposal{Number: governance.ProposalNumber(i + 1), Status: governance.StatusProposed}
		f.releases.look(time.Now(), func(question) (answer, bool) { return answer{true, uint64(i + 1), []governance.Proposal{p}}, true })
		f.Compiled(quoin.Hash{1, byte(i), byte(i >> 8)}, time.Second, nil)
	}
	if len(f.releases.roads) != roadsMax || len(f.releases.builds) != buildsMax {
		t.Errorf("%d proposals and %d compilations", len(f.releases.roads), len(f.releases.builds))
	}
	f.close()
}
