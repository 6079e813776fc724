package assemblyscript_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/assemblyscript"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/sandboxtest"
)

// echo is the module of testdata/echo on a host that keeps what it gets, byte for byte.
type echo struct {
	module  api.Module
	request []byte
	output  []byte
	log     []byte
	left    int // requests of a batch
	proof   []byte
	values  map[string][]byte
}

func newEcho(t *testing.T, file []byte) *echo {
	t.Helper()
	e := &echo{values: map[string][]byte{}}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { r.Close(ctx) })
	read := func(m api.Module, at, n uint32) []byte {
		b, ok := m.Memory().Read(at, n)
		if !ok {
			t.Fatalf("%d bytes at %d are outside the memory", n, at)
		}
		return bytes.Clone(b)
	}
	deliver := func(m api.Module, b []byte, at, capacity uint32) uint32 {
		if len(b) <= int(capacity) && !m.Memory().Write(at, b) {
			t.Fatalf("%d bytes at %d are outside the memory", len(b), at)
		}
		return uint32(len(b))
	}
	value := func(m api.Module, key string, at, capacity uint32) int32 {
		v, ok := e.values[key]
		if !ok {
			return -1
		}
		return int32(deliver(m, v, at, capacity))
	}
	_, err := r.NewHostModuleBuilder("quoin.v1").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, at, capacity uint32) uint32 {
		return deliver(m, e.request, at, capacity)
	}).Export("input").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, at, n uint32) { e.output = read(m, at, n) }).Export("output").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, at, n uint32) { e.log = append(e.log, read(m, at, n)...) }).Export("log").
		NewFunctionBuilder().WithFunc(func() uint32 {
		if e.left == 0 {
			return 0
		}
		e.left--
		return 1
	}).Export("batch_next").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, k, kn, at, capacity uint32) int32 {
		return value(m, string(read(m, k, kn)), at, capacity)
	}).Export("state_get").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, at, n uint32) uint32 {
		if string(read(m, at, n)) == "foreign.bank" {
			return 1
		}
		return 0
	}).Export("granted").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, name, nn, k, kn, at, capacity uint32) int32 {
		return value(m, string(read(m, name, nn))+"/"+string(read(m, k, kn)), at, capacity)
	}).Export("foreign_get").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, height uint64, at, capacity uint32) int32 {
		if height != ancestor.Height {
			return -1
		}
		return int32(deliver(m, ancestor.Append(nil), at, capacity))
	}).Export("history_get").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, k, kn, at, capacity uint32) uint32 {
		if string(read(m, k, kn)) != "own" {
			t.Error("a proof of another key")
		}
		return deliver(m, e.proof, at, capacity)
	}).Export("proof_get").
		NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, at uint32) { deliver(m, beacon[:], at, 32) }).Export("beacon").
		Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.NewHostModuleBuilder("env").
		NewFunctionBuilder().WithFunc(func(_, _, _, _ uint32) { t.Errorf("aborted: %s", e.log) }).Export("abort").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if e.module, err = r.Instantiate(ctx, file); err != nil {
		t.Fatal(err)
	}
	if _, err := e.module.ExportedFunction("_initialize").Call(ctx); err != nil {
		t.Fatal(err)
	}
	return e
}

var (
	ancestor = hook.Ancestor{Height: 3, Time: 2, Epoch: 1, View: 4, Size: 5, Block: [32]byte{6}, State: [32]byte{7}, Ledger: [32]byte{31: 8}}
	beacon   = [32]byte{1, 31: 2}
)

func (e *echo) call(t *testing.T, operation string, request []byte) (output, log []byte) {
	t.Helper()
	e.request, e.output, e.log = request, nil, nil
	status, err := e.module.ExportedFunction(operation).Call(context.Background())
	if err != nil || status[0] != 0 {
		t.Fatalf("%s: status %v, %v", operation, status, err)
	}
	return e.output, e.log
}

