package quoin

import (
	"bytes"
	"encoding/json"
	"testing"

	"quoin.dev/quoin/canonical"
)

// noun is a decoder under test: recode decodes exactly one value and encodes it again.
type noun struct {
	name    string
	recode  func(b []byte) ([]byte, error)
	samples [][]byte
}

// read adapts a decoder that leaves the end to its caller.
func read[T any](f func(r *canonical.Reader) T, encode func(v *T) []byte) func(b []byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		r := canonical.NewReader(b)
		v := f(r)
		if err := r.Done(); err != nil {
			return nil, err
		}
		return encode(&v), nil
	}
}

// decode adapts a decoder of exactly one value.
func decode[T any](f func(b []byte) (T, error), encode func(v *T) []byte) func(b []byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		v, err := f(b)
		if err != nil {
			return nil, err
		}
		return encode(&v), nil
	}
}

func nouns(t testing.TB) []noun {
	signed, unsigned, entry, header := sampleSigned(), sampleUnsigned(), sampleEntry(), sampleHeader()
	certificate, checkpoint, binding, configuration := sampleCertificate(), sampleCheckpoint(), sampleBinding(), sampleConfiguration(t)
	canary := sampleCanary()
	noSigners := Certificate{Checkpoint: checkpoint}
	return []noun{
		{"transaction", decode(DecodeTransaction, func(v *Transaction) []byte { return v.AppendBinary(nil) }),
			[][]byte{signed.AppendBinary(nil), unsigned.AppendBinary(nil)}},
		{"result", read(ReadResult, func(v *Result) []byte { return v.AppendBinary(nil) }),
			[][]byte{entry.Result.AppendBinary(nil)}},
		{"entry", decode(DecodeEntry, func(v *Entry) []byte { return v.AppendBinary(nil) }),
			[][]byte{entry.AppendBinary(nil), (&Entry{Transaction: unsigned}).AppendBinary(nil)}},
		{"header", read(ReadHeader, func(v *Header) []byte { return v.AppendBinary(nil) }),
			[][]byte{header.AppendBinary(nil)}},
		{"block", decode(DecodeBlock, func(v **Block) []byte { return (*v).AppendBinary(nil) }),
			[][]byte{sampleBlock().AppendBinary(nil), NewBlock(Header{View: 1}, nil).AppendBinary(nil)}},
		{"certificate", decode(DecodeCertificate, func(v *Certificate) []byte { return v.AppendBinary(nil) }),
			[][]byte{certificate.AppendBinary(nil), noSigners.AppendBinary(nil)}},
		{"checkpoint", func(b []byte) ([]byte, error) {
			c, err := ParseCheckpoint(string(b))
			return []byte(c.Text()), err
		}, [][]byte{[]byte(checkpoint.Text()), []byte((&Checkpoint{Origin: "x"}).Text())}},
		{"configuration", decode(DecodeConfiguration, func(v *Configuration) []byte { return v.AppendBinary(nil) }),
			[][]byte{configuration.AppendBinary(nil)}},
		{"binding", read(ReadBinding, func(v *Binding) []byte { return v.AppendBinary(nil) }),
			[][]byte{binding.AppendBinary(nil), canary.AppendBinary(nil)}},
		{"parameters", read(ReadParameters, func(v *Parameters) []byte { return v.AppendBinary(nil) }),
			[][]byte{configuration.Parameters.AppendBinary(nil)}},
		{"members", read(ReadMembers, func(v *[]Member) []byte { return AppendMembers(nil, *v) }),
			[][]byte{AppendMembers(nil, sampleMembers()), AppendMembers(nil, nil)}},
		{"policies", read(ReadPolicies, func(v *[]Policy) []byte { return AppendPolicies(nil, *v) }),
			[][]byte{AppendPolicies(nil, samplePolicies()), AppendPolicies(nil, nil)}},
		{"validator set", read(ReadValidatorSet, func(v *ValidatorSet) []byte { return v.AppendBinary(nil) }),
			[][]byte{sampleSet(t).AppendBinary(nil)}},
		{"bitmap", read(ReadBitmap, func(v *Bitmap) []byte { return canonical.AppendBytes8(nil, *v) }),
			[][]byte{{0}, {2, 0x0b, 0x80}}},
		{"signers", func(b []byte) ([]byte, error) {
			r := canonical.NewReader(b)
			signers, signatures := ReadSigners(r)
			return AppendSigners(nil, signers, signatures), r.Done()
		}, [][]byte{AppendSigners(nil, certificate.Signers, certificate.Signatures)}},
	}
}

