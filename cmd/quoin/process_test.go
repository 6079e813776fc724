package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// processes is a testnet of real processes on a loopback address of its own.
type processes struct {
	t      *testing.T
	host   string
	dir    string
	config string
	nodes  [4]*exec.Cmd
}

const processHost = "127.31.7.1"

// TestProcesses: one of four is killed and restarted, one paused for 30 s, then all are killed. The
// others go on, who was away catches up, and nothing acknowledged is lost.
func TestProcesses(t *testing.T) {
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: takes two minutes")
	}
	p := startProcesses(t, processHost, "--unsigned")
	for i := range p.nodes {
		p.await(i, 0, time.Minute)
	}
	acknowledged := map[string]string{}
	put := func() {
		k, v := fmt.Sprint("key-", len(acknowledged)), fmt.Sprint("value-", len(acknowledged))
		p.quoin("--api", p.api(0), "tx", "put", k, v)
		acknowledged[k] = v
	}
	put()

	p.kill(3)
	for range 20 {
		put()
	}
	p.start(3)
	p.await(3, p.height(0), 30*time.Second)

	if err := p.nodes[2].Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	before := p.height(0)
	for start := time.Now(); time.Since(start) < 30*time.Second; {
		put()
		time.Sleep(100 * time.Millisecond)
	}
	if after := p.height(0); after < before+20 {
		t.Errorf("while one of four is paused, the height went from %d to %d", before, after)
	}
	if err := p.nodes[2].Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	resumed := time.Now()
	p.await(2, p.height(0), 30*time.Second)
	t.Logf("caught up %v after the pause", time.Since(resumed).Round(time.Millisecond))

	for i := range p.nodes {
		p.kill(i)
	}
	for i := range p.nodes {
		p.start(i)
	}
	for i := range p.nodes {
		p.await(i, 1, time.Minute)
	}
	for k, v := range acknowledged {
		if got := p.quoin("--api", p.api(3), "get", k); string(bytes.TrimSpace(got)) != v {
			t.Errorf("%s is %q after everything was killed, want %q", k, got, v)
		}
	}
	t.Logf("%d acknowledged transactions are there", len(acknowledged))
}

// TestStockVerifier has tessera's client, which is not ours, audit a live network.
func TestStockVerifier(t *testing.T) {
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: builds a module of its own")
	}
	p := startProcesses(t, "127.0.0.1", "--unsigned")
	put := func(k string) bool {
		cmd := p.command("tx", "put", k, "v")
		return cmd.Run() == nil
	}
	for deadline := time.Now().Add(time.Minute); !put("first") && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	for i := range 20 {
		put(fmt.Sprint("key-", i))
	}
	cmd := exec.Command("go", "test", "-count=1", "-run", "TestLiveLog", "-v", ".")
	cmd.Dir = filepath.Join("..", "..", "tools", "tessera")
	cmd.Env = append(os.Environ(), "QUOIN_LOG_URL=https://127.0.0.1:26600/log/", "QUOIN_GENESIS="+filepath.Join(p.dir, "genesis.json"))
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestLiveLog")) {
		t.Fatalf("%v\n%s", err, out)
	}
}

// startProcesses makes a testnet and starts its nodes, until the test ends.
func startProcesses(t *testing.T, host string, options ...string) *processes {
	t.Helper()
	p := &processes{t: t, host: host, dir: filepath.Join(t.TempDir(), "net"), config: t.TempDir()}
	p.quoin(append([]string{"testnet", "--nodes", "4", "--dir", p.dir, "--host", host}, options...)...)
	t.Cleanup(func() {
		for i := range p.nodes {
			p.kill(i)
		}
	})
	for i := range p.nodes {
		p.start(i)
	}
	return p
}

func (p *processes) api(i int) string { return fmt.Sprintf("https://%s:%d", p.host, apiPort+i) }

func (p *processes) command(args ...string) *exec.Cmd {
	cmd := exec.Command("quoin", args...)
	cmd.Env = append(os.Environ(), "QUOIN_CONFIG_DIR="+p.config)
	return cmd
}

func (p *processes) quoin(args ...string) []byte {
	p.t.Helper()
	cmd := p.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("quoin %v: %v\n%s", args, err, stderr.String())
	}
	return out
}

func (p *processes) start(i int) {
	p.t.Helper()
	p.nodes[i] = p.command("node", "start", "--dir", filepath.Join(p.dir, validatorName(i)))
	if err := p.nodes[i].Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *processes) kill(i int) {
	if p.nodes[i] != nil {
		_ = p.nodes[i].Process.Kill()
		_ = p.nodes[i].Wait()
		p.nodes[i] = nil
	}
}

func (p *processes) height(i int) uint64 {
	out, err := p.command("--api", p.api(i), "status", "--output", "json").Output()
	var s struct{ Height uint64 }
	if err != nil || json.Unmarshal(out, &s) != nil {
		return 0
	}
	return s.Height
}

// await waits until a node answers and has reached a height.
func (p *processes) await(i int, h uint64, limit time.Duration) {
	p.t.Helper()
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		if p.command("--api", p.api(i), "status").Run() == nil && p.height(i) >= h {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.t.Fatalf("node %d is at height %d after %v, want %d", i, p.height(i), limit, h)
}
