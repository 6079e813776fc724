package replica

import (
	"math"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

var ownPacemaker = quoin.Binding{Hook: hook.Pacemaker.Name, Builtin: "own", Parameters: []byte("pp")}

// pacemakers makes a network in which replica i is paced by a function of its own.
func pacemakers(t *testing.T, pace func(i int, q *hook.PacemakerRequest) uint64) *network {
	t.Helper()
	return newNetworkOf(t, 4, func(i int) plugin.Builtin {
		return plugin.Builtin{Name: "own", Pacemaker: hook.PacemakerFunc(func(q *hook.PacemakerRequest) hook.PacemakerResponse {
			return hook.PacemakerResponse{TimeoutMS: pace(i, q)}
		})}
	}, ownPacemaker)
}

func put(salt uint64) quoin.Transaction {
	var batch plugin.KVBatch
	batch.Put([]byte("key"), []byte{byte(salt)})
	return quoin.Transaction{Salt: salt, Expiry: 100, Namespace: "kv", Payload: batch.Payload()}
}

// submit certifies one transaction.
func (w *network) submit(i int, salt uint64) {
	w.t.Helper()
	tx := put(salt)
	w.step(i, Submit{[]quoin.Transaction{tx}})
	w.run()
	if _, ok := w.replicas[i].Place(tx.ID(w.replicas[i].originID)); !ok {
		w.fire()
	}
}

// The pacemaker is asked for every time-out, is told what the node measured, and its answer holds within
// the bounds.
func TestPacemakerChoosesTimeouts(t *testing.T) {
	asked := make([][]hook.PacemakerRequest, 4)
	w := pacemakers(t, func(i int, q *hook.PacemakerRequest) uint64 {
		r := *q
		r.Window, r.Params = slices.Clone(q.Window), slices.Clone(q.Params)
		asked[i] = append(asked[i], r)
		return [...]uint64{0, 777, 777 + q.View, 1 << 60}[i]
	})
	w.run()
	for i := range asked {
		if len(asked[i]) > 0 || w.timers[i][ViewTimer].ID != 0 {
			t.Fatalf("replica %d waits on an idle chain", i)
		}
	}
	p := quoin.DefaultParameters()
	for i := range uint64(40) {
		w.submit(int(i%4), i)
	}
	w.fire()
	for i, r := range w.replicas {
		last := asked[i][len(asked[i])-1]
		want := [...]uint64{last.BuiltinMS / 4, 777, 777 + last.View, 4 * last.BuiltinMS}[i]
		if got := w.timers[i][ViewTimer]; got.AfterMS != want {
			t.Errorf("replica %d waits %d ms, want %d", i, got.AfterMS, want)
		}
		if last.Validators != 4 || last.Self != uint32(r.index) || last.BaseMS != p.TimeoutBaseMS || last.MaxMS != p.TimeoutMaxMS || string(last.Params) != "pp" {
			t.Errorf("replica %d was asked %+v", i, last)
		}
		if len(last.Window) < 20 || len(last.Window) > hook.PacemakerWindowMax {
			t.Errorf("replica %d: a window of %d views", i, len(last.Window))
		}
		notarized, waited := 0, 0
		for _, v := range last.Window {
			if v.Notarized {
				notarized++
			}
			if v.MS > 0 && v.MS < 1000 {
				waited++
			}
		}
		if notarized == 0 || waited < len(last.Window)/2 {
			t.Errorf("replica %d: %d of %d views notarized, %d took time: %v", i, notarized, len(last.Window), waited, last.Window)
		}
		for k := range asked[i] {
			if err := asked[i][k].Validate(); err != nil {
				t.Errorf("replica %d: %v", i, err)
			}
		}
		if s := r.Stats(); s.PacemakerFaults != 0 {
			t.Errorf("replica %d counts %d faults", i, s.PacemakerFaults)
		}
	}
}

// Time-outs double with the views since the highest certified one, whatever the pacemaker says.
func TestTimeoutsGrowUnderAnyPacemaker(t *testing.T) {
	w := pacemakers(t, func(i int, q *hook.PacemakerRequest) uint64 { return uint64(i%2) * math.MaxUint64 })
	w.run()
	w.replicas = w.replicas[:2] // no quorum: nothing is notarized or given up, so views come from the others' votes
	p := quoin.DefaultParameters()
	for i := range w.replicas {
		pace := w.replicas[i].pacemaker
		for k := range uint64(20) {
			builtin := min(p.TimeoutBaseMS<<k, p.TimeoutMaxMS)
			want := [...]uint64{builtin / 4, min(4*builtin, p.TimeoutMaxMS)}[i]
			if got := pace.Timeout(quoin.View(100+k), 99, builtin, false); got != want {
				t.Errorf("%d views without a certificate: %d ms, want %d", k, got, want)
			}
		}
	}
}

// A pacemaker that fails, or is not here, costs nothing but a count: the built-in rule holds.
func TestPacemakerWithoutAnAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		reason string
		w      *network
	}{
		{"traps", "trap", pacemakers(t, func(i int, _ *hook.PacemakerRequest) uint64 { panic("broken") })},
		{"is missing", "plugin: failed on this host only: this version of the node has no built-in \"nobody\" for pacemaker.v1",
			newNetworkOf(t, 4, nil, quoin.Binding{Hook: hook.Pacemaker.Name, Builtin: "nobody"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := c.w
			w.run()
			for i := range uint64(4) {
				w.submit(int(i), i)
			}
			for i, r := range w.replicas {
				if got, base := w.timers[i][ViewTimer].AfterMS, quoin.DefaultParameters().TimeoutBaseMS; got != base && got != 2*base { // certificates come one delay later
					t.Errorf("replica %d waits %d ms", i, got)
				}
				if r.Stats().PacemakerFaults == 0 || r.Stats().LeaderFaults > 0 {
					t.Errorf("replica %d: %+v", i, r.Stats())
				}
				if r.exec.Tip().Ledger != w.replicas[0].exec.Tip().Ledger || len(w.finished[i]) == 0 {
					t.Errorf("replica %d has another ledger", i)
				}
			}
			if !slices.ContainsFunc(w.events, func(e Event) bool { return e.Kind == PacemakerFaulted && e.Reason == c.reason && e.View > 0 }) {
				t.Error("no event tells of the fault")
			}
		})
	}
}

