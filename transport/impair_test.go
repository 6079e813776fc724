package transport_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"quoin.dev/quoin/transport"
)

// impairment is an Impairment that tests set while links are in use.
type impairment struct {
	delay atomic.Int64
	lost  atomic.Bool
}

func (i *impairment) Impair(transport.Key, transport.Class) (time.Duration, bool) {
	return time.Duration(i.delay.Load()), i.lost.Load()
}

// Messages that are delayed keep their order, also with those that follow when nothing delays any more, in
// both directions of a link whose one end is impaired.
func TestDelayedMessagesKeepTheirOrder(t *testing.T) {
	var i impairment
	a := start(t, 1, func(c *transport.Config) { c.Impair = &i })
	b := start(t, 2)
	connect(t, a.Transport, b.Transport)
	for _, way := range []struct{ from, to *node }{{a, b}, {b, a}} {
		i.delay.Store(int64(300 * time.Millisecond))
		const messages = 100
		began := time.Now()
		for n := range uint64(messages) {
			if n == messages/2 {
				time.Sleep(150 * time.Millisecond) // those before have arrived, and wait
				i.delay.Store(0)
			}
			if !way.from.Send(way.to.Key(), transport.Consensus, numbered(n, 8)) {
				t.Fatalf("message %d was not taken", n)
			}
		}
		for n := range uint64(messages) {
			if got := numberOf(way.to.next(t).message); got != n {
				t.Fatalf("message %d came in the place of %d", got, n)
			}
			if took := time.Since(began); n == 0 && took < 300*time.Millisecond {
				t.Errorf("the first message took %v", took)
			}
		}
	}
	if n := peerStats(t, a.Transport, b.Key()).Classes[transport.Consensus].Dropped[transport.DroppedFault]; n != 0 {
		t.Errorf("%d messages were lost", n)
	}
}

// What is lost is lost in both directions, is counted, and nothing else is.
func TestLostMessagesAreCounted(t *testing.T) {
	var i impairment
	a := start(t, 1, func(c *transport.Config) { c.Impair = &i })
	b := start(t, 2)
	connect(t, a.Transport, b.Transport)
	i.lost.Store(true)
	const messages = 20
	for range messages {
		if !a.Send(b.Key(), transport.Bulk, []byte("lost")) {
			t.Fatal("the sender saw that the message is lost")
		}
		b.Send(a.Key(), transport.Bulk, []byte("lost"))
	}
	lost := func() uint64 {
		return peerStats(t, a.Transport, b.Key()).Classes[transport.Bulk].Dropped[transport.DroppedFault]
	}
	eventually(t, "all are lost", func() bool { return lost() == 2*messages })
	i.lost.Store(false)
	a.Send(b.Key(), transport.Bulk, []byte("to b"))
	b.Send(a.Key(), transport.Bulk, []byte("to a"))
	if got := string(b.next(t).message); got != "to b" {
		t.Errorf("b got %q", got)
	}
	if got := string(a.next(t).message); got != "to a" {
		t.Errorf("a got %q", got)
	}
	if n := lost(); n != 2*messages {
		t.Errorf("%d are lost, want %d", n, 2*messages)
	}
}

// The line of delayed messages has the limits of the class, in both directions.
func TestDelayedMessagesHaveALimit(t *testing.T) {
	var i impairment
	const room = 8
	few := func(c *transport.Config) {
		c.Classes[transport.Transactions] = transport.ClassLimits{MessageBytesMax: 100, QueueMessages: room, QueueBytes: 1 << 20}
	}
	a := start(t, 1, few, func(c *transport.Config) { c.Impair = &i })
	b := start(t, 2)
	connect(t, a.Transport, b.Transport)
	i.delay.Store(int64(time.Hour))
	const messages = 50
	for range messages {
		a.Send(b.Key(), transport.Transactions, []byte("late"))
		b.Send(a.Key(), transport.Transactions, []byte("late"))
	}
	// One more than fits is on its way: whoever waits for it took it from the line.
	eventually(t, "what does not fit is lost", func() bool {
		n := peerStats(t, a.Transport, b.Key()).Classes[transport.Transactions].Dropped[transport.DroppedFault]
		return n >= 2*(messages-room-1) && n <= 2*(messages-room)
	})
	// Closing waits for nobody's hour: goleak and the test's own end see to it.
}

// A peer that is removed and added again begins anew, while messages to and from it are late.
func TestPeersLeaveWhileMessagesAreLate(t *testing.T) {
	var i impairment
	a := start(t, 1, func(c *transport.Config) { c.Impair = &i })
	b := start(t, 2)
	connect(t, a.Transport, b.Transport)
	for round := range 5 {
		i.delay.Store(int64(time.Hour))
		for n := range 50 {
			a.Send(b.Key(), transport.Consensus, fmt.Append(nil, "late ", n))
			b.Send(a.Key(), transport.Consensus, fmt.Append(nil, "late ", n))
		}
		if err := a.SetPeers(nil); err != nil {
			t.Fatal(err)
		}
		i.delay.Store(0)
		connect(t, a.Transport, b.Transport)
		want := fmt.Sprint("round ", round)
		a.Send(b.Key(), transport.Consensus, []byte(want))
		if got := string(b.next(t).message); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
