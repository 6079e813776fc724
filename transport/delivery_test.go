package transport_test

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quoin.dev/quoin/transport"
)

// Messages of one peer and class arrive whole and in order, whatever their sizes, while the other
// classes and other senders are busy too.
func TestOrder(t *testing.T) {
	const each = 3000
	receiver := start(t, 1)
	senders := []*node{start(t, 2), start(t, 3)}
	connect(t, receiver.Transport, senders[0].Transport, senders[1].Transport)
	var running sync.WaitGroup
	for _, sender := range senders {
		for _, class := range transport.Classes() {
			running.Go(func() {
				for i := range uint64(each) {
					size := 8 + int(i*7919)%600
					if i%500 == 0 {
						size = 300 << 10
					}
					message := numbered(i, size)
					for sender.queued(receiver.Key(), class) > 200 {
						time.Sleep(100 * time.Microsecond)
					}
					if !sender.Send(receiver.Key(), class, message) {
						t.Errorf("%v: message %d not queued", class, i)
					}
				}
			})
		}
	}
	type lane struct {
		from  transport.Key
		class transport.Class
	}
	expected := make(map[lane]uint64)
	for range each * len(senders) * transport.ClassCount {
		got := receiver.next(t)
		want := expected[lane{got.from, got.class}]
		if numberOf(got.message) != want || len(got.message) < 8 {
			t.Fatalf("%v: got message %d, want %d", got.class, numberOf(got.message), want)
		}
		expected[lane{got.from, got.class}]++
	}
	running.Wait()
	for _, p := range receiver.Stats().Peers {
		for class, c := range p.Classes {
			if c.Received.Messages != each || c.Received.Frames == 0 || c.Received.Frames > each {
				t.Errorf("%v: counted %+v", transport.Class(class), c.Received)
			}
		}
	}
}

// queued is how many messages wait for a peer.
func (n *node) queued(to transport.Key, class transport.Class) int {
	for _, p := range n.Stats().Peers {
		if p.Key == to {
			return p.Classes[class].QueuedMessages
		}
	}
	return 0
}

// A broadcast shares its bytes among all receivers, and none of them can change another's.
func TestBroadcastShares(t *testing.T) {
	const peers = 3
	var got [peers]atomic.Int64
	sender := start(t, 1)
	nodes := []*transport.Transport{sender.Transport}
	for i := range peers {
		nodes = append(nodes, startWith(t, 2+i, func(_ transport.Key, _ transport.Class, message []byte) {
			if bytes.Count(message, []byte{0xAB}) == len(message) {
				got[i].Add(1)
			}
			clear(message) // it is the handler's own
		}))
	}
	connect(t, nodes...)
	message := bytes.Repeat([]byte{0xAB}, 100<<10)
	const times = 50
	for range times {
		sender.Broadcast(transport.Bulk, message)
	}
	for i := range got {
		eventually(t, "all broadcasts arrive", func() bool { return got[i].Load() == times })
	}
	if bytes.Count(message, []byte{0xAB}) != len(message) {
		t.Error("the message was changed")
	}
}

// A peer whose handler hangs blocks neither Send nor others: its own queue fills and refuses, or
// drops its oldest in the consensus class, and everything is counted.
func TestSlowReaderBlocksNobody(t *testing.T) {
	door := newGate()
	defer door.open()
	var slowGot atomic.Int64
	sender, healthy := start(t, 1), start(t, 2)
	slow := startWith(t, 3, func(transport.Key, transport.Class, []byte) {
		slowGot.Add(1)
		door.enter()
	}, func(c *transport.Config) { c.WindowBytes = 64 << 10 })
	connect(t, sender.Transport, healthy.Transport, slow)
	const size, messages = 32 << 10, 1000 // 32 MiB, above window and queue
	healthyGot := 0
	for i := range uint64(messages) {
		message := numbered(i, size)
		for _, class := range transport.Classes() {
			sender.Send(slow.Key(), class, message)
		}
		if !sender.Send(healthy.Key(), transport.Bulk, message) {
			t.Fatalf("message %d to the healthy peer was refused", i)
		}
		for ; healthyGot < int(i)-50; healthyGot++ {
			healthy.next(t)
		}
	}
	for ; healthyGot < messages; healthyGot++ {
		if got := healthy.next(t); numberOf(got.message) != uint64(healthyGot) {
			t.Fatalf("got message %d, want %d", numberOf(got.message), healthyGot)
		}
	}
	p := peerStats(t, sender.Transport, slow.Key())
	for class, c := range p.Classes {
		drop := transport.DroppedFull
		if transport.Class(class) == transport.Consensus {
			drop = transport.DroppedOldest
		}
		if c.Dropped[drop] == 0 || c.Sent.Messages+c.Dropped[drop]+uint64(c.QueuedMessages) > messages {
			t.Errorf("%v: %+v", transport.Class(class), c)
		}
		if c.QueuedBytes > 16<<20 {
			t.Errorf("%v: %d bytes queued", transport.Class(class), c.QueuedBytes)
		}
	}
	if got := slowGot.Load(); got > transport.ClassCount {
		t.Errorf("the slow handler was called %d times at once", got)
	}
	// What the slow node has accepted is bounded by its windows, not by what is sent.
	if sent := p.Classes[transport.Bulk].Sent.Bytes; sent > 2<<20 {
		t.Errorf("%d bytes left for a peer that takes nothing", sent)
	}
	if !p.Up {
		t.Error("the link to a slow peer was given up")
	}
}