// A fault counts once, for the timer that it was asked for.
func TestPacemakerFaultsAreCountedEach(t *testing.T) {
	asked, faults := 0, uint64(0)
	w := pacemakers(t, func(i int, _ *hook.PacemakerRequest) uint64 {
		if i > 0 {
			return 0
		}
		if asked++; asked%3 == 0 {
			faults++
			panic("broken")
		}
		return 0
	})
	w.run()
	for i := range uint64(8) {
		w.submit(0, i)
	}
	if got := w.replicas[0].Stats().PacemakerFaults; got != faults || faults < 2 {
		t.Errorf("%d faults counted of %d", got, faults)
	}
}

// A pacemaker's ledger is that of the built-in rule: what is node-local never gets there.
func TestPacemakersLeaveNoTrace(t *testing.T) {
	ledgers := map[quoin.Hash]bool{}
	for _, answer := range []uint64{0, 500, math.MaxUint64} {
		w := pacemakers(t, func(int, *hook.PacemakerRequest) uint64 { return answer })
		w.run()
		for i := range uint64(5) {
			w.submit(0, i)
		}
		ledgers[w.replicas[0].exec.Tip().Ledger] = true
	}
	if len(ledgers) != 1 {
		t.Error("the ledger depends on the pacemaker's answers")
	}
}

// What a node measures is cut to what a request holds; a clock that goes back measures nothing.
func TestPacemakerMeasures(t *testing.T) {
	w := pacemakers(t, func(int, *hook.PacemakerRequest) uint64 { return 0 })
	r := w.replicas[1]
	p := r.pacemaker
	measure := func(v quoin.View, took int64) {
		r.now = 1_000_000
		p.Timeout(v, 0, 500, false)
		r.now = quoin.Time(1_000_000 + took/2)
		p.Timeout(v, 0, 500, true)
		r.now = quoin.Time(1_000_000 + took)
		p.Left(v, v%2 == 0)
	}
	measure(1, 700)
	measure(2, -700)
	measure(3, 1<<40)
	p.Left(4, true) // nobody waited in it
	want := []hook.PacemakerView{{View: 3, MS: math.MaxUint32}, {View: 2, Notarized: true}, {View: 1, MS: 700}}
	if got := p.request.Window; !slices.Equal(got, want) {
		t.Errorf("measured %v, want %v", got, want)
	}
	for v := quoin.View(10); v < 100; v++ {
		measure(v, 5)
	}
	if got := p.request.Window; len(got) != hook.PacemakerWindowMax || got[0].View != 99 || got[31].View != 68 {
		t.Errorf("measured %v", got)
	}
}
