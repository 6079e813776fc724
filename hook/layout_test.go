package hook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// sampleLeader returns a request with n validators and a window of m blocks.
func sampleLeader(n, m int) *LeaderRequest {
	r := &LeaderRequest{Epoch: 3, View: 200, ParentHeight: 1000, ParentView: 198, Params: []byte("params")}
	for i := range r.Seed {
		r.Seed[i] = byte(i)
	}
	for i := range n {
		v := Validator{Weight: uint64(100 + i)}
		v.Key[0], v.Key[1], v.Key[31] = byte(i), byte(i>>8), 0xee
		r.Validators = append(r.Validators, v)
	}
	view := r.ParentView
	for i := range m {
		b := WindowBlock{Height: r.ParentHeight - uint64(i), View: view, ViewGap: uint64(i % 3), Proposer: uint32(i % n), Voters: NewBitmap(n)}
		for k := range n {
			if (k+i)%3 != 0 {
				b.Voters.Set(k)
			}
		}
		view -= b.ViewGap + 1
		r.Window = append(r.Window, b)
	}
	return r
}

func sampleApply() *ApplyRequest {
	return &ApplyRequest{Height: 7, Time: 1_700_000_000_123, Index: 2, Transaction: [32]byte{1, 2}, Sender: [32]byte{3, 31: 4},
		Payload: []byte("payload"), Params: []byte("pp")}
}

func samples(t testing.TB) map[string][]byte {
	all := map[string][]byte{}
	add := func(name string, b []byte, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = b
	}
	b, err := sampleLeader(4, 3).Append(nil)
	add("leader.v1.request", b, err)
	b, err = sampleLeader(70, 64).Append(nil)
	add("leader.v1.request.large", b, err)
	b, err = (&LeaderResponse{Proposer: 0x01020304}).Append(nil)
	add("leader.v1.response", b, err)
	b, err = sampleApply().Append(nil)
	add("machine.v1.apply.request", b, err)
	b, err = (&ApplyResponse{Code: 9, Output: []byte("out")}).Append(nil)
	add("machine.v1.apply.response", b, err)
	b, err = (&MigrateRequest{Height: 8, Time: 5, From: [32]byte{6, 31: 7}, Params: []byte("p")}).Append(nil)
	add("machine.v1.migrate.request", b, err)
	b, err = (&MigrateResponse{Code: 0x01020304}).Append(nil)
	add("machine.v1.migrate.response", b, err)
	b, err = (&QueryRequest{Height: 8, Time: 5, Payload: []byte("key"), Params: []byte("p")}).Append(nil)
	add("machine.v1.query.request", b, err)
	b, err = (&QueryResponse{Code: 1, Output: []byte("answer")}).Append(nil)
	add("machine.v1.query.response", b, err)
	b, err = (&ValidationRequest{Height: 7, Time: 1_700_000_000_123, Transaction: [32]byte{1, 2}, Sender: [32]byte{3, 31: 4},
		Payload: []byte("payload"), Params: []byte("pp")}).Append(nil)
	add("validation.v1.validate.request", b, err)
	b, err = (&ValidationResponse{Code: 0x01020304}).Append(nil)
	add("validation.v1.validate.response", b, err)
	b, err = (&FinalityRequest{Transactions: 2, Bytes: 3, Proposer: 4, Validators: 5, Height: 6, Time: 1_700_000_000_123,
		ParentTime: 1_700_000_000_000, Epoch: 7, View: 8, ViewGap: 9, Params: []byte("params")}).Append(nil)
	add("finality.v1.request", b, err)
	b, err = (&FinalityResponse{Blocks: 0x01020304, Milliseconds: 5}).Append(nil)
	add("finality.v1.response", b, err)
	b, err = samplePacemaker(3).Append(nil)
	add("pacemaker.v1.request", b, err)
	b, err = (&PacemakerResponse{TimeoutMS: 0x0102030405060708}).Append(nil)
	add("pacemaker.v1.response", b, err)
	b, err = (&PriorityRequest{Pending: 1, Capacity: 2, Local: true, Height: 3, Expiry: 4, Transaction: [32]byte{5}, Sender: [32]byte{31: 6},
		Namespace: []byte("bank"), Payload: []byte("payload"), Params: []byte("pp")}).Append(nil)
	add("priority.v1.request", b, err)
	b, err = (&PriorityResponse{Priority: 0x0102030405060708}).Append(nil)
	add("priority.v1.response", b, err)
	return all
}