// Consensus messages pass a peer whose other classes are stuck, all of them, with queues full.
func TestConsensusPassesSaturatedBulk(t *testing.T) {
	door := newGate()
	defer door.open()
	const votes = 500
	var others atomic.Int64
	done := make(chan struct{})
	sender := start(t, 1)
	var next uint64
	receiver := startWith(t, 2, func(_ transport.Key, class transport.Class, message []byte) {
		if class != transport.Consensus {
			others.Add(1)
			door.enter()
			return
		}
		if numberOf(message) != next {
			t.Errorf("got vote %d, want %d", numberOf(message), next)
		}
		if next++; next == votes {
			close(done)
		}
	})
	connect(t, sender.Transport, receiver)
	saturate(sender.Transport, receiver.Key())
	for i := range uint64(votes) {
		sender.Send(receiver.Key(), transport.Consensus, numbered(i, 128))
	}
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("votes wait behind bulk")
	}
	if got := others.Load(); got > 2 {
		t.Errorf("%d other messages were handled although each handler waits", got)
	}
}

// saturate fills the queues of bulk and transactions until both refuse.
func saturate(n *transport.Transport, to transport.Key) {
	message := make([]byte, 64<<10)
	for _, class := range []transport.Class{transport.Bulk, transport.Transactions} {
		for refused := 0; refused < 20; {
			if !n.Send(to, class, message) {
				refused++
				time.Sleep(time.Millisecond)
			}
		}
	}
}

// Votes overtake what waits in the other queues while those keep moving.
func TestConsensusOvertakesBulk(t *testing.T) {
	const bodies, votes = 200, 100
	var bulk, consensus, bulkAtLastVote atomic.Int64
	sender := start(t, 1)
	receiver := startWith(t, 2, func(_ transport.Key, class transport.Class, _ []byte) {
		switch class {
		case transport.Bulk:
			if bulk.Add(1) > 8 && consensus.Load() < votes {
				time.Sleep(5 * time.Millisecond) // as long as executing a block
			}
		case transport.Consensus:
			if consensus.Add(1) == votes {
				bulkAtLastVote.Store(bulk.Load())
			}
		}
	})
	connect(t, sender.Transport, receiver)
	body := make([]byte, 64<<10)
	for range bodies {
		if !sender.Send(receiver.Key(), transport.Bulk, body) {
			t.Fatal("body refused")
		}
	}
	for i := range uint64(votes) {
		sender.Send(receiver.Key(), transport.Consensus, numbered(i, 128))
	}
	eventually(t, "all arrive", func() bool { return consensus.Load() == votes && bulk.Load() == bodies })
	if got := bulkAtLastVote.Load(); got > bodies*3/4 {
		t.Errorf("%d of %d bodies, queued before, were handled before the last vote", got, bodies)
	} else {
		t.Logf("%d of %d bodies were handled before the last vote", got, bodies)
	}
}

// A peer that restarts at its address is reached again, and gets what waited for it.
func TestReconnectAfterRestart(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	connect(t, a.Transport, b.Transport)
	key, address := b.Key(), b.Addr().String()
	for round := range 3 {
		b.Close()
		eventually(t, "the loss is noticed", func() bool { return !peerStats(t, a.Transport, key).Up })
		if !a.Send(key, transport.Consensus, []byte("while down")) {
			t.Fatal("not queued")
		}
		b = start(t, 2, func(c *transport.Config) {
			c.Listen = address
			c.Peers = []transport.Peer{peerOf(a.Transport)}
		})
		if got := b.next(t); string(got.message) != "while down" {
			t.Fatalf("round %d: got %q", round, got.message)
		}
		b.Broadcast(transport.Consensus, []byte("back"))
		if got := a.next(t); string(got.message) != "back" {
			t.Fatalf("round %d: got %q", round, got.message)
		}
	}
	if p := peerStats(t, a.Transport, key); p.Connects != 4 {
		t.Errorf("the link came up %d times, want 4", p.Connects)
	}
}

