package transport_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"testing"

	"quoin.dev/quoin/transport"
	"quoin.dev/quoin/transport/transporttest"
)

// attackedAddress is the environment variable that makes this test binary an attacker.
const attackedAddress = "TRANSPORT_TEST_ATTACK"

// attack floods the target until its input ends.
func attack(address string) int {
	target := transporttest.Target{Address: address, Network: network}
	flood, err := target.HalfOpen(context.Background(), 5000, transporttest.Hello, true)
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return 1
	}
	os.Stdout.WriteString("flooding\n")
	io.Copy(io.Discard, os.Stdin)
	flood.Close()
	return 0
}

// 5,000 half-open connections from a process of its own, each renewed as soon as it is lost and each
// with a valid beginning of a handshake: memory stays bounded and messages keep flowing.
func TestFloodFromAnotherProcess(t *testing.T) {
	a, b := start(t, 1, func(c *transport.Config) { c.AcceptsPerSecond = 8000 }), start(t, 2)
	connect(t, a.Transport, b.Transport)
	sent := uint64(0)
	trip := func() {
		b.Send(a.Key(), transport.Consensus, numbered(sent, 128))
		if got := a.next(t); numberOf(got.message) != sent {
			t.Fatalf("got message %d, want %d", numberOf(got.message), sent)
		}
		sent++
	}
	for range 2000 {
		trip()
	}
	before := memory()

	attacker := exec.Command(os.Args[0])
	attacker.Env = append(os.Environ(), attackedAddress+"="+a.Addr().String())
	stdin, err := attacker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := attacker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := attacker.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "flooding\n" {
		t.Fatalf("the attacker says %q, %v", line, err)
	}
	// The flood is well beyond its first wave when so many have been accepted.
	for sent = 0; a.Stats().Accepted < 8000; {
		trip()
	}
	grown := memory() - before
	stats := a.Stats()
	stdin.Close()
	if err := attacker.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d messages arrived meanwhile, %d KiB more memory, accepted %d, refused %v", sent, grown>>10, stats.Accepted, stats.Refused)
	if grown > 64<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	if stats.Refused[transport.RefusedEvicted]+stats.Refused[transport.RefusedRate] < 4000 {
		t.Errorf("most were neither evicted nor refused for their rate: %v", stats.Refused)
	}
	if got := peerStats(t, b.Transport, a.Key()).Connects; got != 1 {
		t.Errorf("the link came up %d times, want once", got)
	}
	eventually(t, "all half-open connections are gone", func() bool { return a.Stats().HalfOpen == 0 })
}
