package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// Overhead is what the instrumentation costs one kernel.
type Overhead struct {
	Kernel       string  `json:"kernel"`
	Plain        float64 `json:"plain_us"`
	Instrumented float64 `json:"instrumented_us"`
	Ratio        float64 `json:"ratio"`
	Fuel         uint64  `json:"fuel"`
}

// Overheads is a measurement of all kernels.
type Overheads struct {
	Kernels []Overhead `json:"kernels"`
	Worst   float64    `json:"worst"`
	Mean    float64    `json:"geometric_mean"`
}

// MeasureOverhead runs each kernel in turns plain, under the engine alone, and instrumented,
// as the sandbox runs it, and compares the fastest of the given rounds. Both must give the
// same answer.
func MeasureOverhead(ctx context.Context, rounds int) (*Overheads, error) {
	o := &Overheads{}
	logs := 0.0
	for _, k := range kernels() {
		r, err := k.overhead(ctx, rounds)
		if err != nil {
			return nil, fmt.Errorf("kernel %s: %w", k.name, err)
		}
		o.Kernels = append(o.Kernels, r)
		o.Worst = max(o.Worst, r.Ratio)
		logs += math.Log(r.Ratio)
	}
	o.Mean = math.Exp(logs / float64(len(o.Kernels)))
	return o, nil
}

func (k *kernel) overhead(ctx context.Context, rounds int) (Overhead, error) {
	o := Overhead{Kernel: k.name, Plain: math.Inf(1), Instrumented: math.Inf(1)}
	module := k.module()
	plain, err := newPlain(ctx, module)
	if err != nil {
		return o, err
	}
	defer plain.close(ctx)
	g, err := newGuest(module, &plugin.Manifest{Capabilities: []string{"events", "state"}, PagesMax: 4})
	if err != nil {
		return o, err
	}
	defer g.close()
	for range rounds {
		if err := ctx.Err(); err != nil {
			return o, err
		}
		begin := time.Now()
		want, err := plain.run(ctx)
		if err != nil {
			return o, err
		}
		o.Plain = min(o.Plain, microseconds(time.Since(begin)))
		begin = time.Now()
		got, err := g.apply(1)
		if err != nil {
			return o, err
		}
		o.Instrumented = min(o.Instrumented, microseconds(time.Since(begin)))
		o.Fuel = got.Fuel
		if !bytes.Equal(got.Output, want) {
			return o, fmt.Errorf("plain it gives %x, instrumented %x", want, got.Output)
		}
	}
	o.Ratio = o.Instrumented / o.Plain
	return o, nil
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// plain is a module as it is, under the same engine.
type plain struct {
	runtime wazero.Runtime
	apply   api.Function
	output  []byte
}

func newPlain(ctx context.Context, module []byte) (*plain, error) {
	p := &plain{runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())}
	i32 := api.ValueTypeI32
	_, err := p.runtime.NewHostModuleBuilder("quoin.v1").NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, s []uint64) {
			b, _ := m.Memory().Read(uint32(s[0]), uint32(s[1]))
			p.output = bytes.Clone(b)
		}), []api.ValueType{i32, i32}, nil).Export("output").Instantiate(ctx)
	if err == nil {
		var m api.Module
		if m, err = p.runtime.Instantiate(ctx, module); err == nil {
			p.apply = m.ExportedFunction(hook.Apply.Name)
			return p, nil
		}
	}
	p.close(ctx)
	return nil, err
}

func (p *plain) close(ctx context.Context) { _ = p.runtime.Close(ctx) }

// run returns the output of one call, without the code before it.
func (p *plain) run(ctx context.Context) ([]byte, error) {
	if err := p.apply.CallWithStack(ctx, make([]uint64, 1)); err != nil {
		return nil, err
	}
	return p.output[min(4, len(p.output)):], nil
}

// guest is a module in the sandbox.
type guest struct {
	host    *plugin.Host
	release *plugin.Release
	table   *plugin.Table
	binding quoin.Binding
	state   plugin.State
	time    uint64
}

// newGuest compiles a machine; what the manifest does not say is filled in.
func newGuest(module []byte, m *plugin.Manifest) (*guest, error) {
	m.Name, m.Version, m.Sequence, m.Hooks, m.FuelMax = "measured", "1.0.0", 1, []string{hook.Machine.Name}, plugin.FuelMax
	file, err := plugin.Embed(module, m)
	if err != nil {
		return nil, err
	}
	g := &guest{state: memoryState{}}
	if g.host, err = plugin.NewHost(plugin.Options{}); err != nil {
		return nil, err
	}
	if g.release, err = g.host.Compile(file); err == nil {
		g.table, err = plugin.NewTable(nil)
	}
	if err != nil {
		_ = g.host.Close()
		return nil, err
	}
	g.table.Add(g.release)
	g.binding = quoin.Binding{Hook: hook.Machine.Name, Namespace: "kv", Release: g.release.Digest(), Grants: m.Capabilities}
	return g, nil
}

func (g *guest) close() {
	g.table.Remove(g.release.Digest())
	_ = g.release.Close()
	_ = g.host.Close()
}

// apply runs one transaction of a block, which must end without a fault.
func (g *guest) apply(height uint64) (plugin.ApplyResult, error) {
	r, err := g.table.Apply(&g.binding, &hook.ApplyRequest{Height: height, Time: g.time}, g.state)
	if err == nil && (r.Fault != hook.FaultNone || r.Code != 0) {
		err = fmt.Errorf("the call ended with %s, code %d, after %d fuel", r.Fault, r.Code, r.Fuel)
	}
	return r, err
}

// memoryState is a namespace in memory.
type memoryState map[string][]byte

func (s memoryState) Get(key []byte) ([]byte, bool, error) {
	v, ok := s[string(key)]
	return v, ok, nil
}

func (s memoryState) Put(key, value []byte) error {
	s[string(key)] = append(s[string(key)][:0], value...)
	return nil
}

func (s memoryState) Delete(key []byte) error {
	delete(s, string(key))
	return nil
}

func (s memoryState) Scan(_, _ []byte, visit func(key, value []byte) bool) error {
	for k, v := range s { // any order: what is visited does not matter
		if !visit([]byte(k), v) {
			break
		}
	}
	return nil
}
