// Package smallbank is a machine for accounts and transfers with the operations of the
// SmallBank benchmark (Alomari, Cahill, Fekete, Röhm: The Cost of Serializability on Platforms
// That Use Snapshot Isolation, ICDE 2008). It is also what clients import: functions that
// write its payloads and read its answers.
//
// # State
//
// An account has an owner, savings and a checking balance. One key holds all of it:
//
//	'a', number (8 bytes)  ->  owner (32 bytes), savings (8 bytes), checking (8 bytes)
//
// Integers are big-endian; money is in the smallest unit, a signed number of 64 bits in two's
// complement. Whatever would leave its range is refused, so money is neither lost nor made by
// wrapping round.
//
// # Operations
//
// A payload is one byte for the operation, then numbers of 8 bytes:
//
//	1  CreateAccount    account, savings, checking   both at least 0; the account must be new
//	2  DepositChecking  account, amount              checking += amount; amount at least 0
//	3  TransactSavings  account, amount              savings += amount, which must not become negative
//	4  Amalgamate       from, to                     all of from's money goes to to's checking
//	5  WriteCheck       account, amount              checking −= amount, and 1 more if savings and checking together are below amount
//	6  SendPayment      from, to, amount             refused if from's checking is below amount
//
// The output is the new savings and checking balance of each account that changed, in the
// order of the payload. Amalgamate and SendPayment emit an event: from, to, amount, 8 bytes
// each. A query is 1, account (the answer: owner, savings, checking) or 2, first account, and
// a limit of two bytes (the answer: up to so many, ascending, each number, owner, savings, checking).
//
// # Deviations from the benchmark
//
// Accounts are found by their number, not by the customer's name; an account's two balances
// share a key, because an authenticated write costs far more than its bytes. The operation
// Balance is the query. As in the benchmark, WriteCheck may overdraw an account without limit:
// it stands for a cheque that the bank honours, at a penalty.
//
// # Who may do what
//
// An account belongs to the key that signed its creation. Only the owner takes money out or
// moves it: TransactSavings with a negative amount, Amalgamate, WriteCheck and SendPayment.
// Accounts made by unsigned transactions belong to nobody, and anybody may use them so.
// The binding's parameters are empty (anybody brings money in) or 32 bytes: the key
// of the issuer, who alone may create an account with money and deposit. Other parameters
// refuse everything.
//
// # Conservation
//
// CreateAccount, DepositChecking and TransactSavings with a positive amount bring money in;
// TransactSavings with a negative amount and WriteCheck take it out, as much as they change the
// balances; Amalgamate and SendPayment only move it. So the sum of all balances is what came
// in less what went out.
package smallbank

import (
	"encoding/binary"
	"math"

	"quoin.dev/quoin/hook"
)

// Codes of the machine. A code other than Done changes nothing.
const (
	Done          uint32 = iota
	Malformed            // the payload is no operation or query
	NoAccount            // an account that does not exist
	Exists               // CreateAccount of an account that does
	Negative             // an amount below 0 where none may be
	Insufficient         // not enough money
	Overflow             // a balance would leave the range of 64 bits
	NotOwner             // the sender does not own the account
	NotIssuer            // the sender may not bring money in
	SameAccount          // from and to are one account
	Misconfigured        // the binding's parameters are neither empty nor a key
)

const (
	opCreateAccount = iota + 1
	opDepositChecking
	opTransactSavings
	opAmalgamate
	opWriteCheck
	opSendPayment
)

const (
	queryBalance = iota + 1
	queryAccounts
)

const (
	ownerBytes   = 32
	accountBytes = ownerBytes + 8 + 8
)

// Machine is the machine. It has no state of its own.
type Machine struct{}

var _ hook.MachinePlugin = Machine{}

// Account is an account's content.
type Account struct {
	Owner             [ownerBytes]byte // zero: anybody, by unsigned transactions
	Savings, Checking int64
}

