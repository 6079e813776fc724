package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/client"
	injected "quoin.dev/quoin/fault"
)

// faultHost is the address of the networks of these tests, which run one after the other.
const faultHost = "127.31.9.1"

// TestFaultsOnProcesses has `quoin fault` break four processes in every way that shows from outside, and
// compares their states afterwards.
func TestFaultsOnProcesses(t *testing.T) {
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: takes a minute")
	}
	p := startProcesses(t, faultHost, "--unsigned", "--parameter", "heartbeat_ms=500")
	for i := range p.nodes {
		p.await(i, 1, time.Minute)
	}
	t.Run("partition", p.partition)
	t.Run("crash", p.crashLeader)
	t.Run("slow disk", p.slowDisk)
	t.Run("refusals", p.refusals)
	p.agree(t)
}

// state is what the tests look at of a status.
type state struct {
	Validator string `json:"validator"`
	Height    uint64 `json:"height"`
	Timeouts  uint64 `json:"timeouts"`
	Root      string `json:"state_root"`
	Diverges  bool   `json:"diverges"`
	Splits    uint64 `json:"splits"`
}

func (p *processes) state(t *testing.T, i int) (s state) {
	t.Helper()
	cmd := p.command("--api", p.api(i), "status", "--output", "json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		t.Fatalf("node %d: %v\n%s", i, err, stderr.String())
	}
	return s
}

func (p *processes) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for late := time.Now().Add(2 * time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}

// agree waits until all nodes have one state at one height.
func (p *processes) agree(t *testing.T) {
	t.Helper()
	p.until(t, "one state", func() bool {
		first := p.state(t, 0)
		for i := range p.nodes {
			s := p.state(t, i)
			if s.Diverges || s.Splits > 0 {
				t.Fatalf("node %d: %+v", i, s)
			}
			if s.Height == first.Height && s.Root != first.Root {
				t.Fatalf("at height %d there are two states: %+v, %+v", s.Height, first, s)
			}
			if s.Height != first.Height {
				return false
			}
		}
		return true
	})
}

// Two and two stall, and go on when the fault is lifted.
func (p *processes) partition(t *testing.T) {
	p.quoin("fault", "partition", "validator-1", "validator-2", "--for", "5m", "--note", "a drill")
	put := p.command("--api", p.api(2), "tx", "put", "through", "the partition", "--timeout", "5m")
	if err := put.Start(); err != nil {
		t.Fatal(err)
	}
	var before [4]state
	timeouts := func(more uint64) {
		for i := range before {
			before[i] = p.state(t, i)
		}
		for i := range before {
			p.until(t, "time-outs", func() bool { return p.state(t, i).Timeouts >= before[i].Timeouts+more })
		}
	}
	timeouts(2) // what was on its way has arrived
	timeouts(2)
	for i := range before {
		if s := p.state(t, i); s.Height != before[i].Height {
			t.Errorf("without a quorum node %d went from height %d to %d", i, before[i].Height, s.Height)
		}
	}
	var list struct{ Faults []struct{ Sentence string } }
	if err := json.Unmarshal(p.quoin("fault", "list", "-o", "json"), &list); err != nil || len(list.Faults) != 1 {
		t.Errorf("%v %v", list, err)
	}
	p.quoin("fault", "lift", "--all")
	if err := put.Wait(); err != nil {
		t.Errorf("what was submitted in the partition: %v", err)
	}
	p.agree(t)
}

// The leader's process ends with its own exit code; the others time out, go on, and take it back.
func (p *processes) crashLeader(t *testing.T) {
	var told struct {
		Fault struct{ Targets []string }
	}
	if err := json.Unmarshal(p.quoin("fault", "crash", "--leader", "--for", "1m", "-o", "json"), &told); err != nil || len(told.Fault.Targets) != 1 {
		t.Fatal(told, err)
	}
	crashed := -1
	for i := range p.nodes {
		if validatorName(i) == told.Fault.Targets[0] {
			crashed = i
		}
	}
	err := p.nodes[crashed].Wait()
	p.nodes[crashed] = nil
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitCrashed {
		t.Errorf("the process ended with %v", err)
	}
	other := (crashed + 1) % 4
	before := p.state(t, other)
	for i := range 8 {
		p.quoin("--api", p.api(other), "tx", "put", fmt.Sprint("while it is away ", i), "v")
	}
	after := p.state(t, other)
	if after.Timeouts == before.Timeouts || after.Height <= before.Height {
		t.Errorf("one of four is away: from %+v to %+v", before, after)
	}
	p.start(crashed)
	p.await(crashed, after.Height, time.Minute)
	p.agree(t)
}

