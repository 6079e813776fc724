package node

import (
	"context"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// SampleDiffered is the kind of the event that a replayed call gave something else than the call
// itself: the compiler, the interpreter or this machine is wrong. The result stays what it was.
const SampleDiffered replica.EventKind = "sample-differed"

const (
	sampleQueue    = 16 // recordings that wait; each has at most plugin.RecordingBytesMax
	sampleReleases = 8  // kept ready to be replayed
	callTimeEvery  = 16 // calls of which one is timed: reading the clock for each would show
	sampleRest     = 9  // rests, for each time of work: a tenth of one processor at most
)

// SampleStats count what became of the calls of guests.
type SampleStats struct {
	Calls      uint64        // of guests, on the loop
	CallTime   time.Duration // of these: an estimate from one call in callTimeEvery
	Replayed   uint64        // on the interpreter
	Differed   uint64        // of these
	Dropped    uint64        // chosen, while as many waited as may wait
	Unrecorded uint64        // chosen, but failed on this host only, or too large to be recorded
	Failed     uint64        // replays that this host could not do
	Slow       uint64        // calls that the watchdog has reported
}

// sampler looks on at the calls of guests on the loop. It replays one in so many on the interpreter,
// beside the loop, which takes it for nothing but the recording.
type sampler struct {
	n     *Node
	every uint64 // 0: none
	queue chan *plugin.Recording
	watch watchdog
	slow  stopwatch
	told  calls

	chosen                                                     bool         // the call that runs is recorded
	sampled                                                    time.Time    // when the call that runs began, if it is timed
	callTime                                                   atomic.Int64 // nanoseconds
	replayed, differed, dropped, unrecorded, failed, slowCalls atomic.Uint64

	plant func(*plugin.Recording) // tests spoil recordings here
}

var _ plugin.Observer = (*sampler)(nil)

func newSampler(n *Node) *sampler {
	s := &sampler{n: n, every: n.c.Plugins.SampleEvery, queue: make(chan *plugin.Recording, sampleQueue), slow: newStopwatch(&n.c.Plugins), told: calls{observer: n.c.Observer}}
	s.watch.slow = n.c.Plugins.SlowCall
	if s.watch.slow == 0 {
		s.watch.slow = slowCallDefault
	}
	return s
}

// Begin implements plugin.Observer. Which calls are chosen depends on nothing but their number.
func (s *sampler) Begin(b quoin.Binding, operation string) bool {
	n := s.watch.begin(b.Release, operation)
	s.chosen = s.every > 0 && n%s.every == 0
	if n%callTimeEvery == 0 {
		s.sampled = time.Now()
	}
	s.slow.begin()
	s.told.begin(operation)
	if call := s.n.c.Lab.Call; call != nil {
		call(b)
	}
	return s.chosen
}

// End implements plugin.Observer.
func (s *sampler) End(r *plugin.Recording, memory uint64) {
	s.slow.end()
	s.told.end(memory)
	s.watch.end()
	if !s.sampled.IsZero() {
		s.callTime.Add(callTimeEvery * time.Since(s.sampled).Nanoseconds())
		s.sampled = time.Time{}
	}
	switch {
	case !s.chosen:
	case r == nil:
		s.unrecorded.Add(1)
	default:
		if s.plant != nil {
			s.plant(r)
		}
		select {
		case s.queue <- r:
		default:
			s.dropped.Add(1)
		}
	}
}

// time has the calls for these slots timed for the replica, and no others.
func (s *sampler) time(table *plugin.Table, slots []string) {
	s.slow.watch(slots)
	s.meter(table)
}

// meter has the table tell what questions cost, if anybody wants to know.
func (s *sampler) meter(table *plugin.Table) {
	switch {
	case s.told.observer == nil && s.slow.slots == nil:
		table.Meter(nil)
	case s.told.observer == nil:
		table.Meter(s.slow.metered)
	default:
		table.Meter(func(b quoin.Binding, o plugin.Outcome) {
			if s.slow.slots != nil {
				s.slow.metered(b, o)
			}
			s.told.metered(b, o)
		})
	}
}

func (s *sampler) stats() SampleStats {
	return SampleStats{Calls: s.watch.calls.Load(), CallTime: time.Duration(s.callTime.Load()), Replayed: s.replayed.Load(), Differed: s.differed.Load(), Dropped: s.dropped.Load(),
		Unrecorded: s.unrecorded.Load(), Failed: s.failed.Load(), Slow: s.slowCalls.Load()}
}

// run replays what was recorded.
func (s *sampler) run(ctx context.Context) {
	defer s.n.running.Done()
	ready := interpreted{n: s.n}
	defer ready.close()
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-s.queue:
			start := time.Now()
			s.replay(r, &ready)
			select {
			case <-ctx.Done():
				return
			case <-time.After(sampleRest * time.Since(start)):
			}
		}
	}
}

func (s *sampler) replay(r *plugin.Recording, ready *interpreted) {
	difference := ""
	err := ready.need(r.Release)
	if err == nil {
		difference, err = r.Replay(ready.table)
	}
	if err != nil {
		s.failed.Add(1)
		s.n.log.Warn("a sampled call cannot be replayed", "event", "sample-not-replayed", "release", r.Release, "operation", r.Operation, "error", err)
		return
	}
	s.replayed.Add(1)
	if difference == "" {
		return
	}
	s.differed.Add(1)
	digest := r.RequestDigest()
	s.n.log.Error("a call differs on the interpreter: the compiler, the interpreter or this machine is wrong",
		"event", "sample-differed", "release", r.Release, "operation", r.Operation, "request", digest, "difference", difference)
	s.n.tell(&replica.Event{Kind: SampleDiffered,
		Reason: r.Operation + " of release " + r.Release.String() + ", request " + digest.String() + ": " + difference})
}

// interpreted keeps the releases that were needed last ready for the interpreter, on a host of its own:
// what is dropped here may be interpreted on the loop.
type interpreted struct {
	n        *Node
	host     *plugin.Host // nil: nothing was needed yet
	table    *plugin.Table
	releases []*plugin.Release // the one that was needed last comes last
}

func (k *interpreted) need(digest quoin.Hash) (err error) {
	for i, r := range k.releases {
		if r.Digest() == digest {
			k.releases = append(append(k.releases[:i:i], k.releases[i+1:]...), r)
			return nil
		}
	}
	if k.host == nil {
		if k.table, err = plugin.NewTable(nil); err != nil {
			return err
		}
		if k.host, err = plugin.NewHost(plugin.Options{Interpreter: true}); err != nil {
			return err
		}
	}
	file, err := k.n.library.file(digest)
	if err != nil {
		return err
	}
	r, err := k.host.Compile(file)
	if err != nil {
		return err
	}
	if len(k.releases) == sampleReleases {
		k.table.Remove(k.releases[0].Digest())
		_ = k.releases[0].Close() // it only frees memory
		k.releases = k.releases[1:]
	}
	k.releases = append(k.releases, r)
	k.table.Add(r)
	return nil
}

func (k *interpreted) close() {
	if k.host != nil {
		_ = k.host.Close() // it only frees memory
	}
}
