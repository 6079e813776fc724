package measure

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	. "quoin.dev/quoin/plugin/wasmtest"
	"quoin.dev/quoin/sdk/plugintest"
)

// The ranks of the classic table (Conover 1999, table A3 gives the binomial it comes from).
func TestIntervalsAreOrderStatistics(t *testing.T) {
	for n, l := range map[int]int{6: 1, 8: 1, 9: 2, 15: 4, 20: 6, 30: 10, 40: 14, 100: 40, 1000: 469} {
		samples := make([]float64, n)
		for i := range samples {
			samples[i] = float64(n - i) // n to 1
		}
		got := intervalOf(samples)
		if got.Low != float64(l) || got.High != float64(n+1-l) || got.Median != float64(n+1)/2 {
			t.Errorf("%d samples: %+v, want %d to %d", n, got, l, n+1-l)
		}
	}
}

// An interval of 95 % holds the true median in about 95 of 100 experiments, whatever the distribution.
func TestIntervalsHoldTheMedian(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const experiments = 4000
	held := 0
	for range experiments {
		samples := make([]float64, 40)
		for i := range samples {
			samples[i] = rng.ExpFloat64()
		}
		if i := intervalOf(samples); i.Low <= math.Ln2 && math.Ln2 <= i.High {
			held++
		}
	}
	if held < experiments*94/100 || held > experiments*99/100 {
		t.Errorf("%d of %d intervals hold the median", held, experiments)
	}
}

func release(t *testing.T, name string) []byte {
	t.Helper()
	f, ok := hostile.Find(name)
	if !ok {
		t.Fatalf("there is no fixture %q", name)
	}
	file, err := plugin.Embed(f.Module, f.Manifest([32]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestMeasures(t *testing.T) {
	o := Options{Seed: 1, Requests: 8, Rounds: 6, Round: 50 * time.Microsecond}
	files := [][]byte{release(t, "leader-always-zero"), release(t, "machine-selective"), release(t, "leader-endless-loop")}
	r, err := Run(context.Background(), files, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Releases) != 3 || r.Releases[0].ImagePages == 0 || r.Releases[0].InstantiateUS.High <= 0 {
		t.Errorf("releases: %+v", r.Releases)
	}
	seen := map[string]Operation{}
	for _, m := range r.Operations {
		seen[m.Operation+" "+m.Subject] = m
		for _, i := range []Interval{m.NS, m.PerSecond, m.NSPerFuel} {
			if !(0 < i.Low && i.Low <= i.Median && i.Median <= i.High) {
				t.Errorf("%s of %s: %+v", m.Operation, m.Subject, i)
			}
		}
		if (m.Ratio == nil) != m.Builtin || (m.RestoreNS == nil) != m.Builtin {
			t.Errorf("%s of %s: ratio %v, restore %v", m.Operation, m.Subject, m.Ratio, m.RestoreNS)
		}
	}
	zero, loop := seen[hook.Lead.Name+" leader-always-zero 6.6.6"], seen[hook.Lead.Name+" leader-endless-loop 6.6.6"]
	if zero.Accepted != zero.Requests || zero.Fuel.Most > 100_000 || zero.Restored.Most < 4 || zero.Restored.Most > 65536 {
		t.Errorf("a leader that answers at once: %+v", zero)
	}
	if loop.Accepted != 0 || loop.Fuel.Least != hostile.FuelMax || loop.Ratio.Median < 2*zero.Ratio.Median {
		t.Errorf("a leader that never ends: %+v", loop)
	}
	if m := seen[hook.Apply.Name+" machine-selective 6.6.6"]; m.Accepted == 0 {
		t.Errorf("a machine: %+v", m)
	}
	for _, op := range []string{hook.Apply.Name, hook.Query.Name} {
		if m := seen[op+" kv"]; m.Accepted != m.Requests || !m.Builtin {
			t.Errorf("the built-in store: %+v", m)
		}
	}
	again, err := Run(context.Background(), files[:1], o)
	if err != nil || again.Operations[0].Fuel != zero.Fuel || again.Operations[0].Restored != zero.Restored {
		t.Errorf("fuel and bytes of another run: %+v, %v", again.Operations, err)
	}
}

func TestRecordedRequestsAreMeasured(t *testing.T) {
	apply, err := hook.Apply.EncodeRequest(nil, &hook.ApplyRequest{Height: 1, Payload: []byte{hostile.SelectiveRefuse}})
	if err != nil {
		t.Fatal(err)
	}
	query, err := hook.Query.EncodeRequest(nil, &hook.QueryRequest{Height: 1})
	if err != nil {
		t.Fatal(err)
	}
	record := &plugintest.Record{Calls: []plugintest.Call{{Operation: hook.Query.Name, Request: query}, {Operation: hook.Apply.Name, Request: apply}}}
	o := Options{Rounds: 6, Round: time.Microsecond, Records: []*plugintest.Record{{}, record}}
	r, err := Run(context.Background(), [][]byte{release(t, "machine-selective")}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Operations {
		if m.Builtin != (m.Requests > 1) || m.Operation == hook.Apply.Name && !m.Builtin && m.Accepted != 0 {
			t.Errorf("%+v", m)
		}
	}
	record.Calls[1].Request = []byte("junk")
	if _, err := Run(context.Background(), [][]byte{release(t, "machine-selective")}, o); err == nil {
		t.Error("a request that is none was measured")
	}
}

// The batch form of an operation stands beside its single form.
func TestBatchesAreMeasured(t *testing.T) {
	answer := slices.Concat(I32Const(100_000), I32Const(0), I32Store(0), I32Const(100_000), I32Const(4), Call(1))
	all := Block(0x40, Loop(0x40, Call(2), Op(0x45), BrIf(1), answer, Br(0)))
	for _, c := range []struct {
		hook, batch string
		single      []string
		code        []byte
		ends        bool
	}{
		{hook.Validation.Name, hook.ValidateBatch.Name, []string{hook.Validate.Name}, all, true},
		{hook.Machine.Name, hook.ApplyBatch.Name, []string{hook.Apply.Name, hook.Query.Name}, all, true},
		{hook.Machine.Name, hook.ApplyBatch.Name, []string{hook.Apply.Name, hook.Query.Name}, nil, false}, // stops before it is told to
	} {
		m := Guest(4, Input, Output, Imported{Module: "quoin.v1", Name: "batch_next", Results: Types(I32)})
		m.Func(c.batch, nil, Types(I32), nil, c.code, I32Const(0))
		for _, name := range c.single {
			m.Func(name, nil, Types(I32), nil, answer, I32Const(0))
		}
		file, err := plugin.Embed(m.Bytes(), &plugin.Manifest{Name: "batches", Version: "1", Sequence: 1, Hooks: []string{c.hook}, FuelMax: 1_000_000, PagesMax: 8})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(context.Background(), [][]byte{file}, Options{Requests: 8, Rounds: 6, Round: time.Microsecond})
		if (err == nil) != c.ends {
			t.Fatalf("%s: %v", c.batch, err)
		}
		if !c.ends {
			continue
		}
		i := slices.IndexFunc(r.Operations, func(m Operation) bool { return m.Operation == c.batch })
		if i < 0 || r.Operations[i].Requests != 8 || r.Operations[i].Ratio == nil || r.Operations[i].Fuel.Most == 0 || r.Operations[i].Accepted != 8 {
			t.Errorf("%s: %+v", c.batch, r.Operations)
		}
	}
}

func TestMeasuringCanBeGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, [][]byte{release(t, "leader-always-zero")}, Options{}); err == nil {
		t.Error("it went on")
	}
}