// Apply implements hook.MachinePlugin.
func (Machine) Apply(r *hook.ApplyRequest, state hook.Access) hook.ApplyResponse {
	if len(r.Params) != 0 && len(r.Params) != ownerBytes {
		return hook.ApplyResponse{Code: Misconfigured}
	}
	t := transaction{r: r, state: state}
	var n [3]int64
	if len(r.Payload) < 1 {
		return hook.ApplyResponse{Code: Malformed}
	}
	operation, arguments := r.Payload[0], r.Payload[1:]
	if int(operation) >= len(arity) || arity[operation] == 0 || len(arguments) != 8*arity[operation] {
		return hook.ApplyResponse{Code: Malformed}
	}
	for i := range arity[operation] {
		n[i] = int64(binary.BigEndian.Uint64(arguments[8*i:]))
	}
	switch operation {
	case opCreateAccount:
		t.createAccount(uint64(n[0]), n[1], n[2])
	case opDepositChecking:
		t.depositChecking(uint64(n[0]), n[1])
	case opTransactSavings:
		t.transactSavings(uint64(n[0]), n[1])
	case opAmalgamate:
		t.amalgamate(uint64(n[0]), uint64(n[1]))
	case opWriteCheck:
		t.writeCheck(uint64(n[0]), n[1])
	case opSendPayment:
		t.sendPayment(uint64(n[0]), uint64(n[1]), n[2])
	}
	if t.code != Done {
		return hook.ApplyResponse{Code: t.code}
	}
	return hook.ApplyResponse{Output: t.output}
}

// arity is the number of an operation's arguments.
var arity = [...]int{opCreateAccount: 3, opDepositChecking: 2, opTransactSavings: 2, opAmalgamate: 2, opWriteCheck: 2, opSendPayment: 3}

// transaction is one call of Apply. Its first refusal stays; the host then drops the writes.
type transaction struct {
	r      *hook.ApplyRequest
	state  hook.Access
	code   uint32
	output []byte
	buffer [accountBytes]byte
}

func (t *transaction) refuse(code uint32) {
	if t.code == Done {
		t.code = code
	}
}

func (t *transaction) createAccount(number uint64, savings, checking int64) {
	if savings < 0 || checking < 0 {
		t.refuse(Negative)
	}
	if savings > 0 || checking > 0 {
		t.issue()
	}
	key := accountKey(number)
	if _, ok := t.state.Get(key[:]); ok {
		t.refuse(Exists)
	}
	t.store(number, &Account{Owner: t.r.Sender, Savings: savings, Checking: checking})
}

func (t *transaction) depositChecking(number uint64, amount int64) {
	if amount < 0 {
		t.refuse(Negative)
	}
	t.issue()
	a := t.load(number)
	a.Checking = t.add(a.Checking, amount)
	t.store(number, &a)
}

func (t *transaction) transactSavings(number uint64, amount int64) {
	a := t.load(number)
	if amount < 0 {
		t.own(&a)
	} else {
		t.issue()
	}
	a.Savings = t.add(a.Savings, amount)
	if a.Savings < 0 {
		t.refuse(Insufficient)
	}
	t.store(number, &a)
}

func (t *transaction) amalgamate(from, to uint64) {
	if from == to {
		t.refuse(SameAccount)
		return
	}
	a, b := t.load(from), t.load(to)
	t.own(&a)
	// One sum after the other, so that an overflow on the way is refused, not wrapped.
	amount := t.add(a.Savings, a.Checking)
	if amount < 0 {
		t.refuse(Insufficient) // an overdraft is nobody's to give away
	}
	a.Savings, a.Checking = 0, 0
	b.Checking = t.add(b.Checking, amount)
	t.move(from, to, &a, &b, amount)
}

func (t *transaction) writeCheck(number uint64, amount int64) {
	if amount < 0 {
		t.refuse(Negative)
		return
	}
	a := t.load(number)
	t.own(&a)
	debit := amount
	if covers(a.Savings, a.Checking, amount) {
		a.Checking = t.subtract(a.Checking, debit)
	} else {
		a.Checking = t.subtract(t.subtract(a.Checking, debit), 1)
	}
	t.store(number, &a)
}

func (t *transaction) sendPayment(from, to uint64, amount int64) {
	if amount < 0 {
		t.refuse(Negative)
		return
	}
	if from == to {
		t.refuse(SameAccount)
		return
	}
	a, b := t.load(from), t.load(to)
	t.own(&a)
	if a.Checking < amount {
		t.refuse(Insufficient)
		return
	}
	a.Checking -= amount
	b.Checking = t.add(b.Checking, amount)
	t.move(from, to, &a, &b, amount)
}

