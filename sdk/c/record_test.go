package c_test

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugins/bank/smallbank"
	"quoin.dev/quoin/plugins/reputation-leader/reputation"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/sandboxtest"
)

var rewrite = flag.Bool("rewrite", false, "write the recorded blocks anew")

// TestRecordedBlocks holds the examples, in both languages, as module and natively, against blocks that
// were recorded once.
func TestRecordedBlocks(t *testing.T) {
	need(t, "go")
	for _, c := range []struct {
		file     string
		native   plugintest.Native
		make     func(t *testing.T, by plugintest.Answerer) *plugintest.Record
		inGo, in string
	}{
		{"../../plugins/bank/testdata/blocks.jsonl", plugintest.Native{Machine: smallbank.Machine{}}, bankBlocks,
			"../../plugins/bank", "../../plugins/bank-c"},
		{"../../plugins/reputation-leader/testdata/blocks.jsonl", plugintest.Native{Leader: hook.LeaderFunc(reputation.Lead)}, leaderBlocks,
			"../../plugins/reputation-leader", "../../plugins/reputation-leader-c"},
	} {
		t.Run(filepath.Base(c.inGo), func(t *testing.T) {
			if *rewrite {
				var text bytes.Buffer
				if err := errors.Join(c.make(t, c.native).Write(&text), os.MkdirAll(filepath.Dir(c.file), 0o755), os.WriteFile(c.file, text.Bytes(), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			f, err := os.Open(c.file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			record, err := plugintest.ReadRecord(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := record.Verify(c.native); err != nil {
				t.Errorf("in Go, natively: %v", err)
			}
			table, binding, _ := sandboxtest.Open(t, c.inGo, plugin.Builtin{Name: "none"})
			if err := record.Verify(&sandboxtest.Bound{Table: table, Binding: binding}); err != nil {
				t.Errorf("in Go, as module: %v", err)
			}
			sandboxed, process := open(t, c.in)
			agree(t, record, sandboxed, process)
		})
	}
}

// bankBlocks makes blocks of payments between accounts of two owners, under an issuer.
func bankBlocks(t *testing.T, by plugintest.Answerer) *plugintest.Record {
	rng := rand.New(rand.NewPCG(1, 1))
	recorder := plugintest.NewRecorder(by, nil)
	put := func(operation string, request []byte) {
		if _, err := recorder.Call(operation, request); err != nil {
			t.Fatal(err)
		}
	}
	for height := uint64(1); height <= 24; height++ {
		for index := range uint32(10) {
			q := &hook.ApplyRequest{Height: height, Time: 1_800_000_000_000 + 50*height, Index: index, Sender: [32]byte{1 + byte(rng.IntN(2))},
				Payload: randomPayment(rng), Params: append([]byte{1}, make([]byte, 31)...)}
			for i := range q.Transaction {
				q.Transaction[i] = byte(rng.Uint32())
			}
			put(hook.Apply.Name, encoded(t, q))
		}
		put(hook.Query.Name, encoded(t, &hook.QueryRequest{Height: height, Payload: smallbank.AccountsQuery(0, 12)}))
	}
	return &recorder.Record
}

// leaderBlocks makes the views of a chain in which one of five crashes and comes back.
func leaderBlocks(t *testing.T, by plugintest.Answerer) *plugintest.Record {
	recorder := plugintest.NewRecorder(by, nil)
	chain := plugintest.Chain{Weights: []uint64{10, 20, 30, 40, 50}, Seed: [32]byte{5}, Params: reputation.Params(8),
		Down: func(view uint64, validator int) bool { return validator == 2 && view > 15 && view < 40 }}
	leader := hook.LeaderFunc(func(r *hook.LeaderRequest) (s hook.LeaderResponse) {
		a, err := recorder.Call(hook.Lead.Name, encoded(t, r))
		if err == nil {
			err = s.Decode(a.Response)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
	for range 60 {
		chain.Step(leader)
	}
	return &recorder.Record
}

// TestADefectIsFound plants a defect in the bank in C: both comparisons must find it.
func TestADefectIsFound(t *testing.T) {
	need(t, "clang", "wasm-ld", "cc")
	dir := t.TempDir()
	for name, change := range map[string][2]string{
		"plugin.json": {},
		"main.c":      {"if (a.checking < amount)", "if (a.checking <= amount)"},
	} {
		b, err := os.ReadFile(filepath.Join("../../plugins/bank-c", name))
		if err != nil {
			t.Fatal(err)
		}
		if change[0] != "" && !bytes.Contains(b, []byte(change[0])) {
			t.Fatalf("%s has no %q any more", name, change[0])
		}
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Replace(b, []byte(change[0]), []byte(change[1]), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sandboxed, process := open(t, dir)
	recorder := plugintest.NewRecorder(plugintest.Native{Machine: smallbank.Machine{}}, nil)
	for _, payload := range [][]byte{smallbank.CreateAccount(1, 0, 5), smallbank.CreateAccount(2, 0, 0), smallbank.SendPayment(1, 2, 5)} {
		if _, err := recorder.Call(hook.Apply.Name, encoded(t, &hook.ApplyRequest{Height: 1, Payload: payload})); err != nil {
			t.Fatal(err)
		}
	}
	for name, by := range map[string]plugintest.Answerer{"the module": sandboxed, "the process": process} {
		if err := recorder.Record.Verify(by); !errors.Is(err, plugintest.ErrDiffers) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