// goldenFile reads a file of package hook, which holds the bytes as hexdump writes them.
func goldenFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "hook", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for line := range strings.Lines(string(text)) {
		if len(line) < 10 {
			continue
		}
		digits, _, _ := strings.Cut(line[10:], "|")
		row, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, row...)
	}
	return b
}

func TestEcho(t *testing.T) {
	file := sandboxtest.Build(t, "testdata/echo")
	t.Run("golden", func(t *testing.T) { golden(t, newEcho(t, file)) })
	t.Run("long requests", func(t *testing.T) { longRequests(t, newEcho(t, file)) })
	t.Run("chain", func(t *testing.T) { chain(t, newEcho(t, file)) })
}

// golden holds what the SDK reads and writes against the bytes that package hook has pinned.
func golden(t *testing.T, e *echo) {
	for _, h := range hook.All() {
		for _, o := range h.Operations {
			if o.Batch || o.Optional {
				continue // the SDK has neither batches nor migrations
			}
			request := goldenFile(t, o.Name+".request.bytes")
			output, log := e.call(t, o.Name, request)
			if !bytes.Equal(log, request) {
				t.Errorf("%s: read\n%x, the request is\n%x", o.Name, log, request)
			}
			if want := goldenFile(t, o.Name+".response.bytes"); !bytes.Equal(output, want) {
				t.Errorf("%s: wrote %x, want %x", o.Name, output, want)
			}
		}
	}
}

// longRequests reads requests of all lengths, beyond the SDK's buffer too.
func longRequests(t *testing.T, e *echo) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 100 {
		r := plugintest.RandomRequest(rng, 1+i*i/8)
		r.Params = make([]byte, rng.IntN(hook.ParamsMax+1))
		request, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, log := e.call(t, "leader.v1", request); !bytes.Equal(log, request) {
			t.Fatalf("%d validators, %d blocks: read\n%x, the request is\n%x", len(r.Validators), len(r.Window), log, request)
		}
	}
	request, err := (&hook.ApplyRequest{Payload: bytes.Repeat([]byte{1, 2, 3}, hook.PayloadMax/3), Params: make([]byte, hook.ParamsMax)}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, log := e.call(t, "machine.v1.apply", request); !bytes.Equal(log, request) {
		t.Error("a transaction of the greatest length is read wrongly")
	}
}

// chain asks for all that the host tells beyond the namespace, in a batch of which each request
// takes 20 KiB.
func chain(t *testing.T, e *echo) {
	e.left, e.proof = 1000, bytes.Repeat([]byte{5}, hook.ProofMax)
	e.values["bank/k"] = bytes.Repeat([]byte{9}, 3000)
	e.values["long"] = bytes.Repeat([]byte{7}, hook.ValueMax)
	_, log := e.call(t, "validation.v1.validate_batch", goldenFile(t, "validation.v1.validate.request.bytes"))
	want := append([]byte{1, 0, 0, 0}, e.values["bank/k"]...)
	want = append(want, 0xff, 0xff, 0xff, 0xff)
	want = append(ancestor.Append(want), 0, 0, 0, 0)
	want = append(append(want, e.proof...), beacon[:]...)
	want = append(want, e.values["long"]...)
	if !bytes.Equal(log, want) {
		t.Errorf("read\n%x, want\n%x", log, want)
	}
	if pages := e.module.Memory().Size() >> 16; pages > 16 {
		t.Errorf("after a batch of 1000 the memory has %d pages: requests do not let go of theirs", pages)
	}
}

func TestSource(t *testing.T) {
	files, err := assemblyscript.Source()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"abi.ts", "exports.mjs", "leader.ts", "machine.ts"} {
		if files[want] == "" {
			t.Errorf("%s is missing", want)
		}
	}
	for _, h := range hook.All() { // each hook has its module, named as the hook is
		name, _, _ := strings.Cut(h.Name, ".")
		if files[name+".ts"] == "" {
			t.Errorf("there is no %s.ts for %s", name, h.Name)
		}
	}
}
