package plugin

import (
	"encoding/json"
	"flag"
	"hash/crc32"
	"math/rand"
	"os"
	"testing"
)

var oracleRecord = flag.Int("oracle.record", 0, "write the outcomes of this many random modules to standard output, for tools/oracle")

// oracleCase is one random module and what its calls gave. Package tools/oracle reads it.
type oracleCase struct {
	Seed   int64
	Module []byte // plain
	Calls  []oracleCall
}

// oracleCall is one call of an export without parameters, on a new instance.
type oracleCall struct {
	Name    string
	Fault   string
	Fuel    uint64   // without what the regions of memory cost that are written to
	Memory  uint32   // CRC-32C
	Globals []uint64 // those exported as global.0, global.1 and so on
}

// TestOracleRecord is no test: tools/oracle runs it, built with a schedule of unit prices.
func TestOracleRecord(t *testing.T) {
	if *oracleRecord == 0 {
		t.Skip("cd tools/oracle && go test")
	}
	h, out := newHost(t, Options{}), json.NewEncoder(os.Stdout)
	for seed := int64(1); seed <= int64(*oracleRecord); seed++ {
		m, calls, _ := randomGuest(rand.New(rand.NewSource(seed)))
		c := oracleCase{Seed: seed, Module: m.Bytes()}
		r, err := h.Compile(release(t, c.Module, testManifest("machine.v1")))
		if err != nil {
			t.Fatal(err)
		}
		i, err := r.start()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range calls {
			if !i.restore() {
				t.Fatal("not restored")
			}
			o, err := observe(i, name, randomFuel)
			if err != nil {
				t.Fatal(err)
			}
			c.Calls = append(c.Calls, oracleCall{name, o.fault.String(), o.fuel - o.regions, crc32.Checksum(o.memory, castagnoli), o.globals})
		}
		i.close()
		_ = r.Close()
		if err := out.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
}
