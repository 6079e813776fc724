package fault

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"quoin.dev/quoin"
)

func key(n int) quoin.PublicKey { return quoin.PublicKey{byte(n), byte(n >> 8), 1} }

// faultOf returns a valid fault of a kind that happens to node 1 for ten seconds.
func faultOf(kind Kind, id uint64) Fault {
	f := Fault{ID: id, Kind: kind, Targets: []quoin.PublicKey{key(1)}, Until: time.Now().Add(10 * time.Second)}
	switch kind {
	case Delay, SlowDisk:
		f.Delay = 50 * time.Millisecond
	case Drop:
		f.Share = ShareAll
	case Partition:
		f.Peers = []quoin.PublicKey{key(2), key(3)}
	case SlowPlugin:
		f.Delay, f.Slot = 50*time.Millisecond, "leader.v1"
	}
	return f
}

func newSet(t *testing.T) *Set {
	s := NewSet(Config{Self: key(1), Crash: func(*Fault) {}})
	t.Cleanup(s.Close)
	return s
}

func inject(t *testing.T, s *Set, f Fault) {
	t.Helper()
	if err := s.Inject(f); err != nil {
		t.Fatal(err)
	}
}

func TestKindsHaveTheirEffectsUntilTheyAreOver(t *testing.T) {
	// took is how long a call waits.
	took := func(call func()) time.Duration {
		began := time.Now()
		call()
		return time.Since(began)
	}
	for _, c := range []struct {
		kind Kind
		here func(s *Set) bool // the effect is there, and on nothing else
	}{
		{Delay, func(s *Set) bool { d, lost := s.Link(key(2)); return d == 50*time.Millisecond && !lost }},
		{Drop, func(s *Set) bool { d, lost := s.Link(key(2)); return d == 0 && lost }},
		{Partition, func(s *Set) bool {
			_, two := s.Link(key(2))
			_, four := s.Link(key(4))
			return two && !four
		}},
		{SlowDisk, func(s *Set) bool { return took(s.BeforeSync) == 50*time.Millisecond }},
		{SlowPlugin, func(s *Set) bool {
			return s.SlowsCalls() && took(func() { s.BeforeCall("leader.v1") }) == 50*time.Millisecond && took(func() { s.BeforeCall("machine.v1/kv") }) == 0
		}},
	} {
		for _, end := range []string{"expires", "is lifted", "is closed"} {
			t.Run(fmt.Sprintf("%s %s", c.kind, end), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSet(t)
					f := faultOf(c.kind, 7)
					f.Until = time.Now().Add(time.Second)
					inject(t, s, f)
					if !c.here(s) {
						t.Error("it has no effect")
					}
					switch end {
					case "expires":
						time.Sleep(time.Second)
						synctest.Wait()
					case "is lifted":
						if !s.Lift(7) || s.Lift(7) {
							t.Error("it is lifted once")
						}
					default:
						s.Close()
					}
					if c.here(s) || s.effects.Load() != nil || len(s.List()) != 0 {
						t.Errorf("its effect stays: %v", s.List())
					}
				})
			})
		}
	}
}

// Only targets apply a fault; everybody lists it and tells of it.
func TestFaultsOfOthersAreToldOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []string
		s := newSet(t)
		s.c.Self = key(9)
		s.Watch(func(f *Fault, over bool) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(f.ID, " ", f.Kind, " ", over))
		})
		for i, k := range Kinds() {
			inject(t, s, faultOf(k, uint64(i+1)))
		}
		if s.effects.Load() != nil {
			t.Error("a fault of others applies")
		}
		if n := len(s.List()); n != len(Kinds()) {
			t.Errorf("%d are listed", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 2*len(Kinds()) || told[0] != "1 delay false" || !strings.HasSuffix(told[len(told)-1], "true") {
			t.Errorf("told %q", told)
		}
	})
}

// Whoever is being delayed goes on when the fault is over, however long the delay.
func TestNobodyWaitsLongerThanTheFaultLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t)
		f := faultOf(SlowDisk, 1)
		f.Delay = DelayMax
		inject(t, s, f)
		began := time.Now()
		go func() { time.Sleep(time.Second); s.Lift(1) }()
		s.BeforeSync()
		if took := time.Since(began); took != time.Second {
			t.Errorf("it waited %v", took)
		}
	})
}

