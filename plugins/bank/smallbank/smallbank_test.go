package smallbank

import (
	"flag"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/plugintest"
)

var seed = flag.Uint64("seed", 0, "of the random operations; 0: another one each time")

var (
	alice = [32]byte{1}
	bob   = [32]byte{2}
)

// bank is a machine with its state and parameters.
type bank struct {
	t      testing.TB
	state  plugintest.State
	params []byte
}

// apply applies a payload and returns the code and the balances.
func (b *bank) apply(sender [32]byte, payload []byte) (uint32, []Balances) {
	b.t.Helper()
	r := b.state.Apply(Machine{}, &hook.ApplyRequest{Height: 1, Sender: sender, Payload: payload, Params: b.params})
	balances, err := ParseOutput(r.Output)
	if err != nil {
		b.t.Fatal(err)
	}
	return r.Code, balances
}

func (b *bank) must(sender [32]byte, payload []byte) {
	b.t.Helper()
	if code, _ := b.apply(sender, payload); code != Done {
		b.t.Fatalf("%x: %s", payload, CodeText(code))
	}
}

func (b *bank) balance(account uint64) Account {
	b.t.Helper()
	r := b.state.Query(Machine{}, &hook.QueryRequest{Payload: BalanceQuery(account)})
	if r.Code != Done {
		b.t.Fatalf("account %d: %s", account, CodeText(r.Code))
	}
	a, err := ParseBalance(r.Output)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

func (b *bank) accounts() []Numbered {
	b.t.Helper()
	r := b.state.Query(Machine{}, &hook.QueryRequest{Payload: AccountsQuery(0, math.MaxUint16)})
	list, err := ParseAccounts(r.Output)
	if err != nil || r.Code != Done {
		b.t.Fatal(err, r.Code)
	}
	return list
}

func TestOperations(t *testing.T) {
	const most = math.MaxInt64
	for _, c := range []struct {
		name    string
		a, b    Balances // of alice's account 1 and bob's account 2
		sender  [32]byte
		payload []byte
		code    uint32
		wantA   Balances
		wantB   Balances
	}{
		{name: "deposit", a: Balances{5, 10}, sender: bob, payload: DepositChecking(1, 7), wantA: Balances{5, 17}},
		{name: "deposit of nothing", a: Balances{5, 10}, sender: bob, payload: DepositChecking(1, 0), wantA: Balances{5, 10}},
		{name: "negative deposit", a: Balances{5, 10}, sender: alice, payload: DepositChecking(1, -1), code: Negative},
		{name: "deposit beyond 64 bits", a: Balances{5, most}, sender: alice, payload: DepositChecking(1, 1), code: Overflow},
		{name: "deposit to nobody", sender: alice, payload: DepositChecking(9, 1), code: NoAccount},

		{name: "into savings", a: Balances{5, 10}, sender: bob, payload: TransactSavings(1, 7), wantA: Balances{12, 10}},
		{name: "out of savings", a: Balances{5, 10}, sender: alice, payload: TransactSavings(1, -5), wantA: Balances{0, 10}},
		{name: "too much out of savings", a: Balances{5, 10}, sender: alice, payload: TransactSavings(1, -6), code: Insufficient},
		{name: "out of another's savings", a: Balances{5, 10}, sender: bob, payload: TransactSavings(1, -1), code: NotOwner},
		{name: "savings beyond 64 bits", a: Balances{most, 0}, sender: alice, payload: TransactSavings(1, most), code: Overflow},
		{name: "least number out of savings", a: Balances{5, 0}, sender: alice, payload: TransactSavings(1, math.MinInt64), code: Insufficient},

		{name: "amalgamate", a: Balances{5, 10}, b: Balances{1, 2}, sender: alice, payload: Amalgamate(1, 2), wantB: Balances{1, 17}},
		{name: "amalgamate another's", a: Balances{5, 10}, sender: bob, payload: Amalgamate(1, 2), code: NotOwner},
		{name: "amalgamate into itself", a: Balances{5, 10}, sender: alice, payload: Amalgamate(1, 1), code: SameAccount},
		{name: "amalgamate beyond 64 bits", a: Balances{most, 1}, sender: alice, payload: Amalgamate(1, 2), code: Overflow},
		{name: "amalgamate onto too much", a: Balances{5, 10}, b: Balances{0, most - 14}, sender: alice, payload: Amalgamate(1, 2), code: Overflow},
		{name: "amalgamate to nobody", a: Balances{5, 10}, sender: alice, payload: Amalgamate(1, 9), code: NoAccount},

		{name: "cheque", a: Balances{5, 10}, sender: alice, payload: WriteCheck(1, 4), wantA: Balances{5, 6}},
		{name: "cheque covered by savings", a: Balances{5, 10}, sender: alice, payload: WriteCheck(1, 15), wantA: Balances{5, -5}},
		{name: "cheque with penalty", a: Balances{5, 10}, sender: alice, payload: WriteCheck(1, 16), wantA: Balances{5, -7}},
		{name: "another's cheque", a: Balances{5, 10}, sender: bob, payload: WriteCheck(1, 1), code: NotOwner},
		{name: "negative cheque", a: Balances{5, 10}, sender: alice, payload: WriteCheck(1, -1), code: Negative},
		{name: "greatest cheque", sender: alice, payload: WriteCheck(1, most), wantA: Balances{0, math.MinInt64}},

		{name: "payment", a: Balances{5, 10}, b: Balances{1, 2}, sender: alice, payload: SendPayment(1, 2, 10), wantA: Balances{5, 0}, wantB: Balances{1, 12}},
		{name: "payment beyond checking", a: Balances{5, 10}, sender: alice, payload: SendPayment(1, 2, 11), code: Insufficient},
		{name: "another's payment", a: Balances{5, 10}, sender: bob, payload: SendPayment(1, 2, 1), code: NotOwner},
		{name: "negative payment", b: Balances{0, 10}, sender: alice, payload: SendPayment(1, 2, -5), code: Negative},
		{name: "payment to itself", a: Balances{5, 10}, sender: alice, payload: SendPayment(1, 1, 5), code: SameAccount},
		{name: "payment beyond 64 bits", a: Balances{0, 10}, b: Balances{0, most}, sender: alice, payload: SendPayment(1, 2, 1), code: Overflow},
		{name: "payment to nobody", a: Balances{5, 10}, sender: alice, payload: SendPayment(1, 9, 1), code: NoAccount},

		{name: "account exists", sender: bob, payload: CreateAccount(1, 0, 0), code: Exists},
		{name: "account with debts", sender: bob, payload: CreateAccount(3, 0, -1), code: Negative},
		{name: "account with negative savings", sender: bob, payload: CreateAccount(3, -1, 0), code: Negative},
		{name: "nothing", sender: alice, code: Malformed},
		{name: "no such operation", sender: alice, payload: []byte{7}, code: Malformed},
		{name: "operation 0", sender: alice, payload: []byte{0}, code: Malformed},
		{name: "operation 255", sender: alice, payload: []byte{255}, code: Malformed},
		{name: "too short", sender: alice, payload: SendPayment(1, 2, 3)[:24], code: Malformed},
		{name: "too long", sender: alice, payload: append(Amalgamate(1, 2), 0), code: Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bank{t: t}
			b.must(alice, CreateAccount(1, c.a.Savings, c.a.Checking))
			b.must(bob, CreateAccount(2, c.b.Savings, c.b.Checking))
			code, _ := b.apply(c.sender, c.payload)
			if code != c.code {
				t.Fatalf("code %d (%s), want %d (%s)", code, CodeText(code), c.code, CodeText(c.code))
			}
			if c.code != Done {
				c.wantA, c.wantB = c.a, c.b
			}
			if got := b.balance(1); got.Owner != alice || (Balances{got.Savings, got.Checking}) != c.wantA {
				t.Errorf("account 1: %+v, want %+v", got, c.wantA)
			}
			if got := b.balance(2); c.payload != nil && (c.wantB != Balances{} || c.code != Done) && (Balances{got.Savings, got.Checking}) != c.wantB {
				t.Errorf("account 2: %+v, want %+v", got, c.wantB)
			}
		})
	}
}

