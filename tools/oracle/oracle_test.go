package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os/exec"
	"strconv"
	"testing"

	"github.com/bytecodealliance/wasmtime-go/v39"
)

var runs = flag.Int("runs", 3000, "random modules")

// sandboxCase is a random module and what its calls gave in the sandbox; see plugin/oracle_test.go.
type sandboxCase struct {
	Seed   int64
	Module []byte
	Calls  []sandboxCall
}

type sandboxCall struct {
	Name    string
	Fault   string
	Fuel    uint64
	Memory  uint32
	Globals []uint64
}

func TestWasmtimeAgrees(t *testing.T) {
	record := exec.Command(buildWithUnitPrices(t), "-test.run", "^TestOracleRecord$", "-oracle.record", strconv.Itoa(*runs))
	record.Dir = pluginDir
	var stderr bytes.Buffer
	record.Stderr = &stderr
	out, err := record.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := record.Start(); err != nil {
		t.Fatal(err)
	}
	o := newOracle()
	modules, count := 0, map[string]int{}
	for in := json.NewDecoder(out); modules < *runs; modules++ {
		var c sandboxCase
		if err := in.Decode(&c); err != nil {
			rest, _ := io.ReadAll(in.Buffered())
			t.Fatalf("after %d modules: %v\n%s%s", modules, err, rest, stderr.String())
		}
		for _, call := range c.Calls {
			verdict, err := o.check(c.Module, &call)
			if err != nil {
				t.Fatalf("seed %d, %s: %v\nreplay: go test ./plugin -run TestRandomModules -differential.seed %d", c.Seed, call.Name, err, c.Seed)
			}
			count[verdict]++
		}
		o.forget()
	}
	_, _ = io.Copy(io.Discard, out)
	if err := record.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	t.Logf("%d modules: %v", modules, count)
	if count[sameFuel] < 3*modules || count[sameTrap] < modules/10 {
		t.Error("the modules test too little")
	}
}

// Verdicts on one call.
const (
	sameFuel   = "same results and fuel"
	sameTrap   = "same trap"
	notCompare = "ended by the sandbox's own limits"
)

type oracle struct {
	engine *wasmtime.Engine
	module *wasmtime.Module // of the case at hand
}

func newOracle() *oracle {
	c := wasmtime.NewConfig()
	c.SetConsumeFuel(true)
	c.SetCraneliftNanCanonicalization(true)
	return &oracle{engine: wasmtime.NewEngineWithConfig(c)}
}

func (o *oracle) forget() {
	o.module.Close()
	o.module = nil
}

const fuel = 1 << 40

// check makes a call on a new instance of the plain module and compares.
func (o *oracle) check(module []byte, want *sandboxCall) (verdict string, err error) {
	if o.module == nil {
		if o.module, err = wasmtime.NewModule(o.engine, module); err != nil {
			return "", err
		}
	}
	if want.Fault == "fuel" || want.Fault == "depth" {
		return notCompare, nil
	}
	store := wasmtime.NewStore(o.engine)
	defer store.Close()
	if err := store.SetFuel(fuel); err != nil {
		return "", err
	}
	instance, err := wasmtime.NewInstance(store, o.module, nil)
	if err != nil {
		return "", err
	}
	_, err = instance.GetFunc(store, want.Name).Call(store)
	var trap *wasmtime.Trap
	if err != nil && !errors.As(err, &trap) {
		return "", err
	}
	if trapped := trap != nil; trapped != (want.Fault != "none") {
		return "", fmt.Errorf("the sandbox ends with the fault %s, wasmtime with %v", want.Fault, err)
	}
	memory := instance.GetExport(store, "memory").Memory().UnsafeData(store)
	if sum := crc32.Checksum(memory, crc32.MakeTable(crc32.Castagnoli)); sum != want.Memory {
		return "", fmt.Errorf("the memories of %d bytes differ", len(memory))
	}
	for i, g := range want.Globals {
		v := instance.GetExport(store, fmt.Sprintf("global.%d", i)).Global().Get(store)
		if got := bits(v); got != g {
			return "", fmt.Errorf("global %d: the sandbox has %#x, wasmtime %#x", i, g, got)
		}
	}
	if trap != nil {
		return sameTrap, nil
	}
	left, err := store.GetFuel()
	if err != nil {
		return "", err
	}
	if used := fuel - left; used != want.Fuel {
		return "", fmt.Errorf("the sandbox uses %d units, wasmtime %d", want.Fuel, used)
	}
	return sameFuel, nil
}

func bits(v wasmtime.Val) uint64 {
	switch v.Kind() {
	case wasmtime.KindI32:
		return uint64(uint32(v.I32()))
	case wasmtime.KindI64:
		return uint64(v.I64())
	case wasmtime.KindF32:
		return uint64(math.Float32bits(v.F32()))
	default:
		return math.Float64bits(v.F64())
	}
}
