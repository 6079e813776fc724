package smallbank

import (
	"encoding/binary"
	"strconv"
)

// CreateAccount returns the payload that opens an account for the sender.
func CreateAccount(account uint64, savings, checking int64) []byte {
	return payload(opCreateAccount, account, uint64(savings), uint64(checking))
}

// DepositChecking returns the payload that brings money to an account.
func DepositChecking(account uint64, amount int64) []byte {
	return payload(opDepositChecking, account, uint64(amount))
}

// TransactSavings returns the payload that changes an account's savings.
func TransactSavings(account uint64, amount int64) []byte {
	return payload(opTransactSavings, account, uint64(amount))
}

// Amalgamate returns the payload that moves all of one account's money to another.
func Amalgamate(from, to uint64) []byte { return payload(opAmalgamate, from, to) }

// WriteCheck returns the payload that takes money out of an account.
func WriteCheck(account uint64, amount int64) []byte {
	return payload(opWriteCheck, account, uint64(amount))
}

// SendPayment returns the payload that moves money between checking balances.
func SendPayment(from, to uint64, amount int64) []byte {
	return payload(opSendPayment, from, to, uint64(amount))
}

// BalanceQuery returns the payload of a query for one account; ParseBalance reads the answer.
func BalanceQuery(account uint64) []byte { return payload(queryBalance, account) }

// AccountsQuery returns the payload of a query for at most limit accounts from a number on;
// ParseAccounts reads the answer, which is cut where it would exceed its limit.
func AccountsQuery(first uint64, limit uint16) []byte {
	return binary.BigEndian.AppendUint16(payload(queryAccounts, first), limit)
}

func payload(operation byte, numbers ...uint64) []byte {
	b := append(make([]byte, 0, 1+8*len(numbers)+2), operation)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// ParseBalance reads the answer to BalanceQuery.
func ParseBalance(answer []byte) (Account, error) {
	if len(answer) != accountBytes {
		return Account{}, lengthError{"an account", accountBytes, len(answer)}
	}
	return decodeAccount(answer), nil
}

// Numbered is an account with its number.
type Numbered struct {
	Number uint64
	Account
}

// ParseAccounts reads the answer to AccountsQuery.
func ParseAccounts(answer []byte) ([]Numbered, error) {
	const stride = 8 + accountBytes
	if len(answer)%stride != 0 {
		return nil, lengthError{"each account of a list", stride, len(answer)}
	}
	list := make([]Numbered, 0, len(answer)/stride)
	for ; len(answer) > 0; answer = answer[stride:] {
		list = append(list, Numbered{binary.BigEndian.Uint64(answer), decodeAccount(answer[8:stride])})
	}
	return list, nil
}

// Balances is what an operation leaves on an account.
type Balances struct{ Savings, Checking int64 }

// ParseOutput reads the output of an operation: the balances of each account that it changed,
// in the order of its arguments.
func ParseOutput(output []byte) ([]Balances, error) {
	if len(output)%16 != 0 {
		return nil, lengthError{"each account of an output", 16, len(output)}
	}
	var list []Balances
	for ; len(output) > 0; output = output[16:] {
		list = append(list, Balances{int64(binary.BigEndian.Uint64(output)), int64(binary.BigEndian.Uint64(output[8:]))})
	}
	return list, nil
}

// lengthError says that an answer is none of this machine's. The module carries this file
// too, so there is no fmt.
type lengthError struct {
	what      string
	want, has int
}

func (e lengthError) Error() string {
	return "smallbank: " + e.what + " has " + strconv.Itoa(e.want) + " bytes, and the answer has " + strconv.Itoa(e.has) + "; it is of another machine"
}

// CodeText says what a code means, for people.
func CodeText(code uint32) string {
	if code < uint32(len(codeTexts)) {
		return codeTexts[code]
	}
	return "unknown code"
}

var codeTexts = [...]string{
	Done:          "done",
	Malformed:     "malformed payload",
	NoAccount:     "no such account",
	Exists:        "the account exists already",
	Negative:      "negative amount",
	Insufficient:  "not enough money",
	Overflow:      "a balance would not fit in 64 bits",
	NotOwner:      "the sender does not own the account",
	NotIssuer:     "the sender may not bring money in",
	SameAccount:   "from and to are the same account",
	Misconfigured: "the binding's parameters are neither empty nor a key of 32 bytes",
}
