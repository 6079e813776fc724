// Package measure says what the calls of a release cost on this machine, in fuel, time and memory,
// beside the node's own algorithm for the same hook.
//
// Times are taken in rounds. In each round every subject answers all its requests, again and again for
// some milliseconds, one subject after the other: what slows the machine down for a while slows all of
// them down. A figure is the median over the rounds, with an interval (see Interval); the ratio of two
// subjects is taken within each round. Fuel and bytes are not estimates: they are the same everywhere.
//
// Batch operations get the requests of their single form; their figures are those of one request, and
// are held against the built-in asked one by one.
//
// A call of a release includes restoring the guest's memory, as on a node, and the work of a namespace
// in memory, which costs less than a node's state.
package measure

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/conformance/trial"
	"quoin.dev/quoin/sdk/plugintest"
)

// Options say what is measured.
type Options struct {
	Seed     uint64
	Requests int           // distinct ones of each operation; 0: 32
	Rounds   int           // 0: 40; at least 6
	Round    time.Duration // of each subject; 0: 2 ms
	Params   []byte        // of the binding
	Payloads [][]byte      // examples
	Records  []*plugintest.Record
}

// Report is what was measured.
type Report struct {
	Confidence int         `json:"confidence"` // of intervals, in percent
	Rounds     int         `json:"rounds"`
	Platform   string      `json:"platform"`
	Releases   []Release   `json:"releases"`
	Operations []Operation `json:"operations"`
}

// Release is what a release costs once, and what it keeps of memory.
type Release struct {
	Name          string   `json:"name"`
	Digest        string   `json:"digest"`
	FileBytes     int      `json:"file_bytes"`
	CompileMS     float64  `json:"compile_ms"` // once: check, instrument, compile, initialise
	InstantiateUS Interval `json:"instantiate_us"`
	ImagePages    int      `json:"image_pages"` // of 64 KiB, of the memory that calls start from
	ImageBytes    int      `json:"image_bytes"` // of it that has to be kept
}

// Operation is one operation of one subject.
type Operation struct {
	Operation   string    `json:"operation"`
	Subject     string    `json:"subject"` // the release's name and version, or the built-in's name
	Builtin     bool      `json:"builtin"`
	Requests    int       `json:"requests"`
	Accepted    int       `json:"accepted"` // of them, without a fault, and with the code 0 if there is one
	Fuel        Spread    `json:"fuel"`     // of a call
	NS          Interval  `json:"ns"`       // of a call
	PerSecond   Interval  `json:"calls_per_second"`
	NSPerFuel   Interval  `json:"ns_per_fuel"`
	Ratio       *Interval `json:"ratio,omitempty"`      // of a call's time to the built-in's
	RestoreNS   *Interval `json:"restore_ns,omitempty"` // of putting back what a call wrote; not of a batch
	Restored    Spread    `json:"restored_bytes"`       // of memory, after a call or a batch
	Allocations float64   `json:"allocations"`          // of the host's for a call, the namespace's included
}

// Spread is a figure that does not depend on the machine.
type Spread struct {
	Least  uint64 `json:"least"`
	Median uint64 `json:"median"`
	Most   uint64 `json:"most"`
}

func spreadOf(samples []uint64) Spread {
	s := slices.Sorted(slices.Values(samples))
	return Spread{s[0], s[len(s)/2], s[len(s)-1]}
}

// Run measures releases, all that they serve. The errors are those of plugin.Host.Compile, and the
// context's.
func Run(ctx context.Context, files [][]byte, o Options) (*Report, error) {
	if o.Requests == 0 {
		o.Requests = 32
	}
	if o.Rounds == 0 {
		o.Rounds = 40
	}
	o.Rounds = max(o.Rounds, samplesMin)
	if o.Round == 0 {
		o.Round = 2 * time.Millisecond
	}
	r := &Report{Confidence: 95, Rounds: o.Rounds, Platform: runtime.GOOS + "/" + runtime.GOARCH, Releases: []Release{}, Operations: []Operation{}}
	var guests []*trial.Guest
	defer func() {
		for _, g := range guests {
			g.Close()
		}
	}()
	for _, file := range files {
		start := time.Now()
		g, err := trial.Open(file, plugin.Options{})
		if err != nil {
			return nil, err
		}
		guests = append(guests, g)
		r.Releases = append(r.Releases, Release{Name: g.Name, Digest: g.Release.Digest().String(), FileBytes: len(file),
			CompileMS: float64(time.Since(start).Microseconds()) / 1000})
	}
	for _, h := range hook.All() {
		for _, op := range h.Operations {
			if op.Optional {
				continue
			}
			if err := measureOperation(ctx, r, &h, op, guests, &o); err != nil {
				return nil, err
			}
		}
	}
	for i, g := range guests {
		if err := instantiate(ctx, &r.Releases[i], g, &o); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// measureOperation measures an operation of all that serve it.
func measureOperation(ctx context.Context, r *Report, h *hook.Hook, op hook.Operation, guests []*trial.Guest, o *Options) error {
	var subjects []*subject
	for _, g := range guests {
		if !g.Release.Manifest().Serves(h.Name) {
			continue
		}
		s, err := newSubject(ctx, g, op, o)
		if err != nil {
			return err
		}
		subjects = append(subjects, s)
		if s, err = newBatch(s); err != nil {
			return err
		}
		if s != nil {
			subjects = append(subjects, s)
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	reference, err := trial.OpenBuiltin(builtinOf(h))
	if err != nil {
		return err
	}
	own, err := newSubject(ctx, reference, op, o)
	if err != nil {
		return err
	}
	subjects = append(subjects, own)
	runtime.GC()
	for n := range o.Rounds {
		for i := range subjects {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := subjects[(i+n)%len(subjects)].round(o.Round); err != nil {
				return err
			}
		}
	}
	for _, s := range subjects {
		m, err := s.result(ctx, own, o)
		if err != nil {
			return err
		}
		r.Operations = append(r.Operations, *m)
	}
	return nil
}

// builtinOf returns the algorithm that a hook's plugins are held against: its fallback, or the first
// that there is.
func builtinOf(h *hook.Hook) string {
	if h.Fallback != "" {
		return h.Fallback
	}
	for _, b := range plugin.Builtins() {
		if b.Serves(h.Name) {
			return b.Name
		}
	}
	panic(fmt.Sprintf("measure: %s has no built-in", h.Name)) // every hook has
}

// instantiateMost bounds the instances that are made to measure one.
const instantiateMost = 30

// instantiate measures how much longer the first call of an instance takes than its second.
func instantiate(ctx context.Context, r *Release, g *trial.Guest, o *Options) error {
	operations := g.Operations()
	if len(operations) == 0 {
		return nil
	}
	source := trial.NewSource(o.Seed, o.Params)
	q, err := trial.NewQuestion(operations[0].Name, source.Request(operations[0].Name))
	if err != nil {
		return err
	}
	state := trial.NewState(nil)
	binding := g.Binding(q.Operation.Hook, o.Params)
	var samples []float64
	for range min(o.Rounds, instantiateMost) {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.Renew()
		var took [2]time.Duration
		for i := range took {
			start := time.Now()
			if _, err := q.Call(g.Table, binding, state); err != nil {
				return err
			}
			took[i] = time.Since(start)
			state.Rollback(0)
		}
		samples = append(samples, float64(max(0, took[0]-took[1]).Nanoseconds())/1000)
	}
	r.InstantiateUS = intervalOf(samples)
	f := g.Table.Footprint(g.Release.Digest())
	r.ImagePages, r.ImageBytes = f.ImagePages, f.ImageBytes
	return nil
}