// The first link succeeds only after many failures, and after a link that lasted the backoff
// starts anew; a peer that dials in is dialled back without waiting.
func TestDialBackAtOnce(t *testing.T) {
	patient := func(c *transport.Config) { c.Backoff = transport.Backoff{Min: time.Hour, Max: time.Hour} }
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	a := start(t, 1, patient)
	if err := a.SetPeers([]transport.Peer{{Key: keyOf(identity(2)), Address: address}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first attempt fails", func() bool { return a.Stats().Peers[0].Failures == 1 })
	b := start(t, 2, patient, func(c *transport.Config) {
		c.Listen = address
		c.Peers = []transport.Peer{peerOf(a.Transport)}
	})
	waitUp(t, b.Transport)
	waitUp(t, a.Transport)
}

// Peers come, move and go while the others' links stay.
func TestSetPeers(t *testing.T) {
	a, b, c := start(t, 1), start(t, 2), start(t, 3)
	connect(t, a.Transport, b.Transport)
	connect(t, a.Transport, b.Transport, c.Transport)
	if got := peerStats(t, a.Transport, b.Key()).Connects; got != 1 {
		t.Errorf("a new peer made an old link come up %d times, want once", got)
	}
	// c moves: the same key at another address.
	c.Close()
	moved := start(t, 3, func(config *transport.Config) { config.Peers = []transport.Peer{peerOf(a.Transport)} })
	if err := a.SetPeers([]transport.Peer{peerOf(b.Transport), peerOf(moved.Transport)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the link follows", func() bool {
		p := peerStats(t, a.Transport, moved.Key())
		return p.Up && p.Connects == 2 && p.Address == moved.Addr().String()
	})
	a.Send(moved.Key(), transport.Bulk, []byte("new address"))
	if got := moved.next(t); string(got.message) != "new address" {
		t.Errorf("got %q", got.message)
	}
	// It goes: both directions end, and it is a stranger.
	if err := a.SetPeers([]transport.Peer{peerOf(b.Transport)}); err != nil {
		t.Fatal(err)
	}
	if a.Send(moved.Key(), transport.Bulk, []byte("gone")) {
		t.Error("sent to a peer that is gone")
	}
	eventually(t, "the link from the removed peer ends", func() bool { return !peerStats(t, moved.Transport, a.Key()).Up })
	waitRefused(t, a.Transport, transport.RefusedNotPeer, 1)
	if got := a.Stats().Misaddressed; got != 1 {
		t.Errorf("%d messages counted as misaddressed, want 1", got)
	}
	a.Send(b.Key(), transport.Bulk, []byte("still here"))
	if got := b.next(t); string(got.message) != "still here" {
		t.Errorf("got %q", got.message)
	}
}

// Two processes with one identity cannot both keep a link; the newer has it, and who refuses
// counts it.
func TestSameIdentityTwice(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	connect(t, a.Transport, b.Transport)
	twin := start(t, 2, func(c *transport.Config) { c.Peers = []transport.Peer{peerOf(a.Transport)} })
	waitRefused(t, a.Transport, transport.RefusedDuplicate, 1)
	// However they fight over it, the rate at which they are let in is bounded.
	waitRefused(t, a.Transport, transport.RefusedRate, 1)
	twin.Close()
	b.Send(a.Key(), transport.Consensus, []byte("alone again"))
	if got := a.next(t); string(got.message) != "alone again" {
		t.Errorf("got %q", got.message)
	}
}

func TestSendRefusals(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	connect(t, a.Transport, b.Transport)
	for name, sent := range map[string]bool{
		"empty":    a.Send(b.Key(), transport.Consensus, nil),
		"too long": a.Send(b.Key(), transport.Consensus, make([]byte, 1<<20+1)),
		"stranger": a.Send(keyOf(identity(9)), transport.Consensus, []byte{1}),
		"itself":   a.Send(a.Key(), transport.Consensus, []byte{1}),
		"class":    a.Send(b.Key(), transport.ClassCount, []byte{1}),
	} {
		if sent {
			t.Errorf("%s: queued", name)
		}
	}
	stats := a.Stats()
	if got := stats.Peers[0].Classes[transport.Consensus].Dropped[transport.DroppedUnfit]; got != 2 || stats.Misaddressed != 3 {
		t.Errorf("%d unfit and %d misaddressed, want 2 and 3", got, stats.Misaddressed)
	}
	longest := make([]byte, 8<<20)
	if !a.Send(b.Key(), transport.Bulk, longest) {
		t.Fatal("the longest message was refused")
	}
	if got := b.next(t); len(got.message) != len(longest) {
		t.Errorf("got %d bytes", len(got.message))
	}
}

// Close ends everything, from whatever state, and may be repeated; goleak sees the rest.
func TestClose(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	door := newGate()
	a := start(t, 1)
	b := startWith(t, 2, func(transport.Key, transport.Class, []byte) { door.enter() })
	connect(t, a.Transport, b)
	if err := a.SetPeers([]transport.Peer{peerOf(b), {Key: keyOf(identity(4)), Address: mute.Addr().String()}}); err != nil {
		t.Fatal(err)
	}
	saturate(a.Transport, b.Key())
	half, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	eventually(t, "a half-open connection", func() bool { return a.Stats().HalfOpen == 1 })
	var closing sync.WaitGroup
	for range 3 {
		closing.Go(func() { a.Close() })
	}
	closing.Wait()
	if a.Send(b.Key(), transport.Bulk, []byte("late")) {
		t.Error("Send after Close was queued")
	}
	if err := a.SetPeers(nil); err != transport.ErrClosed {
		t.Errorf("SetPeers after Close: %v", err)
	}
	// b waits for its handlers.
	closed := make(chan struct{})
	go func() { b.Close(); close(closed) }()
	select {
	case <-closed:
		t.Error("Close returned while handlers were running")
	case <-time.After(50 * time.Millisecond):
	}
	door.open()
	<-closed
}