func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var crashed [4]atomic.Int32 // by number
		s := NewSet(Config{Self: key(1), Crash: func(f *Fault) { crashed[f.ID].Add(1) }})
		defer s.Close()
		inject(t, s, faultOf(Crash, 1))
		inject(t, s, faultOf(Crash, 1)) // the same again
		other := faultOf(Crash, 2)
		other.Targets = []quoin.PublicKey{key(2)}
		inject(t, s, other)
		if crashed[1].Load() != 0 {
			t.Error("it crashed before it could answer")
		}
		inject(t, s, faultOf(Crash, 3))
		s.Lift(3)
		time.Sleep(CrashAfter)
		synctest.Wait()
		if crashed[1].Load() != 1 || crashed[2].Load()+crashed[3].Load() != 0 {
			t.Errorf("crashed %d times for its own fault, %d times for another's, %d times for one that was lifted", crashed[1].Load(), crashed[2].Load(), crashed[3].Load())
		}
	})
	s := NewSet(Config{Self: key(1)})
	if err := s.Inject(faultOf(Crash, 1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a node that nothing can crash: %v", err)
	}
}

func TestHostileFaultsAreRefused(t *testing.T) {
	many := func(n int) (keys []quoin.PublicKey) {
		for i := range n {
			keys = append(keys, key(i))
		}
		return keys
	}
	for name, change := range map[string]func(*Fault){
		"kind of no name":      func(f *Fault) { f.Kind = "" },
		"unknown kind":         func(f *Fault) { f.Kind = "corrupt" },
		"no number":            func(f *Fault) { f.ID = 0 },
		"number above all":     func(f *Fault) { f.ID = math.MaxUint64 },
		"no target":            func(f *Fault) { f.Targets = nil },
		"many targets":         func(f *Fault) { f.Targets = many(NodesMax + 1) },
		"many peers":           func(f *Fault) { f.Peers = many(NodesMax + 1) },
		"a target twice":       func(f *Fault) { f.Targets = []quoin.PublicKey{key(1), key(1)} },
		"a peer twice":         func(f *Fault) { f.Peers = []quoin.PublicKey{key(2), key(2)} },
		"over already":         func(f *Fault) { f.Until = time.Now() },
		"endless":              func(f *Fault) { f.Until = time.Now().Add(LongestMax + time.Minute) },
		"no delay":             func(f *Fault) { f.Delay = 0 },
		"negative delay":       func(f *Fault) { f.Delay = -time.Second },
		"long delay":           func(f *Fault) { f.Delay = DelayMax + 1 },
		"share of a delay":     func(f *Fault) { f.Share = 1 },
		"slot of a delay":      func(f *Fault) { f.Slot = "leader.v1" },
		"partition of nobody":  func(f *Fault) { f.Kind, f.Delay = Partition, 0 },
		"partition of itself":  func(f *Fault) { f.Kind, f.Delay, f.Peers = Partition, 0, f.Targets },
		"share of nothing":     func(f *Fault) { f.Kind, f.Delay = Drop, 0 },
		"share above all":      func(f *Fault) { f.Kind, f.Delay, f.Share = Drop, 0, ShareAll+1 },
		"crash of a moment":    func(f *Fault) { f.Kind, f.Delay, f.Until = Crash, 0, time.Now().Add(CrashAfter) },
		"plugin without slot":  func(f *Fault) { f.Kind = SlowPlugin },
		"plugin of long slot":  func(f *Fault) { f.Kind, f.Slot = SlowPlugin, strings.Repeat("x", SlotMax+1) },
		"slot that moves":      func(f *Fault) { f.Kind, f.Slot = SlowPlugin, "leader.v1\n" },
		"peers of a disk":      func(f *Fault) { f.Kind, f.Peers = SlowDisk, many(1) },
		"long note":            func(f *Fault) { f.Note = strings.Repeat("x", NoteMax+1) },
		"note that moves":      func(f *Fault) { f.Note = "\x1b[2J" },
		"note that is no text": func(f *Fault) { f.Note = "\xff" },
	} {
		s := newSet(t)
		f := faultOf(Delay, 1)
		change(&f)
		if err := s.Inject(f); !errors.Is(err, ErrInvalid) || len(s.List()) != 0 || s.effects.Load() != nil {
			t.Errorf("%s: %v, %v", name, err, s.List())
		}
	}
}