func samplePacemaker(window int) *PacemakerRequest {
	r := &PacemakerRequest{Validators: 4, Self: 1, View: 100, CertifiedView: 98, BaseMS: 500, MaxMS: 30_000, BuiltinMS: 1_000, Params: []byte("p")}
	for i := range window {
		r.Window = append(r.Window, PacemakerView{View: uint64(99 - 2*i), MS: uint32(10 + i), Notarized: i%2 == 0})
	}
	return r
}

// golden compares with the file, or writes it under -rewrite.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; published layouts never change.\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestGoldenLayouts(t *testing.T) {
	for _, h := range All() {
		for _, o := range h.Operations {
			golden(t, o.Name+".layout", o.Request.String()+"\n"+o.Response.String())
		}
	}
}

// The layouts on the hooks' pages are those of the code.
func TestContractPages(t *testing.T) {
	const mark = "<!-- generated: go test ./hook -run TestContractPages -rewrite -->\n"
	for _, h := range All() {
		name, _, _ := strings.Cut(h.Name, ".")
		path := filepath.Join("..", "docs", "hooks", name+".md")
		page, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s has no page: %v", h.Name, err)
			continue
		}
		head, _, ok := strings.Cut(string(page), mark)
		if !ok {
			t.Errorf("%s has no line %q", path, mark)
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s%s\n## Layouts\n\nMost fuel of a call: %d. Class %s. Exports:\n\n", head, mark, h.FuelMax, h.Class)
		for _, o := range h.Operations {
			if !o.Batch && o.Optional {
				fmt.Fprintf(&b, "- `%s`, optional, with the fuel of %d calls\n", o.Name, o.Calls)
			} else if o.Batch {
				fmt.Fprintf(&b, "- `%s`, optional: the same messages, many in one call\n", o.Name)
			} else {
				fmt.Fprintf(&b, "- `%s`\n", o.Name)
			}
		}
		for _, o := range h.Operations {
			if !o.Batch {
				fmt.Fprintf(&b, "\n```text\n%s\n%s```\n", o.Request.String(), o.Response.String())
			}
		}
		if *rewrite {
			if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if b.String() != string(page) {
			t.Errorf("%s is not what the code says; run: go test ./hook -run TestContractPages -rewrite", path)
		}
	}
}

func TestGoldenBytes(t *testing.T) {
	for name, b := range samples(t) {
		text := hex.Dump(b)
		if len(b) > 1024 {
			sum := sha256.Sum256(b)
			text = "sha256 " + hex.EncodeToString(sum[:]) + "\n"
		}
		golden(t, name+".bytes", text)
	}
}

// decoders decode by the beginning of a sample's name and encode what they understood.
var decoders = []struct {
	name   string
	decode func([]byte) ([]byte, error)
}{
	{"leader.v1.request", again(Lead.decodeRequest, Lead.encodeRequest)},
	{"leader.v1.response", again(Lead.decodeResponse, Lead.encodeResponse)},
	{"machine.v1.apply.request", again(Apply.decodeRequest, Apply.encodeRequest)},
	{"machine.v1.apply.response", again(Apply.decodeResponse, Apply.encodeResponse)},
	{"machine.v1.migrate.request", again(Migrate.decodeRequest, Migrate.encodeRequest)},
	{"machine.v1.migrate.response", again(Migrate.decodeResponse, Migrate.encodeResponse)},
	{"machine.v1.query.request", again(Query.decodeRequest, Query.encodeRequest)},
	{"machine.v1.query.response", again(Query.decodeResponse, Query.encodeResponse)},
	{"validation.v1.validate.request", again(Validate.decodeRequest, Validate.encodeRequest)},
	{"validation.v1.validate.response", again(Validate.decodeResponse, Validate.encodeResponse)},
	{"finality.v1.request", again(Delay.decodeRequest, Delay.encodeRequest)},
	{"finality.v1.response", again(Delay.decodeResponse, Delay.encodeResponse)},
	{"pacemaker.v1.request", again(Timeout.decodeRequest, Timeout.encodeRequest)},
	{"pacemaker.v1.response", again(Timeout.decodeResponse, Timeout.encodeResponse)},
	{"priority.v1.request", again(Prioritize.decodeRequest, Prioritize.encodeRequest)},
	{"priority.v1.response", again(Prioritize.decodeResponse, Prioritize.encodeResponse)},
}

func decodeAny(name string, b []byte) ([]byte, error) {
	for _, d := range decoders {
		if strings.HasPrefix(name, d.name) {
			return d.decode(b)
		}
	}
	panic("no decoder for " + name)
}

func again[T any](decode func([]byte, *T) error, encode func([]byte, *T) ([]byte, error)) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		var m T
		if err := decode(b, &m); err != nil {
			return nil, err
		}
		out, err := encode(nil, &m)
		if err != nil {
			panic("decoded message cannot be encoded: " + err.Error())
		}
		return out, nil
	}
}

