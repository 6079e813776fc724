package otel

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// network is a network of processes.
type network struct {
	t       *testing.T
	program string
	dir     string
	config  string
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startNetwork builds the program, and starts four nodes that send all traces to a collector, until the test ends.
func startNetwork(t *testing.T, collector string) *network {
	t.Helper()
	n := &network{t: t, dir: t.TempDir(), config: t.TempDir()}
	n.program = filepath.Join(n.dir, "quoin")
	build := exec.Command("go", "build", "-o", n.program, "./cmd/quoin")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const host = "127.26.5.1" // its ports are nobody else's
	n.quoin("testnet", "--nodes", "4", "--dir", "net", "--host", host)
	folders, err := filepath.Glob(filepath.Join(n.dir, "net", "validator-*"))
	if err != nil || len(folders) != nodes {
		t.Fatalf("%v, %v", folders, err)
	}
	for _, folder := range folders {
		n.observe(filepath.Join(folder, "node.json"), collector)
		n.start(folder)
	}
	n.until("the network answers", func() bool { return n.try("tx", "put", "first", "value") == nil })
	return n
}

// observe turns traces on in a node's settings.
func (n *network) observe(file, collector string) {
	n.t.Helper()
	settings := map[string]any{}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &settings)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	settings["observe"] = map[string]string{"traces": collector, "trace_share": "1/1"}
	if b, err = json.Marshal(settings); err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *network) start(folder string) {
	n.t.Helper()
	log, err := os.Create(folder + ".log")
	if err != nil {
		n.t.Fatal(err)
	}
	c := n.command("node", "start", "--dir", folder)
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		_ = log.Close()
		if b, err := os.ReadFile(log.Name()); err == nil && n.t.Failed() {
			n.t.Logf("%s:\n%s", filepath.Base(folder), b)
		}
	})
}

func (n *network) command(args ...string) *exec.Cmd {
	c := exec.Command(n.program, args...)
	c.Dir = n.dir
	c.Env = append(os.Environ(), "QUOIN_CONFIG_DIR="+n.config)
	return c
}

// quoin runs a command that must succeed, and returns what it wrote.
func (n *network) quoin(args ...string) string {
	n.t.Helper()
	var errors strings.Builder
	c := n.command(args...)
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		n.t.Fatalf("quoin %s: %v\n%s", strings.Join(args, " "), err, errors.String())
	}
	return string(out)
}

func (n *network) try(args ...string) error { return n.command(args...).Run() }

// until waits until something holds.
func (n *network) until(what string, holds func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("after %s it is not so that %s", patience, what)
		}
	}
}

// origin returns the chain's origin.
func (n *network) origin() string {
	n.t.Helper()
	var s struct {
		Origin string `json:"origin"`
	}
	if err := json.Unmarshal([]byte(n.quoin("status", "-o", "json")), &s); err != nil || s.Origin == "" {
		n.t.Fatalf("no origin in the status: %v", err)
	}
	return s.Origin
}