func TestSetsAreBounded(t *testing.T) {
	s := newSet(t)
	refused := 0
	for i := range uint64(1000) {
		if err := s.Inject(faultOf(Delay, i+1)); errors.Is(err, ErrFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.List()); n != FaultsMax || refused != 1000-FaultsMax {
		t.Errorf("%d are active, %d were refused", n, refused)
	}
	if d, _ := s.Link(key(2)); d != FaultsMax*50*time.Millisecond {
		t.Errorf("delays add up to %v", d)
	}
	s.Lift(3)
	inject(t, s, faultOf(Delay, 1001))
	other := faultOf(SlowDisk, 1001)
	if err := s.Inject(other); !errors.Is(err, ErrTaken) {
		t.Errorf("a number twice: %v", err)
	}
	again := faultOf(Delay, 3)
	if err := s.Inject(again); !errors.Is(err, ErrTaken) {
		t.Errorf("the number of one that is over: %v", err)
	}
	for i := range uint64(2 * overMax) {
		s.Lift(1001 + i)
		inject(t, s, faultOf(Delay, 1002+i))
	}
	if len(s.over) != overMax {
		t.Errorf("%d faults that are over are remembered", len(s.over))
	}
	if s.Next() != 1002+2*overMax {
		t.Errorf("the next number is %d", s.Next())
	}
	s.Close()
	if err := s.Inject(other); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// What Inject was given may be changed afterwards.
func TestSetsKeepCopies(t *testing.T) {
	s := newSet(t)
	f := faultOf(Partition, 1)
	inject(t, s, f)
	f.Targets[0], f.Peers[0] = key(8), key(9)
	if _, lost := s.Link(key(2)); !lost || !s.List()[0].Targeted(key(1)) {
		t.Errorf("%v", s.List())
	}
}

// The share of lost messages is the one that was asked for: within five standard deviations.
func TestShareOfLostMessages(t *testing.T) {
	s := newSet(t)
	f := faultOf(Drop, 1)
	f.Share = 200
	inject(t, s, f)
	const messages = 100_000
	lost := 0
	for range messages {
		if _, gone := s.Link(key(2)); gone {
			lost++
		}
	}
	deviation := math.Sqrt(messages * 0.2 * 0.8)
	if math.Abs(float64(lost)-messages*0.2) > 5*deviation {
		t.Errorf("%d of %d are lost, want a fifth", lost, messages)
	}
}

func TestSentences(t *testing.T) {
	name := func(k quoin.PublicKey) string { return fmt.Sprint("v", k[0]) }
	for kind, want := range map[Kind]string{
		Delay:      "fault 7: messages between v1 and all others take 50ms longer",
		Drop:       "fault 7: 100.0% of the messages between v1 and all others are lost",
		Partition:  "fault 7: v1 cannot reach v2 and v3",
		Crash:      "fault 7: v1 crashed",
		SlowDisk:   "fault 7: each fsync of v1 takes 50ms longer",
		SlowPlugin: "fault 7: each call of the plugin in leader.v1 takes 50ms longer on v1",
	} {
		f := faultOf(kind, 7)
		if got := f.Sentence(name); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		f.Note = "a drill"
		if got := f.Sentence(name); got != want+" (a drill)" {
			t.Errorf("got %q", got)
		}
	}
}

// Goroutines inject, lift, list and pass the seams at once; nothing is left at the end. Run with -race.
func TestSetsAreForManyGoroutines(t *testing.T) {
	s := newSet(t)
	s.Watch(func(*Fault, bool) {})
	var wg sync.WaitGroup
	for g := range uint64(8) {
		random := rand.New(rand.NewPCG(g, 1))
		wg.Go(func() {
			for i := range uint64(200) {
				f := faultOf(Kinds()[random.IntN(len(Kinds()))], 1+g*1000+i)
				if f.Delay > 0 {
					f.Delay = time.Millisecond
				}
				_ = s.Inject(f) // it may be full
				s.Link(key(2))
				s.List()
				if i%50 == 0 {
					s.BeforeSync()
					s.BeforeCall("leader.v1")
				}
				s.Lift(1 + g*1000 + uint64(random.IntN(200)))
				s.Lift(f.ID)
			}
			for i := range uint64(200) {
				s.Lift(1 + g*1000 + i)
			}
		})
	}
	wg.Wait()
	if len(s.List()) != 0 || s.effects.Load() != nil {
		t.Errorf("left: %v", s.List())
	}
}

// BenchmarkLinkWithoutFaults is what each message costs on a network that allows faults.
func BenchmarkLinkWithoutFaults(b *testing.B) {
	s := NewSet(Config{Self: key(1)})
	for b.Loop() {
		s.Link(key(2))
	}
}