func TestIssuer(t *testing.T) {
	b := &bank{t: t, params: alice[:]}
	for _, step := range []struct {
		sender  [32]byte
		payload []byte
		want    uint32
	}{
		{bob, CreateAccount(2, 0, 0), Done},
		{bob, CreateAccount(3, 0, 1), NotIssuer},
		{bob, DepositChecking(2, 5), NotIssuer},
		{bob, TransactSavings(2, 5), NotIssuer},
		{alice, DepositChecking(2, 5), Done},
		{alice, CreateAccount(4, 1, 1), Done},
		{bob, SendPayment(2, 4, 5), Done},
		{alice, TransactSavings(2, -1), NotOwner},
	} {
		if code, _ := b.apply(step.sender, step.payload); code != step.want {
			t.Errorf("%x: %s, want %s", step.payload, CodeText(code), CodeText(step.want))
		}
	}
	b.params = []byte{1}
	if code, _ := b.apply(alice, DepositChecking(2, 5)); code != Misconfigured {
		t.Errorf("parameters of one byte: %s", CodeText(code))
	}
}

func TestOutputAndEvents(t *testing.T) {
	b := &bank{t: t}
	b.must(alice, CreateAccount(1, 5, 10))
	b.must(bob, CreateAccount(2, 1, 2))
	code, balances := b.apply(alice, SendPayment(1, 2, 3))
	if code != Done || len(balances) != 2 || balances[0] != (Balances{5, 7}) || balances[1] != (Balances{1, 5}) {
		t.Errorf("code %d, %v", code, balances)
	}
	if len(b.state.Events) != 1 || string(b.state.Events[0]) != "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03" {
		t.Errorf("events %x", b.state.Events)
	}
	if code, balances := b.apply(alice, SendPayment(1, 2, 300)); code != Insufficient || len(balances) != 0 || len(b.state.Events) != 0 {
		t.Errorf("refused: code %d, %v, events %x", code, balances, b.state.Events)
	}
}

