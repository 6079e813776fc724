package quoin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/canonical"
)

func TestTransactionLimits(t *testing.T) {
	largest := sampleSigned()
	largest.Namespace = strings.Repeat("n", NamespaceMax)
	largest.Payload = make([]byte, PayloadMax)
	entry := Entry{Transaction: largest, Result: Result{Output: make([]byte, ResultOutputMax)}}
	if n := len(largest.AppendBinary(nil)); n != TransactionBytesMax || n != largest.Size() {
		t.Errorf("the largest transaction has %d bytes, Size %d, limit %d", n, largest.Size(), TransactionBytesMax)
	}
	wire := entry.AppendBinary(nil)
	if len(wire) != EntryBytesMax {
		t.Errorf("the largest entry has %d bytes, limit %d", len(wire), EntryBytesMax)
	}
	if EntryBytesMax > math.MaxUint16 {
		t.Error("an entry's length does not fit into the two bytes that entry bundles of tlog-tiles give it")
	}
	if _, err := DecodeEntry(wire); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(e *Entry){
		"payload":             func(e *Entry) { e.Transaction.Payload = make([]byte, PayloadMax+1) },
		"namespace":           func(e *Entry) { e.Transaction.Namespace += "n" },
		"no namespace":        func(e *Entry) { e.Transaction.Namespace = "" },
		"upper-case":          func(e *Entry) { e.Transaction.Namespace = "KV" },
		"output":              func(e *Entry) { e.Result.Output = make([]byte, ResultOutputMax+1) },
		"newline in a name":   func(e *Entry) { e.Transaction.Namespace = "k\nv" },
		"non-ASCII in a name": func(e *Entry) { e.Transaction.Namespace = "kä" },
	} {
		e := entry
		change(&e)
		if _, err := DecodeEntry(e.AppendBinary(nil)); !errors.Is(err, canonical.ErrMalformed) {
			t.Errorf("%s beyond its limit: %v", name, err)
		}
		if name != "output" && !errors.Is(e.Transaction.Check(), ErrTransaction) {
			t.Errorf("%s beyond its limit, and Check says nothing", name)
		}
	}
	stray := sampleUnsigned()
	stray.Signature[0] = 1
	if !errors.Is(stray.Check(), ErrTransaction) {
		t.Error("a signature without a sender passes Check")
	}
	if largest.Check() != nil || !largest.Signed() || largest.Kernel() {
		t.Error("the largest transaction is refused")
	}
	nobody := sampleSigned().AppendBinaryForNobody()
	if _, err := DecodeTransaction(nobody); err == nil {
		t.Error("signed by nobody, and accepted")
	}
	two := sampleUnsigned()
	b := two.AppendBinary(nil)
	b[0] = 2
	if _, err := DecodeTransaction(b); err == nil {
		t.Error("a transaction of kind 2 is accepted")
	}
}

// AppendBinaryForNobody encodes t as signed, with the zero key as its sender.
func (t Transaction) AppendBinaryForNobody() []byte {
	b := t.AppendBinary(nil)
	copy(b[1:33], make([]byte, 32))
	return b
}

func TestTransactionID(t *testing.T) {
	a := sampleSigned()
	id := a.ID(OriginID{1})
	b := a
	b.Signature[5]++
	if b.ID(OriginID{1}) != id {
		t.Error("the id depends on the signature")
	}
	if a.ID(OriginID{2}) == id {
		t.Error("the id does not depend on the chain")
	}
	for name, change := range map[string]func(t *Transaction){
		"sender": func(t *Transaction) { t.Sender[0]++ }, "salt": func(t *Transaction) { t.Salt++ }, "expiry": func(t *Transaction) { t.Expiry++ },
		"namespace": func(t *Transaction) { t.Namespace = "banc" }, "payload": func(t *Transaction) { t.Payload = t.Payload[1:] },
		"no sender": func(t *Transaction) { t.Sender = PublicKey{} },
	} {
		c := a
		change(&c)
		if c.ID(OriginID{1}) == id {
			t.Errorf("the id does not depend on the %s", name)
		}
	}
}

