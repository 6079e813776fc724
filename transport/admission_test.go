package transport

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// from is a connection that never gets further, from a source of the test's choice.
type from struct {
	net.Conn
	source net.TCPAddr
}

func (f from) RemoteAddr() net.Addr { return &f.source }

func pipeFrom(t *testing.T, ip string) from {
	near, far := net.Pipe()
	t.Cleanup(func() { far.Close() })
	return from{near, net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}
}

// A flood evicts itself: whoever else is in a handshake stays, however old, unless its own
// source has most.
func TestEvictionBySource(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := Config{HalfOpenMax: 10}.withDefaults()
	tr := &Transport{config: config, log: config.Logger}
	tr.roster.Store(&roster{})
	a := newAdmission(tr, listener)
	tr.admission = a
	honest := pipeFrom(t, "192.0.2.1")
	a.admit(honest)
	for range 100 {
		a.admit(pipeFrom(t, "198.51.100.7"))
	}
	// IPv6 addresses of one subnet are one source.
	for i := range 20 {
		a.admit(pipeFrom(t, "2001:db8::"+string(rune('a'+i%6))))
	}
	a.mu.Lock()
	got := map[string]int{}
	for e := a.pending.Front(); e != nil; e = e.Next() {
		got[e.Value.(*candidate).source.String()]++
	}
	for source, n := range a.bySource {
		if got[source.String()] != n {
			t.Errorf("%v: counted %d, listed %d", source, n, got[source.String()])
		}
	}
	a.mu.Unlock()
	if got["192.0.2.1"] != 1 || len(got) != 3 || a.halfOpen() != 10 {
		t.Errorf("left in their handshakes: %v", got)
	}
	a.close()
	a.working.Wait()
	if a.halfOpen() != 0 || len(a.bySource) != 0 {
		t.Errorf("%d left, %v", a.halfOpen(), a.bySource)
	}
	if got := tr.counters.refused[RefusedEvicted].Load(); got > 111 {
		t.Errorf("%d evictions counted, at most 111 happened", got)
	}
}

func TestSourceOf(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1",
		"::ffff:192.0.2.1":   "192.0.2.1",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::",
		"2001:db8:1:2:9:9::": "2001:db8:1:2::",
	} {
		if got := sourceOf(from{source: net.TCPAddr{IP: net.ParseIP(address)}}); got != netip.MustParseAddr(want) {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
}

func TestAllowance(t *testing.T) {
	now := time.Unix(1000, 0)
	a := NewAllowance(10, 3)
	take := func(n int) (taken int) {
		for range n {
			if a.Take(now) {
				taken++
			}
		}
		return taken
	}
	if got := take(10); got != 3 {
		t.Errorf("took %d at once, want the burst of 3", got)
	}
	now = now.Add(200 * time.Millisecond)
	if got := take(10); got != 2 {
		t.Errorf("took %d after 200 ms, want 2", got)
	}
	now = now.Add(time.Hour)
	if got := take(10); got != 3 {
		t.Errorf("took %d after an hour, want the burst of 3", got)
	}
	now = now.Add(-time.Minute)
	if got := take(10); got != 0 {
		t.Errorf("took %d when the clock went back, want none", got)
	}
}
