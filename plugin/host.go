package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// Options configure a Host. The zero Options are those of a node.
type Options struct {
	// Interpreter runs guests without compiling them: slower by some 20 to 50 times, with
	// the same results and fuel.
	Interpreter bool
	// Cache keeps compiled code, for example on disk; nil keeps none. wazero's own key holds
	// its version and the instrumented module, and so everything that decides the code; but it
	// trusts what it finds on disk, which somebody else has to check: see package node/compile.
	Cache wazero.CompilationCache
	// Limits of the static check; nil: DefaultLimits.
	Limits *Limits
}

// Host compiles releases. All its methods may be called from several goroutines at once, also
// while other goroutines call guests of its releases.
type Host struct {
	runtime wazero.Runtime
	limits  Limits
}

// InitFuelMax is the fuel of a guest's initialisation, which happens whenever a release is made
// ready. The Go toolchain's runtime takes 1.4 million. It bounds for how long a node's memory
// management may have to wait for a guest, which cannot be interrupted: some 20 to 60 ms.
const InitFuelMax = 20_000_000

// features are what the static check lets through.
const features = api.CoreFeaturesV2 &^ api.CoreFeatureSIMD

// NewHost returns a host. It fails only when the engine cannot be set up on this machine.
func NewHost(o Options) (*Host, error) {
	config := wazero.NewRuntimeConfig() // the compiler, where there is one for this machine
	if o.Interpreter {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	h := &Host{limits: DefaultLimits()}
	if o.Limits != nil {
		h.limits = *o.Limits
	}
	config = config.WithCoreFeatures(features).WithMemoryLimitPages(h.limits.PagesMax + 1).
		WithDebugInfoEnabled(false).WithCloseOnContextDone(false)
	if o.Cache != nil {
		config = config.WithCompilationCache(o.Cache)
	}
	ctx := context.Background()
	h.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if err := installHostFunctions(ctx, h.runtime); err != nil {
		_ = h.runtime.Close(ctx)
		return nil, fmt.Errorf("plugin: the WebAssembly engine does not start: %w", err)
	}
	return h, nil
}

// Close frees the engine; releases and tables of the host must not be used afterwards.
func (h *Host) Close() error { return h.runtime.Close(context.Background()) }

// Release is a compiled release: code, and the image from which every call starts. It does
// not change and may be added to any number of tables, on any goroutines.
type Release struct {
	host     *Host
	report   *Report
	compiled wazero.CompiledModule
	mutable  []int // numbers of the globals that calls may change
	image    image
}

// Digest returns the release's name.
func (r *Release) Digest() quoin.Hash { return r.report.Digest }

// Manifest returns what the file says of itself; do not change it.
func (r *Release) Manifest() *Manifest { return r.report.Manifest }

// Report returns what the static check learned; do not change it.
func (r *Release) Report() *Report { return r.report }

// Binding returns a binding of a hook to the release that grants all that its manifest names and
// leaves the fuel to it: how tools and tests bind a release.
func (r *Release) Binding(hookName string) *quoin.Binding {
	return &quoin.Binding{Hook: hookName, Release: r.Digest(), Grants: slices.Clone(r.Manifest().Capabilities)}
}

// batches reports whether the module exports the hook's batch operation.
func (r *Release) batches(hookName string) bool {
	h, _ := hook.Find(hookName)
	return slices.ContainsFunc(h.Operations, func(o hook.Operation) bool { return o.Batch && slices.Contains(r.report.Exports, o.Name) })
}

// Migrates reports whether the module exports machine.v1.migrate.
func (r *Release) Migrates() bool { return slices.Contains(r.report.Exports, hook.Migrate.Name) }

// Close frees the code. Tables that still have the release must have dropped it before.
func (r *Release) Close() error { return r.compiled.Close(context.Background()) }

// ErrInit is wrapped by the error of a release whose initialisation faults.
var ErrInit = errors.New("plugin: initialisation failed")

// Compile checks, rewrites and compiles a release file, and runs its initialisation once. It
// takes up to a second for a large module and is for a background goroutine.
//
// The error is a *Refusal when no node can accept the file, wraps ErrInit when the guest's
// own initialisation faults (on every node alike), and wraps ErrLocal when this host failed.
// The author's signature is not checked here: see VerifySignature.
func (h *Host) Compile(file []byte) (r *Release, err error) {
	defer func() {
		if p := recover(); p != nil { // the engine's, of which no release may be the victim
			r, err = nil, local("the engine failed while compiling: %v", p)
		}
	}()
	c, refusal := check(file, &h.limits)
	if refusal != nil {
		return nil, refusal
	}
	code, mutable, refusal := c.instrument()
	if refusal != nil {
		return nil, refusal
	}
	compiled, err := h.runtime.CompileModule(context.Background(), code)
	if err != nil {
		return nil, local("the engine refuses a module that passed the check: %w", err)
	}
	r = &Release{host: h, report: c.report, compiled: compiled, mutable: mutable}
	if err := r.initialise(c.module.data); err != nil {
		_ = compiled.Close(context.Background())
		return nil, err
	}
	return r, nil
}

// initialise loads the data, runs _initialize, if there is one, and takes the image.
func (r *Release) initialise(data []activeSegment) error {
	i, err := r.start()
	if err != nil {
		return err
	}
	defer i.close()
	for _, d := range data {
		copy(i.paged.bytes[d.offset:], d.data)
	}
	if r.report.Initialises {
		i.call.operation = hook.Operation{}
		i.call.timeNS = clockStartNS
		o, err := i.run(initializeExport, InitFuelMax)
		if err != nil {
			return err
		}
		if o.Fault != hook.FaultNone {
			return fmt.Errorf("%w: %s (%q)", ErrInit, o.Fault, o.Log)
		}
	}
	r.image = i.snapshot()
	return nil
}