var fsyncCount = regexp.MustCompile(`quoin_disk_sync_duration_seconds_(bucket|count)\{([^}]*)\} (\d+)`)

// slowSyncs is how many fsyncs of a node's vote log took longer than 250 ms.
func (p *processes) slowSyncs(t *testing.T, i int) (n int) {
	t.Helper()
	r, err := http.Get(fmt.Sprintf("http://%s:%d/metrics", p.host, dashboardPort+i))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range fsyncCount.FindAllSubmatch(b, -1) {
		count, _ := strconv.Atoi(string(m[3]))
		switch {
		case !bytes.Contains(m[2], []byte(`file="votes"`)):
		case string(m[1]) == "count":
			n, found = n+count, found+1
		case bytes.Contains(m[2], []byte(`le="0.25"`)):
			n, found = n-count, found+1
		}
	}
	if found != 2 {
		t.Fatalf("the metrics of fsyncs are not there: %d lines of %d", found, len(b))
	}
	return n
}

// A slow disk shows in the node's own metrics, and in nobody else's.
func (p *processes) slowDisk(t *testing.T) {
	before, others := p.slowSyncs(t, 1), p.slowSyncs(t, 2)
	p.quoin("fault", "slow-disk", "validator-2", "--by", "400ms", "--for", "5m")
	p.until(t, "slow fsyncs", func() bool {
		p.quoin("--api", p.api(0), "tx", "put", "a", "b")
		return p.slowSyncs(t, 1) > before+3
	})
	slow := p.slowSyncs(t, 1) - before
	if n := p.slowSyncs(t, 2) - others; n >= slow {
		t.Errorf("%d fsyncs of the slow disk were slow, and %d of another", slow, n)
	}
	p.quoin("fault", "lift", "--all")
	p.agree(t)
}

