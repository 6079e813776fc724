package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/sdk/conformance/trial"
	"quoin.dev/quoin/sdk/plugintest"
)

func TestRefusalsAndCancellationAreErrors(t *testing.T) {
	var refusal *plugin.Refusal
	for _, junk := range [][]byte{nil, []byte("junk"), make([]byte, plugin.FileMax+1)} {
		if _, err := Run(context.Background(), junk, Options{}); !errors.As(err, &refusal) {
			t.Errorf("%d bytes of junk: %v", len(junk), err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, corpus(t, "leader-always-zero"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// Whatever a hostile plugin does, the run ends, and says that it is not fit.
func TestHostilePluginsEnd(t *testing.T) {
	fit := []string{"leader-time-bomb", "leader-parameter", "machine-refuse-after-writes", "machine-selective"}
	for _, f := range hostile.Corpus() {
		if f.Hook != hook.Leader.Name && f.Hook != hook.Machine.Name {
			continue
		}
		file, err := plugin.Embed(f.Module, f.Manifest([32]byte{}))
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, file, Options{Calls: 20})
		if r.Verdict != Fail && !slices.Contains(fit, f.Name) {
			t.Errorf("%s: %s", f.Name, r.Verdict)
		}
		for _, c := range r.Checks {
			if c.Verdict == Fail && strings.HasSuffix(c.Name, "/engines") {
				t.Errorf("%s: %s: %s %v", f.Name, c.Name, c.Detail, c.Cases)
			}
		}
	}
}

func TestRecords(t *testing.T) {
	file := planted(t, "machine.v1", []string{hook.CapabilityState}, map[string][]byte{
		"machine.v1.apply": code(read(), put(), accept), "machine.v1.query": accept})
	g, err := trial.Open(file, plugin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	record := &plugintest.Record{State: []plugintest.Pair{{Key: []byte("a"), Value: []byte("b")}}}
	state, source := trial.NewState(record.State), trial.NewSource(1, nil)
	for i := range 40 {
		name := []string{hook.Apply.Name, hook.Query.Name}[i%2]
		q, err := trial.NewQuestion(name, source.Request(name))
		if err != nil {
			t.Fatal(err)
		}
		a, err := g.Ask(q, state)
		if err != nil {
			t.Fatal(err)
		}
		record.Calls = append(record.Calls, plugintest.Call{Operation: name, Request: q.Request, Answer: a.Answer})
	}
	if c := run(t, file, Options{Calls: 5, Records: []*plugintest.Record{record}}).Find("record/answers"); c == nil || c.Verdict != Pass {
		t.Errorf("its own answers: %+v", c)
	}
	record.Calls[7].Response = []byte{1, 0, 0, 0}
	if c := run(t, file, Options{Calls: 5, Records: []*plugintest.Record{record}}).Find("record/answers"); c == nil || c.Verdict != Fail || len(c.Cases) != 1 || c.Cases[0].Number != 7 {
		t.Errorf("another's answer: %+v", c)
	}
	other := &plugintest.Record{Calls: []plugintest.Call{{Operation: hook.Lead.Name, Request: []byte{1}}}}
	if c := run(t, file, Options{Calls: 5, Records: []*plugintest.Record{other}}).Find("record/answers"); c == nil || c.Verdict != Warn {
		t.Errorf("a record of another hook: %+v", c)
	}
	record.Calls[6].Request = []byte("junk")
	if _, err := Run(context.Background(), file, Options{Records: []*plugintest.Record{record}}); err == nil {
		t.Error("a record with a request that is none was accepted")
	}
}
