package plugin

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// The schedule in the documentation is what the code says.
func TestFuelPage(t *testing.T) {
	const path, begin, end = "../docs/fuel.md", "<!-- generated: go test ./plugin -run TestFuelPage -rewrite -->\n", "<!-- end of what is generated -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no lines %q and %q", path, begin, end)
	}
	want := head + begin + "\n" + ScheduleMarkdown() + "\n" + end + tail
	if *rewrite {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s is not what the code says; run: go test ./plugin -run TestFuelPage -rewrite", path)
	}
}

// Every instruction of the tables has a name of its own, and every host function that charges
// for itself is there.
func TestScheduleIsComplete(t *testing.T) {
	names, functions := map[string]bool{}, 0
	for _, c := range Schedule() {
		if c.Name == "" || names[c.Module+c.Name] {
			t.Errorf("%+v", c)
		}
		names[c.Module+c.Name] = true
		if c.Module != "" {
			functions++
		}
	}
	if functions != len(hostFunctions) {
		t.Errorf("%d host functions of %d", functions, len(hostFunctions))
	}
	for name := range hostCharges { // any order
		if !names[hostModule+name] && !names[wasiModule+name] {
			t.Errorf("there is no host function %q", name)
		}
	}
	for _, name := range []string{"i32.const", "i32.load", "i64.store32", "f64.copysign", "i64.extend32_s", "i64.trunc_sat_f64_u", "memory.fill"} {
		if !names[name] {
			t.Errorf("%s is missing", name)
		}
	}
	for code, name := range map[byte]string{0x28: "i32.load", 0x3e: "i64.store32", 0x45: "i32.eqz", 0x8a: "i64.rotr", 0x98: "f32.copysign", 0xa6: "f64.copysign", 0xc4: "i64.extend32_s"} { // any order
		if got := numericNames()[code]; got != name {
			t.Errorf("%#x is called %s, want %s", code, got, name)
		}
	}
}

// Regions cover the memory, at most 64 of them in up to 64 pages, and cost what they hold.
func TestMemoryCharges(t *testing.T) {
	for pages := uint32(1); pages <= 256; pages++ {
		c := memoryChargesFor(pages)
		regions := uint64(pages) << pageShift >> c.regionShift
		if pages <= 64 && regions > 64 || c.regionShift < 10 || c.regionShift > pageShift {
			t.Errorf("%d pages: %d regions of 1 << %d bytes", pages, regions, c.regionShift)
		}
		shared := (regions + 63) / 64 // regions of a bit
		if held := shared << c.regionShift; held>>regionByteShift > 1<<c.regionCharge {
			t.Errorf("%d pages: a bit stands for %d bytes and costs %d", pages, held, 1<<c.regionCharge)
		}
	}
}

// A store and a float operation become a branch, which takes the compiler longer the more of
// them a function has: 18,000 stores in one function take it seconds.
func TestTooManyStores(t *testing.T) {
	for name, unit := range map[string][]byte{
		"stores": slices.Concat(LocalGet(0), LocalGet(0), I32Store(0)),
		"floats": slices.Concat(LocalGet(1), LocalGet(1), Op(0xa0), LocalSet(1)),
	} {
		for n, want := range map[int]Code{100: "", 18_000: CodeComplexity} {
			m := Guest(1)
			m.Func(hook.Apply.Name, nil, status, Types(I32, F64), bytes.Repeat(unit, n), I32Const(0))
			_, err := Check(release(t, machine(m), testManifest(hook.Machine.Name)), DefaultLimits())
			var refusal *Refusal
			if got := errors.As(err, &refusal); got != (want != "") || got && refusal.Code != want {
				t.Errorf("%d %s: %v", n, name, err)
			}
		}
	}
}
