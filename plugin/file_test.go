package plugin

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"reflect"
	"slices"
	"testing"

	"quoin.dev/quoin"
)

func fullManifest() *Manifest {
	m := &Manifest{Name: "my-leader", Version: "1.2.3-rc.1", Sequence: 7, Hooks: []string{"leader.v1", "machine.v1"},
		Capabilities: []string{"events", "state"}, FuelMax: 500_000, PagesMax: 32, ParamsSchema: []byte(`{"type":"object"}`),
		NodeMin: 1, EngineMin: 1, EndOfLife: 1_000_000}
	copy(m.Author[:], testKey().Public().(ed25519.PublicKey))
	return m
}

func testKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

// Pinned: whoever changes one of these changes the name of every release there is.
func TestPinned(t *testing.T) {
	b, err := fullManifest().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	file := release(t, plainMachine(nil), testManifest("machine.v1"))
	for name, c := range map[string]struct{ got, want string }{
		"digest":          {Digest(file).String(), pinnedDigest},
		"manifest":        {quoin.Hash(sum(b)).String(), pinnedManifest},
		"instrumentation": {quoin.Hash(sum(instrumentedBytes(t, release(t, echo(), testManifest("machine.v1"))))).String(), pinnedInstrumentation},
	} {
		if c.got != c.want {
			t.Errorf("%s is %s, want %s", name, c.got, c.want)
		}
	}
	if _, err := Sign(file, testKey()); err == nil {
		t.Error("signed by a key that is not the author's")
	}
}

func instrumentedBytes(t *testing.T, file []byte) []byte {
	l := DefaultLimits()
	c, refusal := check(file, &l)
	if refusal != nil {
		t.Fatal(refusal)
	}
	out, _, refusal := c.instrument()
	if refusal != nil {
		t.Fatal(refusal)
	}
	return out
}