func (t *transaction) move(from, to uint64, a, b *Account, amount int64) {
	t.store(from, a)
	t.store(to, b)
	if t.code != Done {
		return
	}
	event := binary.BigEndian.AppendUint64(t.buffer[:0], from)
	event = binary.BigEndian.AppendUint64(event, to)
	t.state.Emit(binary.BigEndian.AppendUint64(event, uint64(amount)))
}

// own refuses a sender who does not own the account.
func (t *transaction) own(a *Account) {
	if a.Owner != t.r.Sender {
		t.refuse(NotOwner)
	}
}

// issue refuses a sender who may not bring money in.
func (t *transaction) issue() {
	if len(t.r.Params) == ownerBytes && [ownerBytes]byte(t.r.Params) != t.r.Sender {
		t.refuse(NotIssuer)
	}
}

func (t *transaction) load(number uint64) Account {
	if t.code != Done {
		return Account{}
	}
	key := accountKey(number)
	b, ok := t.state.Get(key[:])
	if !ok {
		t.refuse(NoAccount)
		return Account{}
	}
	return decodeAccount(b)
}

func (t *transaction) store(number uint64, a *Account) {
	if t.code != Done {
		return
	}
	key := accountKey(number)
	value := a.append(t.buffer[:0])
	t.state.Put(key[:], value)
	t.output = append(t.output, value[ownerBytes:]...)
}

// add returns x+y, or refuses.
func (t *transaction) add(x, y int64) int64 {
	if y > 0 && x > math.MaxInt64-y || y < 0 && x < math.MinInt64-y {
		t.refuse(Overflow)
		return 0
	}
	return x + y
}

// subtract returns x−y for y of at least 0, or refuses.
func (t *transaction) subtract(x, y int64) int64 {
	if x < math.MinInt64+y {
		t.refuse(Overflow)
		return 0
	}
	return x - y
}

// covers reports whether savings and checking together are at least the amount, of at
// least 0, without ever forming a sum that does not fit.
func covers(savings, checking, amount int64) bool {
	if checking >= amount {
		return true // savings are never negative
	}
	if checking >= 0 || amount <= math.MaxInt64+checking {
		return savings >= amount-checking
	}
	return false // the shortfall is more than any savings
}

// Query implements hook.MachinePlugin.
func (Machine) Query(r *hook.QueryRequest, state hook.Reader) hook.QueryResponse {
	p := r.Payload
	switch {
	case len(p) == 9 && p[0] == queryBalance:
		key := accountKey(binary.BigEndian.Uint64(p[1:]))
		b, ok := state.Get(key[:])
		if !ok {
			return hook.QueryResponse{Code: NoAccount}
		}
		return hook.QueryResponse{Output: append([]byte(nil), b...)}
	case len(p) == 11 && p[0] == queryAccounts:
		start := accountKey(binary.BigEndian.Uint64(p[1:]))
		end := []byte{start[0] + 1}
		limit := int(binary.BigEndian.Uint16(p[9:]))
		var output []byte
		state.Scan(start[:], end, func(key, value []byte) bool {
			if limit == 0 || len(output)+len(key)-1+len(value) > hook.QueryOutputMax {
				return false
			}
			limit--
			output = append(append(output, key[1:]...), value...)
			return true
		})
		return hook.QueryResponse{Output: output}
	}
	return hook.QueryResponse{Code: Malformed}
}

func accountKey(number uint64) [9]byte {
	key := [9]byte{'a'}
	binary.BigEndian.PutUint64(key[1:], number)
	return key
}

func (a *Account) append(b []byte) []byte {
	b = append(b, a.Owner[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Savings))
	return binary.BigEndian.AppendUint64(b, uint64(a.Checking))
}

// decodeAccount reads what append writes; the machine alone writes its namespace.
func decodeAccount(b []byte) (a Account) {
	if len(b) != accountBytes {
		return a
	}
	copy(a.Owner[:], b)
	a.Savings = int64(binary.BigEndian.Uint64(b[ownerBytes:]))
	a.Checking = int64(binary.BigEndian.Uint64(b[ownerBytes+8:]))
	return a
}
