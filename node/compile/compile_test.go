package compile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/bench/resident/residenttest"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// childEnv makes the test binary a process that compiles.
const childEnv = "QUOIN_TEST_COMPILE"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "die":
		os.Exit(7)
	case "silent":
		os.Exit(0)
	case "hang":
		time.Sleep(time.Minute)
	}
	if err := Child(os.Stdin, os.Stdout); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// openTest returns a cache that compiles in processes of the given mode, or here without one.
func openTest(t testing.TB, dir, mode string) *Cache {
	t.Helper()
	o := Options{Dir: dir}
	if mode != "" {
		t.Setenv(childEnv, mode)
		o.Command = []string{os.Args[0]}
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// leader is a release whose answer is its parameter.
func leader(t testing.TB) (quoin.Hash, []byte) {
	t.Helper()
	f, ok := hostile.Find(hostile.LeaderParameter)
	if !ok {
		t.Fatal("no such fixture")
	}
	file := f.Release(quoin.PublicKey{})
	return plugin.Digest(file), file
}

// lead calls the release.
func lead(t testing.TB, r *plugin.Release) plugin.LeadResult {
	t.Helper()
	table, err := plugin.NewTable(plugin.Builtins())
	if err != nil {
		t.Fatal(err)
	}
	table.Add(r)
	defer table.Remove(r.Digest())
	q := &hook.LeaderRequest{View: 7, ParentView: 6, ParentHeight: 100, Validators: make([]hook.Validator, 4)}
	for i := range q.Validators {
		q.Validators[i].Weight = 1
	}
	s, err := table.Lead(&quoin.Binding{Hook: hook.Leader.Name, Release: r.Digest(), Parameters: []byte{3, 0, 0, 0}}, q)
	if err != nil || s.Proposer != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
	return s
}

// prepare must give a release that works, and reports whether its code was on disk.
func prepare(t testing.TB, c *Cache, digest quoin.Hash, file []byte) (warm bool) {
	t.Helper()
	r, err := c.Load(digest, file)
	if err != nil {
		t.Fatal(err)
	}
	warm = r != nil
	if r, err = c.Prepare(context.Background(), digest, file); err != nil {
		t.Fatal(err)
	}
	lead(t, r)
	return warm
}

// machineCode returns the path of the one file of machine code.
func machineCode(t testing.TB, c *Cache, digest quoin.Hash) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.dir(digest), "wazero-*", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return files[0]
}

func TestWarmAndColdAgree(t *testing.T) {
	for _, mode := range []string{"", "work"} {
		t.Run("mode "+mode, func(t *testing.T) {
			dir := t.TempDir()
			digest, file := leader(t)
			cold := openTest(t, dir, mode)
			r, err := cold.Prepare(context.Background(), digest, file)
			if err != nil {
				t.Fatal(err)
			}
			want := lead(t, r)
			r, err = openTest(t, dir, "die").Prepare(context.Background(), digest, file) // it must not be compiled again
			if err != nil {
				t.Fatal(err)
			}
			if got := lead(t, r); got.Proposer != want.Proposer || got.Fuel != want.Fuel {
				t.Errorf("warm %+v, cold %+v", got, want)
			}
			for _, path := range []string{dir, cold.dir(digest), machineCode(t, cold, digest)} {
				if s, err := os.Stat(path); err != nil || s.Mode()&0o077 != 0 {
					t.Errorf("%s: mode %v, %v", path, s.Mode(), err)
				}
			}
		})
	}
}

// TestKeyDecides: what other versions or another processor left is made anew (CWA-2024-004).
func TestKeyDecides(t *testing.T) {
	digest, file := leader(t)
	dir := t.TempDir()
	c := openTest(t, dir, "")
	if c.key.Engine == 0 || c.key.Schedule == 0 || c.key.Processor == "" { // binaries of tests do not know wazero's version
		t.Errorf("the key is %+v", c.key)
	}
	prepare(t, c, digest, file)
	for name, change := range map[string]func(*key){
		"engine":    func(k *key) { k.Engine++ },
		"schedule":  func(k *key) { k.Schedule++ },
		"wazero":    func(k *key) { k.Wazero = "v9.9.9" },
		"processor": func(k *key) { k.Processor += "x" },
	} {
		c.key = keyHere()
		if _, err := c.Prepare(context.Background(), digest, file); err != nil {
			t.Fatal(err)
		}
		if !prepare(t, c, digest, file) {
			t.Errorf("%s: nothing was kept", name)
		}
		change(&c.key)
		if prepare(t, c, digest, file) {
			t.Errorf("another %s: the old code was used", name)
		}
	}
	other := quoin.Hash{1}
	if err := os.Rename(c.dir(digest), c.dir(other)); err != nil {
		t.Fatal(err)
	}
	if r, _ := c.Load(other, file); r != nil {
		t.Error("one release's code was used for another")
	}
}

// TestEngineTrustsItsFiles shows what the seal is for: wazero takes a file whose functions begin
// elsewhere than they did. Should this fail with a newer wazero, the seal may be more than is needed.
func TestEngineTrustsItsFiles(t *testing.T) {
	digest, file := leader(t)
	c := openTest(t, t.TempDir(), "")
	prepare(t, c, digest, file)
	path := machineCode(t, c, digest)
	flip(t, path, offsetOf(t, path, "offset"))
	l, _, err := open(c.dir(digest), file) // not called: it would run anything
	if err != nil {
		t.Fatalf("wazero has found a changed offset: %v", err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

// offsetOf returns where a part of wazero's file is, which its engine_cache.go writes.
func offsetOf(t testing.TB, path, part string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	version := 7
	count := version + int(b[6])
	functions := int(b[count]) | int(b[count+1])<<8
	length := count + 4 + 8*functions
	code := length + 8
	checksum := code + int(b[length]) | int(b[length+1])<<8
	at := map[string]int{"magic": 0, "version length": 6, "version": version, "count": count, "offset": count + 4, "length": length,
		"code": code, "checksum": len(b) - 9, "source map": len(b) - 5, "catch clauses": len(b) - 4}
	if checksum > len(b) {
		t.Fatalf("the file of %d bytes is not laid out as expected", len(b))
	}
	return at[part]
}

func flip(t testing.TB, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamageIsMadeAnew: damage to each part of what is on disk costs a compilation and nothing else.
func TestDamageIsMadeAnew(t *testing.T) {
	digest, file := leader(t)
	for _, part := range []string{"magic", "version length", "version", "count", "offset", "length", "code", "checksum", "source map", "catch clauses"} {
		t.Run(part, func(t *testing.T) {
			damaged(t, digest, file, func(code, _ string) { flip(t, code, offsetOf(t, code, part)) })
		})
	}
	for name, damage := range map[string]func(code, seal string){
		"code shorter": func(code, _ string) { resize(t, code, -1) },
		"code longer":  func(code, _ string) { resize(t, code, 1) },
		"code empty":   func(code, _ string) { resize(t, code, -1<<30) },
		"code gone":    func(code, _ string) { remove(t, code) },
		"code renamed": func(code, _ string) { rename(t, code, code+"0") },
		"code twice":   func(code, _ string) { copyFile(t, code, filepath.Join(filepath.Dir(code), "0000")) },
		"code a link":  func(code, _ string) { rename(t, code, code+"0"); link(t, code+"0", code) },
		"seal shorter": func(_, seal string) { resize(t, seal, -1) },
		"seal longer":  func(_, seal string) { resize(t, seal, 1) },
		"seal empty":   func(_, seal string) { resize(t, seal, -1<<30) },
		"seal gone":    func(_, seal string) { remove(t, seal) },
		"seal large":   func(_, seal string) { resize(t, seal, 2*sealBytesMax) },
	} {
		t.Run(name, func(t *testing.T) { damaged(t, digest, file, damage) })
	}
}

func damaged(t *testing.T, digest quoin.Hash, file []byte, damage func(code, seal string)) {
	t.Helper()
	c := openTest(t, t.TempDir(), "")
	prepare(t, c, digest, file)
	damage(machineCode(t, c, digest), filepath.Join(c.dir(digest), sealFile))
	if prepare(t, c, digest, file) {
		t.Error("damaged code was used")
	}
	if !prepare(t, c, digest, file) {
		t.Error("the code that was made anew is not on disk")
	}
}

func resize(t testing.TB, path string, by int) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if by > 0 {
		b = append(b, make([]byte, by)...)
	} else {
		b = b[:max(len(b)+by, 0)]
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, path string) {
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t testing.TB, to, path string) {
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEveryBitIsSealed flips each bit of the machine code and of the seal.
func TestEveryBitIsSealed(t *testing.T) {
	digest, file := leader(t)
	c := openTest(t, t.TempDir(), "")
	prepare(t, c, digest, file)
	for _, path := range []string{machineCode(t, c, digest), filepath.Join(c.dir(digest), sealFile)} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			bit := byte(1) << (i % 8)
			for _, bit := range []byte{bit, bit>>4 | bit<<4} {
				b[i] ^= bit
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				if _, ok := readSeal(c.dir(digest), digest, c.key); ok {
					t.Fatalf("%s: bit %d of byte %d is not sealed", filepath.Base(path), bit, i)
				}
				b[i] ^= bit
			}
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := readSeal(c.dir(digest), digest, c.key); !ok {
		t.Error("the seal does not match what it is for")
	}
}

// TestRefusalIsKept: a release that no node can accept is compiled once.
func TestRefusalIsKept(t *testing.T) {
	m := Guest(1)
	m.Func("_initialize", nil, nil, nil, Op(0x00))
	m.Func("machine.v1.apply", nil, []byte{I32}, nil, I32Const(0))
	m.Func("machine.v1.query", nil, []byte{I32}, nil, I32Const(0))
	file, err := plugin.Embed(m.Bytes(), &plugin.Manifest{Name: "stillborn", Version: "1.0.0", Sequence: 1,
		Hooks: []string{hook.Machine.Name}, FuelMax: 1_000_000, PagesMax: 32})
	if err != nil {
		t.Fatal(err)
	}
	digest := plugin.Digest(file)
	for _, mode := range []string{"", "work"} {
		dir := t.TempDir()
		_, err := openTest(t, dir, mode).Prepare(context.Background(), digest, file)
		if !Final(err) || errors.Is(err, plugin.ErrLocal) {
			t.Fatalf("mode %q: %v", mode, err)
		}
		c := openTest(t, dir, "die")
		_, err = c.Prepare(context.Background(), digest, file)
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "initialisation failed") {
			t.Errorf("again: %v", err)
		}
		// Other rules may accept it.
		c.key.Engine++
		if _, err := c.Prepare(context.Background(), digest, file); !errors.Is(err, plugin.ErrLocal) {
			t.Errorf("under another version of the engine: %v", err)
		}
	}
}

// TestLocalFailureIsNoVerdict: whatever ends the process that compiles, the release may be tried again.
func TestLocalFailureIsNoVerdict(t *testing.T) {
	digest, file := leader(t)
	for _, mode := range []string{"die", "silent"} {
		dir := t.TempDir()
		_, err := openTest(t, dir, mode).Prepare(context.Background(), digest, file)
		if !errors.Is(err, plugin.ErrLocal) || Final(err) {
			t.Errorf("%s: %v", mode, err)
		}
		prepare(t, openTest(t, dir, "work"), digest, file)
	}
	c := openTest(t, t.TempDir(), "")
	c.o.Command = []string{filepath.Join(t.TempDir(), "nothing")}
	if _, err := c.Prepare(context.Background(), digest, file); !errors.Is(err, plugin.ErrLocal) {
		t.Errorf("no such program: %v", err)
	}
}

// TestWaitIsBounded: a process that does nothing is ended when the time is over, or nobody waits.
func TestWaitIsBounded(t *testing.T) {
	digest, file := leader(t)
	c := openTest(t, t.TempDir(), "hang")
	c.o.Time = 20 * time.Millisecond
	if _, err := c.Prepare(context.Background(), digest, file); !errors.Is(err, ErrBudget) || !errors.Is(err, plugin.ErrLocal) {
		t.Errorf("after ten times the budget: %v", err)
	}
	c.o.Time = time.Hour
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Prepare(ctx, digest, file); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, plugin.ErrLocal) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestChildObeysItsLimits: the kernel ends a process that takes more time or memory than its job says.
func TestChildObeysItsLimits(t *testing.T) {
	digest, file := slow(t)
	c := openTest(t, t.TempDir(), "work")
	c.o.Time = time.Second
	if _, err := c.Prepare(context.Background(), digest, file); !errors.Is(err, ErrBudget) {
		t.Errorf("a second for what takes two: %v", err)
	}
	c.o.Time, c.o.Memory = time.Minute, 64<<20
	if _, err := c.Prepare(context.Background(), digest, file); !errors.Is(err, plugin.ErrLocal) {
		t.Errorf("64 MiB for what takes more: %v", err)
	}
}

// slow is a release that takes the compiler some two seconds.
func slow(t testing.TB) (quoin.Hash, []byte) {
	t.Helper()
	m := Guest(1)
	m.Func("machine.v1.apply", nil, []byte{I32}, nil, I32Const(0))
	m.Func("machine.v1.query", nil, []byte{I32}, nil, I32Const(0))
	loops := bytes.Repeat(Loop(0x40), 900)
	for range 24 {
		m.Func("", nil, nil, nil, loops)
	}
	file, err := plugin.Embed(m.Bytes(), &plugin.Manifest{Name: "slow", Version: "1.0.0", Sequence: 1,
		Hooks: []string{hook.Machine.Name}, FuelMax: 1_000_000, PagesMax: 32})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plugin.Check(file, plugin.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	return plugin.Digest(file), file
}

// TestThisProcessStaysSmall: what a module makes the compiler take, another process takes.
func TestThisProcessStaysSmall(t *testing.T) {
	var c *Cache
	var digest quoin.Hash
	var file []byte
	grown := residenttest.Limit(t, 64<<20, func() {
		digest, file = slow(t)
		c = openTest(t, t.TempDir(), "work")
	}, func() {
		if _, err := c.Prepare(context.Background(), digest, file); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("resident memory grew by %d KiB", grown>>10)
}

func TestChildWantsAJob(t *testing.T) {
	for _, in := range []string{"", "x", "{}", "[]\n", `{"bytes":-1}` + "\n", `{"bytes":1000000000}` + "\n", `{"bytes":5}` + "\nabc"} {
		if err := Child(strings.NewReader(in), &bytes.Buffer{}); err == nil {
			t.Errorf("%q is taken for a job", in)
		}
	}
}

func TestKeepDeletesTheRest(t *testing.T) {
	digest, file := leader(t)
	c := openTest(t, t.TempDir(), "")
	prepare(t, c, digest, file)
	for _, name := range []string{"wazero-v1.0.0-amd64-linux", quoin.Hash{7}.String()} {
		if err := os.MkdirAll(filepath.Join(c.o.Dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Keep(func(d quoin.Hash) bool { return d == digest }); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(c.o.Dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if !prepare(t, c, digest, file) {
		t.Error("what was to be kept is gone")
	}
}