func TestQueries(t *testing.T) {
	b := &bank{t: t}
	for i := range uint64(30) {
		b.must(alice, CreateAccount(i*10, int64(i), 1))
	}
	if got := b.accounts(); len(got) != 30 || got[29].Number != 290 || got[29].Savings != 29 {
		t.Errorf("%d accounts", len(got))
	}
	r := b.state.Query(Machine{}, &hook.QueryRequest{Payload: AccountsQuery(95, 3)})
	if got, err := ParseAccounts(r.Output); err != nil || len(got) != 3 || got[0].Number != 100 || got[2].Number != 120 {
		t.Errorf("three from 95 on: %v, %v", got, err)
	}
	for _, c := range []struct {
		payload []byte
		want    uint32
	}{
		{BalanceQuery(1), NoAccount}, {nil, Malformed}, {[]byte{3}, Malformed}, {BalanceQuery(0)[:8], Malformed}, {append(BalanceQuery(0), 1), Malformed},
	} {
		if r := b.state.Query(Machine{}, &hook.QueryRequest{Payload: c.payload}); r.Code != c.want {
			t.Errorf("%x: %s, want %s", c.payload, CodeText(r.Code), CodeText(c.want))
		}
	}
	for _, bad := range [][]byte{{1}, make([]byte, 57)} {
		if _, err := ParseBalance(bad); err == nil {
			t.Errorf("ParseBalance(%d bytes)", len(bad))
		}
		if _, err := ParseAccounts(bad); err == nil {
			t.Errorf("ParseAccounts(%d bytes)", len(bad))
		}
		if _, err := ParseOutput(bad); err == nil {
			t.Errorf("ParseOutput(%d bytes)", len(bad))
		}
	}
	if CodeText(Misconfigured+1) != "unknown code" {
		t.Error("a code without a text")
	}
}

// amounts are what overflows are made of.
var amounts = []int64{0, 1, -1, 2, 7, 100, -100, 1 << 40, -1 << 40, math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64 / 2, math.MinInt64, math.MinInt64 + 1, math.MinInt64 / 2}