func fuzzNoun(f *testing.F, name string) {
	for _, n := range nouns(f) {
		if n.name != name {
			continue
		}
		for _, s := range n.samples {
			f.Add(s)
			f.Add(s[:len(s)/2])
		}
		f.Add([]byte{})
		f.Add(bytes.Repeat([]byte{0xff}, 300))
		f.Fuzz(func(t *testing.T, b []byte) {
			before := bytes.Clone(b)
			again, err := n.recode(b)
			if err == nil && !bytes.Equal(again, b) {
				t.Errorf("%x is accepted and encoded as %x", b, again)
			}
			if !bytes.Equal(b, before) {
				t.Error("decoding changed the input")
			}
		})
		return
	}
	f.Fatalf("no noun %q", name)
}

func FuzzTransaction(f *testing.F)   { fuzzNoun(f, "transaction") }
func FuzzResult(f *testing.F)        { fuzzNoun(f, "result") }
func FuzzEntry(f *testing.F)         { fuzzNoun(f, "entry") }
func FuzzHeader(f *testing.F)        { fuzzNoun(f, "header") }
func FuzzBlock(f *testing.F)         { fuzzNoun(f, "block") }
func FuzzCertificate(f *testing.F)   { fuzzNoun(f, "certificate") }
func FuzzCheckpoint(f *testing.F)    { fuzzNoun(f, "checkpoint") }
func FuzzConfiguration(f *testing.F) { fuzzNoun(f, "configuration") }
func FuzzBinding(f *testing.F)       { fuzzNoun(f, "binding") }
func FuzzParameters(f *testing.F)    { fuzzNoun(f, "parameters") }
func FuzzMembers(f *testing.F)       { fuzzNoun(f, "members") }
func FuzzPolicies(f *testing.F)      { fuzzNoun(f, "policies") }
func FuzzValidatorSet(f *testing.F)  { fuzzNoun(f, "validator set") }
func FuzzBitmap(f *testing.F)        { fuzzNoun(f, "bitmap") }
func FuzzSigners(f *testing.F)       { fuzzNoun(f, "signers") }

// FuzzGenesis: whatever file is accepted passes Check, and the file that we write of it means the
// same and is written the same again.
func FuzzGenesis(f *testing.F) {
	for _, g := range []*Genesis{sampleGenesis(f), testGenesis(f)} {
		b, err := json.Marshal(g)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`null`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"network":"x","chain":"y","validators":[{"name":"a","key":"","weight":1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var g Genesis
		if json.Unmarshal(b, &g) != nil {
			return
		}
		if err := g.Check(); err != nil {
			t.Fatalf("accepted, and Check says %v", err)
		}
		file, err := json.Marshal(&g)
		if err != nil {
			t.Fatal(err)
		}
		var back Genesis
		if err := json.Unmarshal(file, &back); err != nil {
			t.Fatalf("our own file is refused: %v", err)
		}
		again, err := json.Marshal(&back)
		if err != nil || !bytes.Equal(again, file) || back.Hash() != g.Hash() {
			t.Errorf("the genesis changed in a round trip: %v", err)
		}
		c, err := DecodeConfiguration(g.Configuration.AppendBinary(nil))
		if err != nil || c.Digest() != g.Configuration.Digest() {
			t.Errorf("its configuration does not come back: %v", err)
		}
	})
}
