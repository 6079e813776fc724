package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// TestTour runs the README's tour, and what else needs a network, on processes of their own.
func TestTour(t *testing.T) {
	p := testscript.Params{Dir: filepath.Join("testdata", "tour"), Cmds: commands(), Setup: func(e *testscript.Env) error {
		e.Setenv("RATE", tourRate)
		return setup(e)
	}}
	for name, c := range tourCommands() {
		p.Cmds[name] = c
	}
	testscript.Run(t, p)
}

// tourPatience is how long a script waits for what has to come.
const tourPatience = 60 * time.Second

func tourCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"awaitfile":       awaitFile,
		"occupy":          occupy,
		"awaitprechecked": awaitPrechecked,
		"awaitserving":    awaitServing,
		"checkload":       checkLoad,
		"checkchain":      checkChain,
		"tamper":          tamper,
	}
}

// await polls until done.
func await(ts *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(tourPatience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("waited %s for %s", tourPatience, what)
		}
	}
}

// awaitfile FILE waits until the file is there.
func awaitFile(ts *testscript.TestScript, _ bool, a []string) {
	await(ts, a[0], func() bool {
		_, err := os.Stat(ts.MkAbs(a[0]))
		return err == nil
	})
}

// occupy listens on a port for the rest of the script, and says where in OCCUPIED.
func occupy(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("OCCUPIED", l.Addr().String())
}

// awaitserving SLOT NUMBER waits until the line of the slot's history serves: it is written by the
// last block of the epoch before.
func awaitServing(ts *testscript.TestScript, _ bool, a []string) {
	await(ts, "line "+a[1]+" of the history of "+a[0], func() bool {
		ts.Check(ts.Exec("quoin", "release", "show", a[0], "-o", "json"))
		var lines []struct {
			Number json.Number `json:"number"`
			First  uint64      `json:"first_height"`
		}
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &lines))
		ts.Check(ts.Exec("quoin", "status", "-o", "json"))
		var s struct {
			Height uint64 `json:"height"`
		}
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &s))
		return lines[0].Number.String() == a[1] && s.Height > lines[0].First+20 // so that some blocks are its own
	})
}

// awaitprechecked NUMBER WEIGHT waits until validators of the weight have found that they can run what a
// proposal brings. A quorum is enough to approve, but the one that is still compiling may be the one that
// the new algorithm names.
func awaitPrechecked(ts *testscript.TestScript, _ bool, a []string) {
	await(ts, "prechecks of weight "+a[1]+" for proposal "+a[0], func() bool {
		ts.Check(ts.Exec("quoin", "release", "show", a[0], "-o", "json"))
		var p struct {
			Tally struct {
				Prechecked json.Number `json:"prechecked"`
			} `json:"tally"`
		}
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &p))
		return p.Tally.Prechecked.String() == a[1]
	})
}

// tourLoad is what the load said of itself.
type tourLoad struct {
	Seed      uint64            `json:"seed"`
	Clients   int               `json:"clients"`
	Requests  uint64            `json:"requests"`
	Succeeded uint64            `json:"succeeded"`
	PerSecond float64           `json:"per_second"`
	Codes     map[string]uint64 `json:"result_codes"`
}

const tourLoadFile = "load.json"

// checkload FILE checks a load's report: nothing failed.
func checkLoad(ts *testscript.TestScript, _ bool, a []string) {
	report := ts.ReadFile(a[0])
	var l tourLoad
	ts.Check(json.Unmarshal([]byte(report), &l))
	if l.Succeeded != l.Requests || l.Requests == 0 || len(l.Codes) > 0 {
		ts.Fatalf("the load lost transactions: %s", report)
	}
	if l.PerSecond < 500 && tourRate == "600" {
		ts.Logf("this machine was too busy: %.0f transactions a second", l.PerSecond)
	}
	ts.Check(os.WriteFile(ts.MkAbs(tourLoadFile), []byte(report), 0o600))
}

// checkchain reads the whole chain, every block verified, and checks that the load's transactions are
// there once each, and that blocks were proposed by whom each epoch's algorithm names.
func checkChain(ts *testscript.TestScript, _ bool, _ []string) {
	var l tourLoad
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(tourLoadFile)), &l))
	g, blocks := readChain(ts)
	loaders := map[quoin.PublicKey]bool{}
	for i := range l.Clients {
		loaders[publicOf(loadKey(l.Seed, i))] = true
	}
	ids, sent := map[quoin.Hash]bool{}, uint64(0)
	for _, b := range blocks {
		for i := range b.Transactions() {
			tx := &b.Transactions()[i]
			id := tx.ID(g.Origin().ID())
			if ids[id] {
				ts.Fatalf("transaction %s is there twice", id)
			}
			ids[id] = true
			if loaders[tx.Sender] && tx.Salt < 1<<63 { // from there on they are preparations
				sent++
			}
		}
	}
	if sent != l.Requests {
		ts.Fatalf("%d transactions of the load are certified, %d were sent", sent, l.Requests)
	}
	checkProposers(ts, &g.Configuration.Validators, blocks)
	checkPauses(ts, blocks)
}