func TestRoundTrip(t *testing.T) {
	for name, b := range samples(t) {
		got, err := decodeAny(name, b)
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: %v", name, err)
		}
		for cut := range b {
			if out, err := decodeAny(name, b[:cut]); err == nil && !bytes.Equal(out, b[:cut]) {
				t.Fatalf("%s: %d bytes accepted as another message", name, cut)
			}
		}
	}
	for _, n := range []int{1, 63, 64, 65, 128, ValidatorsMax} {
		r := sampleLeader(n, WindowMax)
		r.Params = make([]byte, ParamsMax)
		b, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got LeaderRequest
		if r.Size() != len(b) {
			t.Errorf("Size says %d of %d bytes", r.Size(), len(b))
		}
		if err := got.Decode(b); err != nil || !reflect.DeepEqual(&got, r) {
			t.Fatalf("%d validators: %v", n, err)
		}
		if n == ValidatorsMax && len(b) != Lead.Request.Max {
			t.Errorf("the longest request has %d bytes, the layout says %d", len(b), Lead.Request.Max)
		}
	}
}

// Every field of the layout with a fixed offset is where the layout says.
func TestFieldOffsets(t *testing.T) {
	encode := func(change func(*LeaderRequest)) []byte {
		r := sampleLeader(4, 2)
		change(r)
		b, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	plain := encode(func(*LeaderRequest) {})
	const stride = 40
	block := func(j int) int { return 80 + 40*4 + stride*j }
	for _, c := range []struct {
		offset, size int
		change       func(*LeaderRequest)
	}{
		{16, 32, func(r *LeaderRequest) { r.Seed[0]++ }},
		{48, 8, func(r *LeaderRequest) { r.Epoch++ }},
		{56, 8, func(r *LeaderRequest) { r.View++ }},
		{80 + 40*2, 8, func(r *LeaderRequest) { r.Validators[2].Weight++ }},
		{88 + 40*3, 32, func(r *LeaderRequest) { r.Validators[3].Key[0]++ }},
		{block(1), 8, func(r *LeaderRequest) { r.Window[1].Height-- }},
		{block(1) + 16, 8, func(r *LeaderRequest) { r.Window[1].ViewGap++ }},
		{block(1) + 24, 4, func(r *LeaderRequest) { r.Window[1].Proposer++ }},
		{block(1) + 32, 8, func(r *LeaderRequest) { r.Window[1].Voters[0] ^= 1 }},
		{block(2), 6, func(r *LeaderRequest) { r.Params[5]++ }},
	} {
		b := encode(c.change)
		for i := range b {
			if inside := i >= c.offset && i < c.offset+c.size; b[i] != plain[i] && !inside {
				t.Errorf("field at %d: byte %d changed", c.offset, i)
			}
		}
		if bytes.Equal(b[c.offset:c.offset+c.size], plain[c.offset:c.offset+c.size]) {
			t.Errorf("field at %d did not change", c.offset)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, spoil := range map[string]func(*LeaderRequest){
		"no validators":      func(r *LeaderRequest) { r.Validators, r.Window = nil, nil },
		"too many":           func(r *LeaderRequest) { r.Validators = make([]Validator, ValidatorsMax+1) },
		"zero weight":        func(r *LeaderRequest) { r.Validators[1].Weight = 0 },
		"heavy":              func(r *LeaderRequest) { r.Validators[0].Weight, r.Validators[1].Weight = 1<<63, 1<<63 },
		"long window":        func(r *LeaderRequest) { *r = *sampleLeader(4, 65) },
		"long params":        func(r *LeaderRequest) { r.Params = make([]byte, ParamsMax+1) },
		"view zero":          func(r *LeaderRequest) { r.View, r.ParentView, r.Window = 0, 0, nil },
		"parent not below":   func(r *LeaderRequest) { r.View = r.ParentView },
		"not the parent":     func(r *LeaderRequest) { r.ParentHeight++ },
		"proposer range":     func(r *LeaderRequest) { r.Window[0].Proposer = 4 },
		"voter beyond":       func(r *LeaderRequest) { r.Window[0].Voters[0] |= 1 << 4 },
		"bitmap too long":    func(r *LeaderRequest) { r.Window[0].Voters = make(Bitmap, 2) },
		"gap does not match": func(r *LeaderRequest) { r.Window[0].ViewGap++ },
		"heights rise":       func(r *LeaderRequest) { r.Window[1].Height = r.Window[0].Height + 1 },
		"gap beyond view":    func(r *LeaderRequest) { r.Window[2].ViewGap = r.Window[2].View },
	} {
		r := sampleLeader(4, 3)
		spoil(r)
		if _, err := r.Append(nil); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: Append gave %v", name, err)
		}
	}
	good, _ := sampleLeader(4, 3).Append(nil)
	for name, spoil := range map[string]func(b []byte) []byte{
		"trailing byte": func(b []byte) []byte { return append(b, 0) },
		"reserved":      func(b []byte) []byte { b[80+160+28] = 1; return b },
		"stride":        func(b []byte) []byte { b[12] = 48; return b },
		"huge counts":   func(b []byte) []byte { copy(b, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"); return b },
	} {
		var r LeaderRequest
		var d *DecodeError
		if err := r.Decode(spoil(bytes.Clone(good))); !errors.As(err, &d) {
			t.Errorf("%s: Decode gave %v", name, err)
		}
	}
	for name, m := range map[string]interface{ Append([]byte) ([]byte, error) }{
		"payload":      &ApplyRequest{Payload: make([]byte, PayloadMax+1)},
		"migration":    &MigrateRequest{Params: make([]byte, ParamsMax+1)},
		"params":       &QueryRequest{Params: make([]byte, ParamsMax+1)},
		"apply output": &ApplyResponse{Output: make([]byte, ApplyOutputMax+1)},
		"query output": &QueryResponse{Output: make([]byte, QueryOutputMax+1)},
	} {
		if _, err := m.Append(nil); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: Append gave %v", name, err)
		}
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range All() {
		if got, ok := Find(h.Name); !ok || got.Class != h.Class {
			t.Errorf("%s is not found", h.Name)
		}
		for _, o := range h.Operations {
			if o.Hook != h.Name || seen[o.Name] {
				t.Errorf("%s: wrong hook or a name used twice", o.Name)
			}
			seen[o.Name] = true
			if got, ok := FindOperation(o.Name); !ok || got.Request.Name != o.Request.Name {
				t.Errorf("%s is not found", o.Name)
			}
		}
	}
	for _, name := range []string{"leader.v1", "machine.v1.apply", "machine.v1.apply_batch", "machine.v1.query", "validation.v1.validate",
		"validation.v1.validate_batch", "finality.v1", "pacemaker.v1", "priority.v1"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
	if _, ok := FindOperation("machine.v1"); ok {
		t.Error("a hook's name is no operation's when the hook has several")
	}
}

func TestRefusalsOfNewerHooks(t *testing.T) {
	for name, m := range map[string]interface{ Append([]byte) ([]byte, error) }{
		"validation payload":  &ValidationRequest{Payload: make([]byte, PayloadMax+1)},
		"finality params":     &FinalityRequest{Params: make([]byte, ParamsMax+1)},
		"pacemaker window":    samplePacemaker(PacemakerWindowMax + 1),
		"pacemaker certified": &PacemakerRequest{View: 3, CertifiedView: 3},
		"pacemaker order":     &PacemakerRequest{View: 3, Window: []PacemakerView{{View: 1}, {View: 2}}},
		"priority namespace":  &PriorityRequest{Namespace: make([]byte, NamespaceMax+1)},
		"priority params":     &PriorityRequest{Params: make([]byte, ParamsMax+1)},
	} {
		if _, err := m.Append(nil); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: Append gave %v", name, err)
		}
	}
	all := samples(t)
	for name, spoil := range map[string]func(b []byte){
		"finality.v1.request":  func(b []byte) { b[12] = 1 },
		"pacemaker.v1.request": func(b []byte) { b[56+12] = 2 },
		"priority.v1.request":  func(b []byte) { b[12] = 2 },
	} {
		b := bytes.Clone(all[name])
		spoil(b)
		var d *DecodeError
		if _, err := decodeAny(name, b); !errors.As(err, &d) {
			t.Errorf("%s: Decode gave %v", name, err)
		}
	}
}

// What the host makes of answers beyond their bounds.
func TestBounded(t *testing.T) {
	for _, c := range []struct{ in, want FinalityResponse }{
		{FinalityResponse{}, FinalityResponse{}},
		{FinalityResponse{0, 5}, FinalityResponse{0, 5}},
		{FinalityResponse{3, 0}, FinalityResponse{3, FinalityMSMax}},
		{FinalityResponse{1 << 31, 1 << 31}, FinalityResponse{FinalityBlocksMax, FinalityMSMax}},
	} {
		if got := c.in.Bounded(); got != c.want {
			t.Errorf("%v became %v, want %v", c.in, got, c.want)
		}
	}
	for _, c := range []struct{ builtin, most, answer, want uint64 }{
		{1000, 30_000, 1000, 1000},
		{1000, 30_000, 0, 250},
		{1000, 30_000, 1 << 63, 4000},
		{16_000, 30_000, 1 << 63, 30_000},
		{30_000, 30_000, 0, 7500},
		{1, 1, 0, 1},
		{1 << 63, 1 << 63, 1<<64 - 1, 1 << 63},
	} {
		q := &PacemakerRequest{BuiltinMS: c.builtin, MaxMS: c.most}
		if got := (PacemakerResponse{c.answer}).Bounded(q); got != c.want {
			t.Errorf("%d beside %d of at most %d became %d, want %d", c.answer, c.builtin, c.most, got, c.want)
		}
	}
}

func TestAncestor(t *testing.T) {
	a := Ancestor{Height: 1, Time: 2, Epoch: 3, View: 4, Size: 5, Block: [32]byte{6}, State: [32]byte{7}, Ledger: [32]byte{31: 8}}
	b := a.Append(nil)
	golden(t, "ancestor.bytes", hex.Dump(b))
	var got Ancestor
	if len(b) != AncestorBytes || got.Decode(b) != nil || got != a {
		t.Errorf("%x became %v", b, got)
	}
	if got.Decode(b[1:]) == nil {
		t.Error("a short one is accepted")
	}
}

func TestFaultNames(t *testing.T) {
	var b strings.Builder
	for f := FaultNone; f.Valid(); f++ {
		b.WriteString(f.String() + "\n")
	}
	golden(t, "faults", b.String())
}

func FuzzDecode(f *testing.F) {
	all := samples(f)
	for i, d := range decoders {
		f.Add(byte(i), all[d.name])
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		d := decoders[int(which)%len(decoders)]
		if out, err := d.decode(b); err == nil && !bytes.Equal(out, b) {
			t.Fatalf("%s: accepted a second encoding of\n%x:\n%x", d.name, out, b)
		}
	})
}

func BenchmarkLeaderRequest(b *testing.B) {
	r := sampleLeader(20, 20)
	var buf []byte
	buf, _ = r.Append(buf[:0])
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf, _ = r.Append(buf[:0])
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		var got LeaderRequest
		for b.Loop() {
			if err := got.Decode(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}