// TestConservation keeps the books with numbers of any size: the sum of all balances is what
// came in less what went out, after every transaction.
func TestConservation(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestConservation ./plugins/bank/smallbank -seed %d", s)
	rng := rand.New(rand.NewPCG(s, 4))
	b := &bank{t: t}
	books := new(big.Int)
	codes := map[uint32]int{}
	for i := range 6000 {
		account, other := rng.Uint64N(8), rng.Uint64N(8)
		amount := amounts[rng.IntN(len(amounts))]
		if rng.IntN(2) == 0 {
			amount = rng.Int64N(2000) - 500
		}
		sender := [][32]byte{alice, bob}[rng.IntN(2)]
		before := map[uint64]Account{}
		for _, a := range b.accounts() {
			before[a.Number] = a.Account
		}
		var payload []byte
		in := new(big.Int)
		switch rng.IntN(6) {
		case 0:
			savings := amounts[rng.IntN(len(amounts))]
			payload = CreateAccount(account, savings, amount)
			in.Add(big.NewInt(savings), big.NewInt(amount))
		case 1:
			payload = DepositChecking(account, amount)
			in.SetInt64(amount)
		case 2:
			payload = TransactSavings(account, amount)
			in.SetInt64(amount)
		case 3:
			payload = Amalgamate(account, other)
		case 4:
			payload = WriteCheck(account, amount)
			in.Neg(big.NewInt(amount))
			a := before[account]
			if new(big.Int).Add(big.NewInt(a.Savings), big.NewInt(a.Checking)).Cmp(big.NewInt(amount)) < 0 {
				in.Sub(in, big.NewInt(1))
			}
		case 5:
			payload = SendPayment(account, other, amount)
		}
		code, _ := b.apply(sender, payload)
		codes[code]++
		if code == Done {
			books.Add(books, in)
		}
		sum := new(big.Int)
		for _, a := range b.accounts() {
			sum.Add(sum, big.NewInt(a.Savings))
			sum.Add(sum, big.NewInt(a.Checking))
			if a.Savings < 0 {
				t.Fatalf("operation %d %x: account %d has savings of %d", i, payload, a.Number, a.Savings)
			}
		}
		if sum.Cmp(books) != 0 {
			t.Fatalf("operation %d %x by %x, code %d: the balances sum to %v, the books say %v", i, payload, sender[:1], code, sum, books)
		}
	}
	for _, code := range []uint32{Done, NoAccount, Exists, Negative, Insufficient, Overflow, NotOwner, SameAccount} {
		if codes[code] == 0 {
			t.Errorf("no operation ended with %q; the generator is of little use: %v", CodeText(code), codes)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, savings := range amounts {
		for _, checking := range amounts {
			for _, amount := range amounts {
				if savings < 0 || amount < 0 {
					continue
				}
				sum := new(big.Int).Add(big.NewInt(savings), big.NewInt(checking))
				if want := sum.Cmp(big.NewInt(amount)) >= 0; covers(savings, checking, amount) != want {
					t.Errorf("covers(%d, %d, %d) is %v", savings, checking, amount, !want)
				}
			}
		}
	}
}

// FuzzApply: no payload, and no parameters, do anything but end with a code.
func FuzzApply(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add(SendPayment(1, 2, 3), alice[:])
	f.Add(WriteCheck(1, math.MaxInt64), []byte{})
	f.Fuzz(func(t *testing.T, payload, params []byte) {
		b := &bank{t: t}
		b.must(alice, CreateAccount(1, 5, 10))
		b.must(alice, CreateAccount(2, math.MaxInt64, math.MaxInt64))
		b.params = params
		for range 2 {
			if code, _ := b.apply(alice, payload); code > Misconfigured {
				t.Fatalf("code %d", code)
			}
		}
		if r := b.state.Query(Machine{}, &hook.QueryRequest{Payload: payload}); r.Code > Misconfigured {
			t.Fatalf("query: code %d", r.Code)
		}
	})
}