func readChain(ts *testscript.TestScript) (*quoin.Genesis, []client.Block) {
	config := ts.Getenv("QUOIN_CONFIG_DIR")
	g, err := readGenesis(filepath.Join(config, anchorFile))
	ts.Check(err)
	var s settings
	ts.Check(readJSON(filepath.Join(config, contextFile), contextBytesMax, &s, ""))
	c, err := client.New(client.Options{Endpoints: endpoints(&s, "", g), Trust: client.GenesisAnchor(g)})
	ts.Check(err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), tourPatience)
	defer cancel()
	var blocks []client.Block
	for from := quoin.Height(1); ; {
		more, next, err := c.Blocks(ctx, from, 256)
		ts.Check(err)
		blocks = append(blocks, more...)
		if next == from {
			return g, blocks
		}
		from = next
	}
}

// checkProposers checks the recorded proposers: of every fourth view by turns, of the others as the
// algorithm of the epoch says, which is round-robin, then always the third, then round-robin.
func checkProposers(ts *testscript.TestScript, set *quoin.ValidatorSet, blocks []client.Block) {
	seen := map[quoin.Epoch]int{}
	for _, b := range blocks {
		h := b.Header()
		v := uint64(h.View)
		want := roundRobin(v, set.Len())
		if v%4 != 0 && h.Epoch == 2 {
			want = 2
		}
		if uint32(h.Proposer) != want {
			ts.Fatalf("height %d, epoch %d, view %d: validator %d proposed, the algorithm names %d", h.Height, h.Epoch, v, h.Proposer, want)
		}
		if v%4 != 0 {
			seen[h.Epoch]++
		}
	}
	for e := quoin.Epoch(1); e <= 3; e++ {
		if seen[e] < 10 {
			ts.Fatalf("only %d blocks of epoch %d were the algorithm's", seen[e], e)
		}
	}
}

// roundRobin names the proposer of a view under the built-in of that name.
func roundRobin(view uint64, validators int) uint32 {
	if view%4 == 0 {
		return uint32(view / 4 % uint64(validators))
	}
	return plugin.RoundRobin(&hook.LeaderRequest{View: view, Validators: make([]hook.Validator, validators)}).Proposer
}

const pauseFloor = 80 // milliseconds

// checkPauses checks that the time between an epoch's last block and the next epoch's first is below
// five median view times of the epoch before. Views that are quicker than pauseFloor count as that,
// lest a busy machine fail the test, and one longer pause is the machine's if no view was lost in it
// (a disk can take a second to sync); a boundary that waited for a time-out fails.
func checkPauses(ts *testscript.TestScript, blocks []client.Block) {
	var times []quoin.Time
	long := 0
	for i := 1; i < len(blocks); i++ {
		before, h := blocks[i-1].Header(), blocks[i].Header()
		if h.Epoch == before.Epoch {
			if h.View == before.View+1 && h.Count > 0 && before.Count > 0 {
				times = append(times, h.Time-before.Time)
			}
			continue
		}
		slices.Sort(times)
		median, pause := times[len(times)/2], h.Time-before.Time
		ts.Logf("epoch %d began after a pause of %d ms, in view %d; the median view before took %d ms", h.Epoch, pause, h.View, median)
		if pause >= 5*max(median, pauseFloor) {
			long++
			if h.View > 1 || long > 1 {
				ts.Fatalf("the pause is too long")
			}
		}
		times = nil
	}
}

// tamper FILE changes a proof in every byte, one after the other, and checks that none of the
// changed files verifies; and that the command says so with its exit code.
func tamper(ts *testscript.TestScript, _ bool, a []string) {
	g, err := readGenesis(filepath.Join(ts.Getenv("QUOIN_CONFIG_DIR"), anchorFile))
	ts.Check(err)
	file := []byte(ts.ReadFile(a[0]))
	anchor := client.GenesisAnchor(g)
	original, err := client.VerifyProof(file, anchor)
	if err != nil {
		ts.Fatalf("%s does not verify unchanged: %v", a[0], err)
	}
	changed := bytes.Clone(file)
	for i := range file {
		for _, c := range []byte{file[i] ^ 1, 'A', '0'} {
			if changed[i] = c; c == file[i] {
				continue
			}
			// What shows that a key is not there may show the same of another key: that is true.
			if x, err := client.VerifyProof(changed, anchor); err == nil && (x.Kind != client.ProofOfState || x.Present || bytes.Equal(x.Key, original.Key)) {
				ts.Fatalf("%s verifies with byte %d changed from %q to %q", a[0], i, file[i], c)
			}
		}
		changed[i] = file[i]
	}
	for _, field := range []string{"\"value\": \"", "\"proof\": \"", "\"checkpoint\": \"", "\"signatures\": [\n    \""} {
		i := bytes.Index(file, []byte(field))
		if i < 0 {
			ts.Fatalf("%s has no field %s", a[0], field)
		}
		i += len(field)
		if file[i] == '"' {
			continue // an absent value
		}
		changed[i]++
		ts.Check(os.WriteFile(ts.MkAbs("changed.json"), changed, 0o600))
		exitCode(ts, exitUnverified, "quoin", "proof", "verify", "changed.json")
		changed[i] = file[i]
	}
}