func TestManifestRoundTrip(t *testing.T) {
	m := fullManifest()
	b, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseManifest(b)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Fatalf("%+v %v", got, err)
	}
	for n := range b {
		if _, err := ParseManifest(b[:n]); !errors.Is(err, ErrManifest) {
			t.Fatalf("%d bytes of a manifest: %v", n, err)
		}
	}
	if _, err := ParseManifest(append(slices.Clone(b), 0)); !errors.Is(err, ErrManifest) {
		t.Error("a trailing byte was accepted")
	}
	for name, change := range map[string]func(m *Manifest){
		"upper case":         func(m *Manifest) { m.Name = "My-leader" },
		"homoglyph":          func(m *Manifest) { m.Name = "my-leаder" }, // a Cyrillic а
		"empty name":         func(m *Manifest) { m.Name = "" },
		"long name":          func(m *Manifest) { m.Name = "abcdefghijklmnopqrstuvwxyz0123456" },
		"no version":         func(m *Manifest) { m.Version = "" },
		"odd version":        func(m *Manifest) { m.Version = "1 2" },
		"sequence zero":      func(m *Manifest) { m.Sequence = 0 },
		"no hook":            func(m *Manifest) { m.Hooks = nil },
		"unsorted hooks":     func(m *Manifest) { m.Hooks = []string{"machine.v1", "leader.v1"} },
		"doubled capability": func(m *Manifest) { m.Capabilities = []string{"state", "state"} },
		"fuel zero":          func(m *Manifest) { m.FuelMax = 0 },
		"fuel beyond":        func(m *Manifest) { m.FuelMax = FuelMax + 1 },
		"no memory":          func(m *Manifest) { m.PagesMax = 0 },
		"long schema":        func(m *Manifest) { m.ParamsSchema = make([]byte, ParamsSchemaMax+1) },
	} {
		m := fullManifest()
		change(m)
		if _, err := m.Bytes(); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignature(t *testing.T) {
	file := release(t, plainMachine(nil), fullManifest())
	if err := VerifySignature(file); !errors.Is(err, ErrSignature) {
		t.Errorf("unsigned: %v", err)
	}
	signed, err := Sign(file, testKey())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Sign(signed, testKey())
	if err != nil || !bytes.Equal(again, signed) {
		t.Error("signing twice changes the file")
	}
	if err := VerifySignature(signed); err != nil {
		t.Error(err)
	}
	if Digest(signed) != Digest(file) || !bytes.Equal(signed[:len(file)], file) || len(signed) != len(file)+signatureSectionBytes {
		t.Error("signing must only append, and keep the digest")
	}
	// Every byte counts: after a flip the file is refused, or has another digest, or the
	// signature fails.
	for i := range signed {
		broken := slices.Clone(signed)
		broken[i] ^= 1
		if err := VerifySignature(broken); err == nil {
			t.Fatalf("byte %d does not matter to the signature", i)
		}
		if i < len(file) && Digest(broken) == Digest(file) {
			t.Fatalf("byte %d does not matter to the digest", i)
		}
	}
}

// A file cannot hide bytes from its digest by looking as if it were signed, and there is one
// place for a manifest and a signature.
func TestFileTricks(t *testing.T) {
	m := fullManifest()
	plain := release(t, plainMachine(nil), m)
	signed, err := Sign(plain, testKey())
	if err != nil {
		t.Fatal(err)
	}
	signature := signed[len(plain):]

	// A manifest whose last 82 bytes look like a signature section.
	hidden := fullManifest()
	hidden.ParamsSchema = append([]byte("{}"), signature[:len(signature)-16]...)
	a := release(t, plainMachine(nil), hidden)
	hidden.EndOfLife++
	if b := release(t, plainMachine(nil), hidden); Digest(a) == Digest(b) {
		t.Error("two manifests have one digest")
	}

	bytesOf, _ := m.Bytes()
	custom := appendCustom(nil, manifestSection, bytesOf)
	long := slices.Concat([]byte{0, byte(len(custom)-3) | 0x80, 0x80 | byte((len(custom)-3)>>7), 0}, custom[3:]) // a length of three bytes
	module := plainMachine(nil)
	for name, file := range map[string][]byte{
		"two manifests":            slices.Concat(module, custom, custom),
		"manifest before code":     slices.Concat(module[:8], custom, module[8:]),
		"something after it":       slices.Concat(module, custom, appendCustom(nil, "name", []byte("x"))),
		"signature before":         slices.Concat(module, signature, custom),
		"signature alone":          slices.Concat(module, signature),
		"two signatures":           slices.Concat(signed, signature),
		"something after both":     slices.Concat(signed, appendCustom(nil, "name", []byte("x"))),
		"short signature":          slices.Concat(plain, appendCustom(nil, signatureSection, make([]byte, 63))),
		"long form of the length":  slices.Concat(module, long),
		"no manifest":              module,
		"an invalid manifest":      slices.Concat(module, appendCustom(nil, manifestSection, bytesOf[1:])),
		"not a module":             []byte("hello"),
		"a section past the end":   append(slices.Clone(plain), 0, 100),
		"a name past its section":  append(slices.Clone(module), 0, 2, 9, 'a'),
		"a name that is not UTF-8": append(slices.Clone(module), 0, 3, 2, 0xff, 0xfe),
	} {
		var r *Refusal
		if _, err := ReadManifest(file); !errors.As(err, &r) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Embedding again replaces.
	m.Sequence++
	again, err := Embed(signed, m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadManifest(again); err != nil || got.Sequence != m.Sequence || len(again) != len(plain) {
		t.Errorf("%+v %v", got, err)
	}
}

func FuzzManifest(f *testing.F) {
	b, _ := fullManifest().Bytes()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		if again, err := m.Bytes(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("a second encoding was accepted: %v", err)
		}
	})
}

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

const (
	pinnedDigest          = "4e54d6e5bbc8aedc5ace8d3c4814c3bf184d0076f72efac9fede36cbd584908b"
	pinnedManifest        = "decf1aa334fc71abfd228ab458dc89def5ca4fe83dd90045a35e9a9f0a3a7d7e"
	pinnedInstrumentation = "fb562b72d010acda38448af1bc24b0440a108f943d25e3d833b3daefbb5cdaf7"
	pinnedWeighted        = "[3 2 1 2 3 3 1 3 3 2 2 3]"
)
