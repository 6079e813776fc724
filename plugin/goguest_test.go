package plugin

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"quoin.dev/quoin/hook"
)

// goGuest builds testdata/goguest with the Go toolchain.
func goGuest(t testing.TB) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "guest.wasm")
	c := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-trimpath", "-o", out, "./testdata/goguest")
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if text, err := c.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			t.Skip("the Go toolchain is not on the path")
		}
		t.Fatalf("%v\n%s", err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	m := testManifest("leader.v1", "machine.v1")
	m.FuelMax, m.PagesMax = FuelMax, 64
	return release(t, module, m)
}

func TestGoGuest(t *testing.T) {
	file := goGuest(t)
	report, err := Check(file, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d functions, %d instructions, table %d, nesting %d, body %d, locals %d, complexity %d of %d", report.FileBytes,
		report.Functions, report.Instructions, report.TableEntries, report.NestingMost, report.BodyMost, report.LocalsMost, report.ComplexityMost, report.ComplexityAll)
	e := newEngines(t)
	b := e.load(file)
	for view := uint64(1); view < 6; view++ {
		q := leaderRequest(4, view)
		var fuel [2]uint64
		for i := range 4 {
			r, err := e.table[i%2].Lead(b, q)
			if err != nil || r.Fault != hook.FaultNone || r.Proposer != uint32((3+view)%4) {
				t.Fatalf("view %d: %+v %v", view, r, err)
			}
			if i < 2 {
				fuel[i] = r.Fuel
			}
			if r.Fuel != fuel[0] {
				t.Errorf("fuel %d and %d", r.Fuel, fuel[0])
			}
		}
		if view == 1 {
			t.Logf("a leader call uses %d fuel", fuel[0])
		}
	}
	s := newState()
	for _, want := range []string{"1", "2", "3"} {
		if r := e.apply(b, []byte("counter"), s); r.Fault != hook.FaultNone || string(r.Output) != want {
			t.Fatalf("%+v", r)
		}
	}
	if s.values["counter"] != "3" {
		t.Errorf("%v", s.values)
	}
	if r := e.apply(b, []byte("map"), nil); r.Fault != hook.FaultNone || len(r.Output) != 290 {
		t.Errorf("map: %+v", r)
	}
	if r := e.apply(b, []byte("goroutines"), nil); string(r.Output) != "285" {
		t.Errorf("goroutines: %+v", r)
	}
	for payload, want := range map[string]hook.Fault{"panic": hook.FaultTrap, "spin": hook.FaultFuel, "grow": hook.FaultTrap} {
		if r := e.apply(b, []byte(payload), nil); r.Fault != want {
			t.Errorf("%s: %v %q", payload, r.Fault, r.Log)
		}
	}
	for k := range 2 {
		if i := e.table[k].guests[b.Release].instance; !i.restore() || !restored(i) {
			t.Error("something of a call is left in the memory")
		}
		for range 3 {
			if _, err := e.table[k].Apply(b, &hook.ApplyRequest{Payload: []byte("map")}, newState()); err != nil {
				t.Fatal(err)
			}
			i := e.table[k].guests[b.Release].instance
			if i.touched == allRegions || !i.restore() || !restored(i) {
				t.Error("something of a good call is left in the memory, or all of it was restored")
			}
		}
	}
}

func BenchmarkGoGuest(b *testing.B) {
	file := goGuest(b)
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if _, err := Check(file, DefaultLimits()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("instrument", func(b *testing.B) {
		for b.Loop() {
			l := DefaultLimits()
			c, refusal := check(file, &l)
			if refusal != nil {
				b.Fatal(refusal)
			}
			if _, _, refusal := c.instrument(); refusal != nil {
				b.Fatal(refusal)
			}
		}
	})
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			h := newHost(b, Options{})
			r, err := h.Compile(file)
			if err != nil {
				b.Fatal(err)
			}
			_ = r.Close()
			_ = h.Close()
		}
	})
	h := newHost(b, Options{})
	r, err := h.Compile(file)
	if err != nil {
		b.Fatal(err)
	}
	table := newTable(b)
	table.Add(r)
	binding := r.Binding("leader.v1")
	b.Run("lead", func(b *testing.B) {
		b.ReportAllocs()
		q := leaderRequest(20, 5)
		for b.Loop() {
			if o, err := table.Lead(binding, q); err != nil || o.Fault != hook.FaultNone {
				b.Fatal(o, err)
			}
		}
	})
	b.Run("apply", func(b *testing.B) {
		b.ReportAllocs()
		q := &hook.ApplyRequest{Payload: []byte("counter")}
		s := newState()
		for b.Loop() {
			if o, err := table.Apply(binding, q, s); err != nil || o.Fault != hook.FaultNone {
				b.Fatal(o, err)
			}
		}
	})
	b.Run("restore all", func(b *testing.B) {
		i, err := r.start()
		if err != nil {
			b.Fatal(err)
		}
		defer i.close()
		b.SetBytes(int64(r.image.pages) * pageBytes)
		for b.Loop() {
			i.touched = allRegions
			i.restore()
		}
	})
	b.Run("instance", func(b *testing.B) {
		for b.Loop() {
			i, err := r.start()
			if err != nil || !i.restore() {
				b.Fatal(err)
			}
			i.close()
		}
	})
}