// refusal runs a command that must be refused, and returns exit code and code.
func (p *processes) refusal(t *testing.T, args ...string) (exit int, code string) {
	t.Helper()
	cmd := p.command(append(args, "-o", "json")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var failed *exec.ExitError
	var told struct {
		Error struct{ Code, Action string }
	}
	if !errors.As(err, &failed) || json.Unmarshal(stderr.Bytes(), &told) != nil || told.Error.Action == "" {
		t.Errorf("%v: %v, %s", args, err, stderr.String())
		return 0, ""
	}
	return failed.ExitCode(), told.Error.Code
}

func (p *processes) refusals(t *testing.T) {
	for _, x := range []struct {
		exit int
		code string
		args []string
	}{
		{exitRefused, "not-administrator", []string{"delay", "validator-1", "--by", "1s", "--as", "account"}},
		{exitRefused, "not-administrator", []string{"lift", "1", "--as", "approver-1"}},
		{exitUsage, "no-key", []string{"crash", "validator-1", "--as", "nobody"}},
		{exitUsage, "usage", []string{"delay", "validator-1", "--by", "1s", "--for", "100h"}},
		{exitUsage, "usage", []string{"delay", "validator-1", "--by", "100h"}},
		{exitUsage, "usage", []string{"delay", "validator-1"}},
		{exitUsage, "usage", []string{"delay", "validator-1", "--by", "1s", "--peers", "validator-9"}},
		{exitUsage, "usage", []string{"drop", "validator-1", "--share", "101%"}},
		{exitUsage, "usage", []string{"crash", "nobody"}},
		{exitUsage, "usage", []string{"crash"}},
		{exitUsage, "usage", []string{"crash", "--all", "--leader"}},
		{exitUsage, "usage", []string{"partition", "--all"}},
		{exitUsage, "usage", []string{"partition", "validator-1", "--peers", "validator-1"}},
		{exitUsage, "usage", []string{"slow-plugin", "--all", "--by", "1s"}},
		{exitRefused, "invalid-request", []string{"slow-plugin", "--all", "--by", "1s", "--slot", "leader.v1"}},
		{exitNotFound, "not-found", []string{"lift", "12345"}},
		{exitUsage, "usage", []string{"lift"}},
	} {
		if exit, code := p.refusal(t, append([]string{"fault"}, x.args...)...); exit != x.exit || code != x.code {
			t.Errorf("fault %v: exit %d, code %s; want %d, %s", x.args, exit, code, x.exit, x.code)
		}
	}
	p.thousand(t)
}

// A thousand faults are 64.
func (p *processes) thousand(t *testing.T) {
	g, err := readGenesis(p.dir + "/" + anchorFile)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := readKey(keyPath(p.dir, roleProposer))
	if err != nil {
		t.Fatal(err)
	}
	node, err := readMember(p.dir + "/" + validatorName(3) + "/" + publicFile)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := publicKeys([]string{node.Key})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Endpoints: []client.Endpoint{{URL: p.api(3), Key: keys[0]}}, Trust: client.GenesisAnchor(g)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	taken := 0
	for id := range uint64(1000) {
		f := injected.Fault{ID: id + 1000, Kind: injected.Delay, Targets: []quoin.PublicKey{keys[0]}, Delay: injected.DelayMax, Until: time.Now().Add(time.Minute)}
		a := c.Inject(t.Context(), quoinv1.NewFault(&f, time.Now()), admin)[0]
		if a.Err == nil {
			taken++
		} else if e := refusalIn(a.Err); e == nil || e.Code != "busy" {
			t.Fatal(a.Err)
		}
	}
	if taken != injected.FaultsMax {
		t.Errorf("%d of a thousand faults were taken", taken)
	}
	p.quoin("fault", "lift", "--all")
	if list := p.quoin("fault", "list"); !slices.Equal(bytes.TrimSpace(list), []byte("no fault is active")) {
		t.Errorf("%s", list)
	}
}

// A genesis that does not say so allows no faults, and governance does not change that.
func TestFaultsAreRefusedByTheGenesis(t *testing.T) {
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: starts four processes")
	}
	p := startProcesses(t, faultHost, "--unsigned", "--parameter", "fault_injection=0", "--parameter", "heartbeat_ms=500")
	for i := range p.nodes {
		p.await(i, 1, time.Minute)
	}
	for _, args := range [][]string{{"crash", "--leader"}, {"delay", "--all", "--by", "1s"}, {"list"}, {"lift", "1"}} {
		if exit, code := p.refusal(t, append([]string{"fault"}, args...)...); exit != exitRefused || code != "faults-not-allowed" {
			t.Errorf("fault %v: exit %d, code %s", args, exit, code)
		}
	}
	if exit, code := p.refusal(t, "release", "propose", "--parameter", "fault_injection=1"); exit != exitRefused || code != "fixed-parameter" {
		t.Errorf("a proposal to allow faults: exit %d, code %s", exit, code)
	}
	p.agree(t)
}

// A node that lies about numbers leaves some for faults.
func TestFaultsFindNumbersWhateverANodeSays(t *testing.T) {
	honest := &quoinv1.ListFaultsResponse{Next: 3, Faults: []*quoinv1.Fault{{Id: 7}}}
	for _, lie := range []uint64{0, injected.IDMax, injected.IDMax + 1, math.MaxUint64} {
		liar := &quoinv1.ListFaultsResponse{Next: lie, Faults: []*quoinv1.Fault{{Id: lie}}}
		if n := freeFault([]*quoinv1.ListFaultsResponse{liar, honest}); n != 8 {
			t.Errorf("one node says %d, and the next number is %d", lie, n)
		}
	}
}