func TestBlockLimits(t *testing.T) {
	many := make([]Transaction, BlockTransactionsMax+1)
	for i := range many {
		many[i] = Transaction{Salt: uint64(i), Namespace: "a"}
	}
	if b, err := DecodeBlock(NewBlock(Header{View: 1}, many[1:]).AppendBinary(nil)); err != nil || len(b.Transactions()) != BlockTransactionsMax {
		t.Errorf("the most transactions: %v", err)
	}
	if _, err := DecodeBlock(NewBlock(Header{View: 1}, many).AppendBinary(nil)); !errors.Is(err, canonical.ErrMalformed) {
		t.Errorf("one transaction too many: %v", err)
	}
	large := make([]Transaction, BlockBodyBytesMax/PayloadMax+1)
	for i := range large {
		large[i] = Transaction{Salt: uint64(i), Namespace: "a", Payload: make([]byte, PayloadMax)}
	}
	if _, err := DecodeBlock(NewBlock(Header{View: 1}, large).AppendBinary(nil)); !errors.Is(err, canonical.ErrMalformed) {
		t.Errorf("a body too large: %v", err)
	}
	voters := Bitmap(bytes.Repeat([]byte{0xff}, ValidatorsMax/8))
	full := NewBlock(Header{View: 2, ParentView: 1, ParentVoters: voters}, nil)
	if n := len(full.Header().AppendBinary(nil)); n != HeaderBytesMax {
		t.Errorf("the largest header has %d bytes, limit %d", n, HeaderBytesMax)
	}
	if _, err := DecodeBlock(full.AppendBinary(nil)); err != nil || full.Size() != HeaderBytesMax+4 {
		t.Errorf("a block with the largest header: %d bytes, %v", full.Size(), err)
	}
	for name, h := range map[string]Header{
		"view not after the parent's": {View: 3, ParentView: 3},
		"view 0":                      {},
		"voters beyond the limit":     {View: 1, ParentVoters: append(slices.Clone(voters), 1)},
		"voters with a zero byte":     {View: 1, ParentVoters: Bitmap{1, 0}},
	} {
		if _, err := DecodeBlock(NewBlock(h, nil).AppendBinary(nil)); !errors.Is(err, canonical.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A header that claims more or fewer transactions than the body has.
	wire := sampleBlock().AppendBinary(nil)
	for _, n := range []byte{0, 1, 3, 255} {
		at := HeaderBytesMax - ValidatorsMax/8 + 2 - 32 - 1
		if wire[at] != 2 {
			t.Fatal("the count is not where this test thinks")
		}
		b := bytes.Clone(wire)
		b[at] = n
		if _, err := DecodeBlock(b); !errors.Is(err, canonical.ErrMalformed) {
			t.Errorf("a header that counts %d of 2: %v", n, err)
		}
	}
}

func TestValidatorSetLimits(t *testing.T) {
	members := func(n int) []Validator {
		m := make([]Validator, n)
		for i := range m {
			m[i] = Validator{Name: fmt.Sprint("v", i), Key: PublicKey{1, byte(i >> 8), byte(i)}, Weight: TotalWeightMax / ValidatorsMax}
		}
		return m
	}
	full, err := NewValidatorSet(members(ValidatorsMax))
	if err != nil || full.Total() != TotalWeightMax {
		t.Fatalf("the largest set: %v", err)
	}
	r := canonical.NewReader(full.AppendBinary(nil))
	if back := ReadValidatorSet(r); r.Done() != nil || back.Len() != ValidatorsMax || back.Total() != full.Total() {
		t.Errorf("the largest set does not come back: %v", r.Done())
	}
	for name, m := range map[string][]Validator{
		"empty":             nil,
		"one too many":      members(ValidatorsMax + 1),
		"no weight":         {{"a", PublicKey{1}, 0}},
		"weight":            {{"a", PublicKey{1}, TotalWeightMax + 1}},
		"sum of weights":    {{"a", PublicKey{1}, TotalWeightMax}, {"b", PublicKey{2}, 1}},
		"weights that wrap": {{"a", PublicKey{1}, math.MaxUint64}, {"b", PublicKey{2}, 2}},
		"key twice":         {{"a", PublicKey{1}, 1}, {"b", PublicKey{1}, 1}},
		"name twice":        {{"a", PublicKey{1}, 1}, {"a", PublicKey{2}, 1}},
		"no key":            {{"a", PublicKey{}, 1}},
		"no name":           {{"", PublicKey{1}, 1}},
		"long name":         {{strings.Repeat("a", ValidatorNameMax+1), PublicKey{1}, 1}},
		"space in a name":   {{"a b", PublicKey{1}, 1}},
		"plus in a name":    {{"a+b", PublicKey{1}, 1}},
	} {
		if _, err := NewValidatorSet(m); !errors.Is(err, ErrValidatorSet) {
			t.Errorf("%s: %v", name, err)
		}
	}
	two := members(2)
	two[0], two[1] = two[1], two[0]
	r = canonical.NewReader(ValidatorSet{members: two}.AppendBinary(nil))
	if ReadValidatorSet(r); r.Done() == nil {
		t.Error("a set out of order is accepted")
	}
	var none ValidatorSet
	if none.IsQuorum(0) || none.FaultBound() != 0 || none.QuorumCount() != 1 {
		t.Error("something is a quorum of the empty set")
	}
	if full.IsQuorum(full.Total()+1) || full.IsQuorum(math.MaxUint64) || !full.IsQuorum(full.Total()) {
		t.Error("a weight above the total is a quorum")
	}
	for i, v := range full.All() {
		if j, ok := full.Index(v.Key); !ok || j != i {
			t.Errorf("index of %s is %d", v.Name, j)
		}
	}
	if _, ok := full.Index(PublicKey{9}); ok {
		t.Error("a stranger has an index")
	}
}

// TestQuorumsIntersect checks what the protocol's safety rests on, over all small sets: two quorums
// share more than f, what is left without f is a quorum, and q of n are one whatever their weights.
func TestQuorumsIntersect(t *testing.T) {
	for total := uint64(1); total < 200; total++ {
		set := testSet(t, total)
		f := set.FaultBound()
		for w := uint64(0); w <= total; w++ {
			if set.IsQuorum(w) && 2*w-total <= f {
				t.Errorf("two quorums of %d of %d may share only %d, f is %d", w, total, 2*w-total, f)
			}
		}
		if !set.IsQuorum(total - f) {
			t.Errorf("without f = %d, %d is no quorum", f, total)
		}
	}
	for a := uint64(1); a < 6; a++ {
		for b := uint64(1); b < 6; b++ {
			for c := uint64(1); c < 6; c++ {
				set := testSet(t, a, b, c, 2)
				q := set.QuorumCount()
				for subset := range 16 {
					var members Bitmap
					for i := range 4 {
						if subset>>i&1 == 1 {
							members = members.With(i)
						}
					}
					if members.Count() >= q && !set.IsQuorum(set.Weight(members)) {
						t.Errorf("weights %d %d %d 2: %d members are no quorum, QuorumCount is %d", a, b, c, members.Count(), q)
					}
				}
			}
		}
	}
}

func TestBitmap(t *testing.T) {
	var b Bitmap
	for _, i := range []int{200, 3, 0, 255, 3} {
		before := b
		b = b.With(i)
		if !b.Has(i) || before != nil && &before[0] == &b[0] {
			t.Errorf("With(%d)", i)
		}
	}
	if got := slices.Collect(b.All()); !slices.Equal(got, []int{0, 3, 200, 255}) || b.Count() != 4 {
		t.Errorf("members %v, count %d", got, b.Count())
	}
	for i := range b.All() {
		if i == 3 {
			break
		}
	}
	if b.Has(-1) || b.Has(256) || b.Has(1) || Bitmap(nil).Has(0) {
		t.Error("a stranger is a member")
	}
	if set := testSet(t, 1, 2); set.Weight(b) != 1 {
		t.Error("a member beyond the set has a weight")
	}
}

func TestCheckpointLimits(t *testing.T) {
	long := sampleCheckpoint()
	long.Origin = Origin(strings.Repeat("o", OriginMax))
	long.Size, long.Epoch, long.Height, long.View, long.Time = math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64
	if n := len(long.Text()); n > CheckpointTextMax {
		t.Errorf("the longest text has %d bytes, limit %d", n, CheckpointTextMax)
	}
	if back, err := ParseCheckpoint(long.Text()); err != nil || back != long {
		t.Errorf("the longest text: %v", err)
	}
	genesis := sampleGenesis(t)
	genesis.Network, genesis.Chain = strings.Repeat("n", NamespaceMax), strings.Repeat("c", NamespaceMax)
	if n := len(genesis.Origin()); n > OriginMax {
		t.Errorf("the longest origin has %d bytes, limit %d", n, OriginMax)
	}
	long.Origin += "o"
	if _, err := ParseCheckpoint(long.Text()); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("an origin beyond its limit: %v", err)
	}
	good := sampleCheckpoint()
	text := good.Text()
	for name, bad := range map[string]string{
		"no origin":          strings.TrimPrefix(text, string(good.Origin)),
		"zero before size":   strings.Replace(text, "\n123456\n", "\n0123456\n", 1),
		"plus before size":   strings.Replace(text, "\n123456\n", "\n+123456\n", 1),
		"size above 64 bits": strings.Replace(text, "\n123456\n", "\n18446744073709551616\n", 1),
		"upper-case hash":    strings.Replace(text, "9a", "9A", 1),
		"carriage return":    strings.Replace(text, "\nepoch", "\r\nepoch", 1),
		"two spaces":         strings.Replace(text, "epoch 3", "epoch  3", 1),
		"line twice":         strings.Replace(text, "epoch 3\n", "epoch 3\nepoch 3\n", 1),
		"line missing":       strings.Replace(text, "epoch 3\n", "", 1),
		"lines swapped":      strings.Replace(text, "epoch 3\nheight 3085", "height 3085\nepoch 3", 1),
		"padding bits":       strings.Replace(text, "=\n", "\n", 1),
		"a line more":        text + "more\n",
		"no last newline":    strings.TrimSuffix(text, "\n"),
		"long":               text + strings.Repeat("x", CheckpointTextMax),
	} {
		if bad == text {
			t.Fatalf("%s: the text is the same", name)
		}
		if _, err := ParseCheckpoint(bad); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	root := good.Ledger
	root[31] = 0xff
	good.Ledger = root
	lines := strings.Split(good.Text(), "\n")
	lines[2] = strings.Replace(lines[2], "8=", "9=", 1)
	if _, err := ParseCheckpoint(strings.Join(lines, "\n")); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("base64 with stray bits, %q: %v", lines[2], err)
	}
	if good.CosignedSeconds() != 1_700_000_000 || !bytes.HasSuffix(good.CosignedBytes(), []byte(good.Text())) {
		t.Error("what a finalize vote signs is not the text")
	}
}

func TestCertificateTrim(t *testing.T) {
	set := testSet(t, 1, 1, 1, 1, 1, 1, 1)
	var c Certificate
	for i := range 7 {
		c.Signers, c.Signatures = c.Signers.With(i), append(c.Signatures, Signature{byte(i)})
	}
	trimmed := c.Trim(set)
	if trimmed.Signers.Count() != 5 || len(trimmed.Signatures) != 5 || trimmed.Signatures[4] != (Signature{4}) {
		t.Errorf("trimmed to %v", slices.Collect(trimmed.Signers.All()))
	}
	few := Certificate{Signers: Bitmap{3}, Signatures: make([]Signature, 2)}
	if got := few.Trim(set); got.Signers.Count() != 2 {
		t.Error("a certificate without a quorum was changed")
	}
	strange := Certificate{Signers: Bitmap{0xff, 0xff}, Signatures: make([]Signature, 1)}
	strange.Trim(set)
	strange.Trim(ValidatorSet{})
}

func TestConfigurationLimits(t *testing.T) {
	for name, change := range map[string]func(c *Configuration){
		"no validators":      func(c *Configuration) { c.Validators = ValidatorSet{} },
		"hook's name":        func(c *Configuration) { c.Bindings[0].Hook = "Leader" },
		"both":               func(c *Configuration) { c.Bindings[0].Release = Hash{1} },
		"neither":            func(c *Configuration) { c.Bindings[0].Builtin = "" },
		"kernel's namespace": func(c *Configuration) { c.Bindings[1].Namespace = KernelNamespace },
		"parameters":         func(c *Configuration) { c.Bindings[0].Parameters = make([]byte, ParameterBytesMax+1) },
		"twice":              func(c *Configuration) { c.Bindings = append(c.Bindings, c.Bindings[1]) },
		"order":              func(c *Configuration) { c.Bindings[0], c.Bindings[1] = c.Bindings[1], c.Bindings[0] },
		"many bindings": func(c *Configuration) {
			c.Bindings = nil
			for i := range BindingsMax + 1 {
				c.Bindings = append(c.Bindings, Binding{Hook: fmt.Sprintf("h%03d", i), Builtin: "b"})
			}
		},
		"no timeout":               func(c *Configuration) { c.Parameters.TimeoutBaseMS = 0 },
		"timeouts":                 func(c *Configuration) { c.Parameters.TimeoutBaseMS, c.Parameters.TimeoutMaxMS = 2000, 1000 },
		"flag":                     func(c *Configuration) { c.Parameters.UnsignedTransactionsFlag = 2 },
		"block":                    func(c *Configuration) { c.Parameters.BlockMaxBytes = BlockBodyBytesMax + 1 },
		"many members":             func(c *Configuration) { c.Members = make([]Member, AccountsMax+1) },
		"members' order":           func(c *Configuration) { c.Members[0], c.Members[1] = c.Members[1], c.Members[0] },
		"key twice":                func(c *Configuration) { c.Members[1].Key = c.Members[0].Key },
		"member without key":       func(c *Configuration) { c.Members[0].Key = PublicKey{} },
		"member twice":             func(c *Configuration) { c.Members[1].Name = c.Members[0].Name },
		"member's name":            func(c *Configuration) { c.Members[0].Name = "Ann" },
		"organisation":             func(c *Configuration) { c.Members[0].Organisation = "" },
		"no role":                  func(c *Configuration) { c.Members[0].Roles = 0 },
		"unknown role":             func(c *Configuration) { c.Members[0].Roles |= 1 << 4 },
		"many policies":            func(c *Configuration) { c.Policies = make([]Policy, PoliciesMax+1) },
		"policies' order":          func(c *Configuration) { c.Policies[0], c.Policies[1] = c.Policies[1], c.Policies[0] },
		"policy twice":             func(c *Configuration) { c.Policies[1].Step = c.Policies[0].Step },
		"class":                    func(c *Configuration) { c.Policies[2].Class = 'F' },
		"step":                     func(c *Configuration) { c.Policies[0].Step = "" },
		"no expression":            func(c *Configuration) { c.Policies[0].Expression = "" },
		"long expression":          func(c *Configuration) { c.Policies[0].Expression = strings.Repeat("x", PolicyBytesMax+1) },
		"control character":        func(c *Configuration) { c.Policies[0].Expression = "true\r" },
		"letter not in ASCII":      func(c *Configuration) { c.Policies[0].Expression = "trüe" },
		"nodes of a plain binding": func(c *Configuration) { c.Bindings[2].Namespace = "" },
		"nodes' order":             func(c *Configuration) { c.Bindings[2].Nodes = []PublicKey{{3}, {1}} },
		"node twice":               func(c *Configuration) { c.Bindings[2].Nodes = []PublicKey{{3}, {3}} },
		"no node":                  func(c *Configuration) { c.Bindings[2].Nodes = []PublicKey{{}} },
		"many nodes":               func(c *Configuration) { c.Bindings[2].Nodes = make([]PublicKey, ValidatorsMax+1) },
		"grants' order":            func(c *Configuration) { c.Bindings[1].Grants = []string{"log", "crypto"} },
		"grant to a built-in":      func(c *Configuration) { c.Bindings[0].Grants = []string{"log"} },
	} {
		c := sampleConfiguration(t)
		change(&c)
		if err := c.Check(); !errors.Is(err, ErrConfiguration) {
			t.Errorf("%s: Check says %v", name, err)
		}
		if _, err := DecodeConfiguration(c.AppendBinary(nil)); !errors.Is(err, canonical.ErrMalformed) {
			t.Errorf("%s: decoding says %v", name, err)
		}
	}
	c := sampleConfiguration(t)
	for _, f := range c.Parameters.fields() {
		old := *f.value
		for _, bad := range []uint64{f.min - 1, f.max + 1} {
			if *f.value = bad; f.min > 0 || bad > f.max {
				if err := c.Check(); !errors.Is(err, ErrConfiguration) {
					t.Errorf("%s = %d: %v", f.name, bad, err)
				}
			}
		}
		*f.value = old
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if b, ok := c.Binding("machine.v1/bank"); !ok || b.FuelMax != 1<<33 {
		t.Error("a binding is not found")
	}
	if _, ok := c.Binding("machine.v1"); ok {
		t.Error("a binding is found that is not there")
	}
	if d := c.WithBinding(Binding{Hook: "leader.v1", Builtin: "other"}); len(d.Bindings) != 3 || c.Bindings[0].Builtin != "round-robin" {
		t.Error("WithBinding does not replace, or changes its receiver")
	}
}

func TestGenesisRefusals(t *testing.T) {
	good, err := json.Marshal(sampleGenesis(t))
	if err != nil {
		t.Fatal(err)
	}
	var g Genesis
	if err := json.Unmarshal(good, &g); err != nil || g.Hash() != sampleGenesis(t).Hash() {
		t.Fatal(err)
	}
	replace := func(old, new string) []byte {
		s := strings.Replace(string(good), old, new, 1)
		if s == string(good) {
			t.Fatalf("%q is not in the file", old)
		}
		return []byte(s)
	}
	for name, b := range map[string][]byte{
		"network's name":    replace(`"sample"`, `"Sample"`),
		"chain's name":      replace(`"main"`, `""`),
		"unknown field":     replace(`"network"`, `"networks"`),
		"unknown parameter": replace(`"drift_ms"`, `"drift"`),
		"bad key":           replace(`"key":"41`, `"key":"4g`),
		"weight":            replace(`"weight":2`, `"weight":-2`),
		"fraction":          replace(`"weight":2`, `"weight":2.5`),
		"release":           replace(`"release":"d0`, `"release":"0`),
		"bad node":          replace(`"nodes":["41`, `"nodes":["4g`),
		"bad member":        replace(`"name":"ann","key":"01`, `"name":"ann","key":"0g`),
		"unknown role":      replace(`"assessor"`, `"auditor"`),
		"role twice":        replace(`"assessor"`, `"approver"`),
		"no role":           replace(`["proposer","approver"]`, `[]`),
		"unknown class":     replace(`"class":"D"`, `"class":"X"`),
		"no class":          replace(`"class":"D"`, `"class":""`),
		"two classes":       replace(`"class":"D"`, `"class":"DL"`),
		"policy twice":      replace(`"class":"D"`, `"class":"*"`),
		"parameter":         replace(`"drift_ms":2000`, `"drift_ms":1`),
		"two values":        append(slices.Clone(good), good...),
		"large":             append(slices.Clone(good), bytes.Repeat([]byte(" "), GenesisBytesMax)...),
	} {
		var g Genesis
		if err := g.UnmarshalJSON(b); !errors.Is(err, ErrGenesis) {
			t.Errorf("%s: %v", name, err)
		}
	}
	later := sampleGenesis(t)
	later.Configuration.First = 2
	if err := later.Check(); !errors.Is(err, ErrGenesis) {
		t.Errorf("a first height of 2: %v", err)
	}
	// The order of a file's lists does not matter, and absent parameters have their defaults.
	bare := map[string]any{}
	if err := json.Unmarshal(good, &bare); err != nil {
		t.Fatal(err)
	}
	delete(bare, "parameters")
	slices.Reverse(bare["validators"].([]any))
	slices.Reverse(bare["bindings"].([]any))
	slices.Reverse(bare["members"].([]any))
	slices.Reverse(bare["policies"].([]any))
	slices.Reverse(bare["bindings"].([]any)[0].(map[string]any)["nodes"].([]any))
	slices.Reverse(bare["bindings"].([]any)[1].(map[string]any)["grants"].([]any))
	file, err := json.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	var back Genesis
	if err := json.Unmarshal(file, &back); err != nil || back.Hash() != g.Hash() {
		t.Errorf("the same genesis in another order: %v", err)
	}
}

func TestParseHash(t *testing.T) {
	h := sampleHash(9)
	if back, err := ParseHash(h.String()); err != nil || back != h {
		t.Error(err)
	}
	k := sampleKey(9)
	if back, err := ParsePublicKey(k.String()); err != nil || back != k {
		t.Error(err)
	}
	for _, bad := range []string{"", "00", h.String() + "0", h.String()[1:] + "g", strings.Repeat("é", 32)} {
		if _, err := ParseHash(bad); err == nil {
			t.Errorf("%q is a hash", bad)
		}
		if _, err := ParsePublicKey(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
	if h.IsZero() || !(Hash{}).IsZero() || k.IsZero() {
		t.Error("IsZero")
	}
}
