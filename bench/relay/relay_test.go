package relay

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen hands each connection to serve, until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c) }()
		}
	}()
	return l.Addr().String()
}

func echo(c net.Conn) { _, _ = io.Copy(c, c) }

func start(t *testing.T, target string, l Link) *Relay {
	t.Helper()
	r, err := New("127.0.0.1:0", target, l, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// trip sends one byte and waits for the answer.
func trip(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := c.Write([]byte{7}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// silent reports whether nothing comes for a while.
func silent(t *testing.T, c net.Conn, d time.Duration) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	defer c.SetReadDeadline(time.Time{})
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}

func TestBytesArriveAsTheyWereSent(t *testing.T) {
	r := start(t, listen(t, echo), Link{Delay: time.Millisecond, Jitter: 3 * time.Millisecond, Loss: 0.01, Retransmit: 5 * time.Millisecond})
	c := dial(t, r.Addr())
	sent := make([]byte, 3<<20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range sent {
		sent[i] = byte(random.Uint32())
	}
	go func() {
		_, _ = io.Copy(c, bytes.NewReader(sent))
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c) // the end travels too
	if err != nil || sha256.Sum256(got) != sha256.Sum256(sent) {
		t.Fatalf("%d bytes came back of %d: %v", len(got), len(sent), err)
	}
	if s := r.Stats(); s.Forward.Bytes != int64(len(sent)) || s.Backward.Bytes != int64(len(sent)) || s.Forward.Held != 0 || s.Forward.Losses == 0 {
		t.Errorf("%+v", s)
	}
}

func TestDelayIsOneWayAndChangesWhileItRuns(t *testing.T) {
	r := start(t, listen(t, echo), Link{})
	c := dial(t, r.Addr())
	trip(t, c)
	r.SetLink(Forward, Link{Delay: 40 * time.Millisecond})
	if d := trip(t, c); d < 40*time.Millisecond {
		t.Errorf("a round trip took %v with 40 ms forward", d)
	}
	r.SetLink(Backward, Link{Delay: 30 * time.Millisecond})
	if d := trip(t, c); d < 70*time.Millisecond {
		t.Errorf("a round trip took %v with 40 ms forward and 30 ms back", d)
	}
}

func TestBandwidthIsSharedByConnections(t *testing.T) {
	r := start(t, listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), Link{Bandwidth: 1 << 20, Burst: 1 << 10})
	began := time.Now()
	for range 2 {
		if _, err := dial(t, r.Addr()).Write(make([]byte, 128<<10)); err != nil {
			t.Fatal(err)
		}
	}
	for r.Stats().Forward.Bytes < 256<<10 {
		time.Sleep(time.Millisecond)
	}
	if d := time.Since(began); d < 200*time.Millisecond { // 250 ms, but for the burst and the last chunk
		t.Errorf("256 KiB took %v at 1 MiB a second", d)
	}
}

func TestCutHoldsOneDirection(t *testing.T) {
	r := start(t, listen(t, echo), Link{})
	c := dial(t, r.Addr())
	trip(t, c)
	r.Cut(Backward)
	before := r.Stats().Forward.Bytes
	if _, err := c.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	if !silent(t, c, 50*time.Millisecond) {
		t.Error("bytes passed a cut")
	}
	s := r.Stats()
	if s.Forward.Bytes != before+4 || s.Backward.Held != 4 {
		t.Errorf("the other direction was cut as well: %+v", s)
	}
	r.Heal()
	got := make([]byte, 4)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "held" {
		t.Errorf("%q after healing: %v", got, err)
	}
}

func TestConnectionGivenUpDuringACutIsNeverHeardOf(t *testing.T) {
	heard := make(chan struct{}, 1)
	r := start(t, listen(t, func(net.Conn) { heard <- struct{}{} }), Link{})
	r.Cut(Both)
	c := dial(t, r.Addr())
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	c.Close()
	for r.Stats().Forward.Held != 5 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond) // the end follows what was sent
	r.Heal()
	for r.Stats().Open > 0 {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-heard:
		t.Error("the target heard of it")
	default:
	}
	if s := r.Stats(); s.Forward.Held != 0 {
		t.Errorf("%+v", s)
	}
}

func TestSeverBreaksAndRefusesUntilHealed(t *testing.T) {
	r := start(t, listen(t, echo), Link{})
	c := dial(t, r.Addr())
	trip(t, c)
	r.Sever()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a connection outlived it")
	}
	if n, err := dial(t, r.Addr()).Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a connection was taken while severed")
	}
	r.Heal()
	trip(t, dial(t, r.Addr()))
}

// A receiver that takes nothing stops the sender: the relay's memory is bounded.
func TestSenderWaitsForSlowReceiver(t *testing.T) {
	done := make(chan struct{})
	r := start(t, listen(t, func(net.Conn) { <-done }), Link{})
	t.Cleanup(func() { close(done) })
	c := dial(t, r.Addr())
	if err := c.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(c, bytes.NewReader(make([]byte, 256<<20)))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the sender was not stopped: %v", err)
	}
	if held := r.Stats().Forward.Held; held > queueBytesMax+3*chunkBytes {
		t.Errorf("%d bytes in the relay", held)
	}
}

func TestDrawsDependOnTheSeedAlone(t *testing.T) {
	link := Link{Delay: time.Second, Jitter: time.Second, Loss: 0.2}
	now := time.Now()
	draw := func(seed uint64) (all []time.Duration) {
		l := newLane(link, seed, 3)
		for range 100 {
			all = append(all, l.admit(now, 1000).Sub(now))
		}
		return all
	}
	a, b, c := draw(1), draw(1), draw(2)
	same, other, late := 0, 0, 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
		if a[i] == c[i] {
			other++
		}
		if a[i] >= time.Second+link.retransmit() {
			late++
		}
	}
	if same != 100 || other == 100 || late < 5 || late > 45 { // 20 losses are expected
		t.Errorf("%d draws alike of one seed, %d of two seeds; %d losses", same, other, late)
	}
}

func TestMesh(t *testing.T) {
	var targets []string
	for range 3 {
		targets = append(targets, listen(t, echo))
	}
	m, err := NewMesh("127.0.0.1", targets, 1, func(from, to int) Link {
		if from == 0 && to == 2 {
			return Link{Delay: 30 * time.Millisecond}
		}
		return Link{}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if d := trip(t, dial(t, m.Address(0, 2))); d < 30*time.Millisecond {
		t.Errorf("%v from 0 to 2 and back", d)
	}
	if d := trip(t, dial(t, m.Address(2, 0))); d < 30*time.Millisecond { // the answer travels from 0 to 2
		t.Errorf("%v from 2 to 0 and back", d)
	}
	in, out := dial(t, m.Address(0, 1)), dial(t, m.Address(0, 2))
	trip(t, in)
	trip(t, out)
	m.Partition(2)
	if _, err := out.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	trip(t, in)
	if !silent(t, out, 50*time.Millisecond) {
		t.Error("bytes passed a partition")
	}
	m.Heal()
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Error(err)
	}
	if s := m.Stats(0, 1); s.Bytes != 2 {
		t.Errorf("%+v from 0 to 1", s)
	}
}
