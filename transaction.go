package quoin

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"quoin.dev/quoin/canonical"
)

// Limits of a transaction, in bytes. A chain's parameters may be tighter, never wider. An entry, a
// transaction with its result, must stay below 64 KiB: bundles of the tlog-tiles layout give its
// length in two bytes.
const (
	NamespaceMax        = 32
	PayloadMax          = 56 << 10
	TransactionBytesMax = 1 + 32 + 8 + 8 + 1 + NamespaceMax + 4 + PayloadMax + 64
)

// KernelNamespace is the namespace whose transactions the kernel itself executes (governance,
// suspension). They pass no hook and have a reserved share of every pool and block.
const KernelNamespace = "quoin"

// ErrTransaction is wrapped by every refusal of a transaction's form.
var ErrTransaction = errors.New("invalid transaction")

// Transaction asks one namespace's machine to do something.
//
// Canonical bytes: kind (1: 0 unsigned, 1 signed), sender (32, only if signed), salt (8), expiry
// (8), namespace (length in 1), payload (length in 4), signature (64, only if signed).
type Transaction struct {
	Sender    PublicKey // the account that signs; zero in an unsigned transaction
	Salt      uint64    // tells apart two transactions that are otherwise the same
	Expiry    Height    // the last height that may hold it
	Namespace string
	Payload   []byte
	Signature Signature // by Sender over SigningBytes of the id; zero in an unsigned transaction
}

// Signed reports whether the transaction has a sender.
func (t *Transaction) Signed() bool { return !t.Sender.IsZero() }

// Kernel reports whether the kernel itself executes the transaction.
func (t *Transaction) Kernel() bool { return t.Namespace == KernelNamespace }

// ID returns the transaction's identity on the chain: the hash of the signed body, which begins
// with the chain's origin, and never of the signature, so that a body signed twice is one
// transaction. It is SHA-256 over "quoin/transaction/v1\n", the origin's id, and the canonical bytes
// without the signature.
func (t *Transaction) ID(origin OriginID) Hash {
	var buf [512]byte
	b := buf[:0]
	if n := 64 + t.Size(); n > len(buf) {
		b = make([]byte, 0, n)
	}
	b = append(b, "quoin/transaction/v1\n"...)
	b = append(b, origin[:]...)
	return sha256.Sum256(t.appendBody(b))
}

// TransactionSigningBytes returns what a sender signs: "quoin/account/v1\n" and the transaction id.
func TransactionSigningBytes(id Hash) []byte {
	return append([]byte("quoin/account/v1\n"), id[:]...)
}

// Size returns the length of the canonical bytes.
func (t *Transaction) Size() int {
	n := 1 + 8 + 8 + 1 + len(t.Namespace) + 4 + len(t.Payload)
	if t.Signed() {
		n += 32 + 64
	}
	return n
}

// AppendBinary appends the canonical bytes.
func (t *Transaction) AppendBinary(b []byte) []byte {
	b = t.appendBody(b)
	if t.Signed() {
		b = append(b, t.Signature[:]...)
	}
	return b
}

func (t *Transaction) appendBody(b []byte) []byte {
	b = canonical.AppendBool(b, t.Signed())
	if t.Signed() {
		b = append(b, t.Sender[:]...)
	}
	b = canonical.AppendUint64(b, t.Salt)
	b = canonical.AppendUint64(b, t.Expiry)
	b = canonical.AppendBytes8(b, t.Namespace)
	return canonical.AppendBytes32(b, t.Payload)
}

// Check reports whether the fields are within the limits, as ReadTransaction would.
func (t *Transaction) Check() error {
	switch {
	case !IsName(t.Namespace, NamespaceMax):
		return fmt.Errorf("%w: namespace %q, want 1 to %d of [a-z0-9.-]", ErrTransaction, t.Namespace, NamespaceMax)
	case len(t.Payload) > PayloadMax:
		return fmt.Errorf("%w: payload of %d bytes, limit %d", ErrTransaction, len(t.Payload), PayloadMax)
	case !t.Signed() && t.Signature != Signature{}:
		return fmt.Errorf("%w: a signature without a sender", ErrTransaction)
	}
	return nil
}

// ReadTransaction reads what AppendBinary writes. The payload aliases the reader's input.
func ReadTransaction(r *canonical.Reader) Transaction {
	var t Transaction
	signed := r.Bool()
	if signed {
		r.Copy(t.Sender[:])
		if t.Sender.IsZero() {
			r.Fail("signed transaction without a sender")
		}
	}
	t.Salt = r.Uint64()
	t.Expiry = Height(r.Uint64())
	t.Namespace = intern(r.Bytes8(NamespaceMax))
	t.Payload = r.Bytes32(PayloadMax)
	if signed {
		r.Copy(t.Signature[:])
	}
	if r.Err() == nil && !IsName(t.Namespace, NamespaceMax) {
		r.Fail("namespace %q", t.Namespace)
	}
	return t
}

// DecodeTransaction decodes exactly one transaction.
func DecodeTransaction(b []byte) (Transaction, error) {
	r := canonical.NewReader(b)
	t := ReadTransaction(r)
	return t, r.Done()
}

// intern returns b as a string without allocating for the names that are on every hot path.
func intern(b []byte) string {
	switch string(b) {
	case KernelNamespace:
		return KernelNamespace
	case "kv":
		return "kv"
	case "bank":
		return "bank"
	}
	return string(b)
}

// Limits of an entry's result, in bytes.
const (
	ResultOutputMax = 4 << 10
	EntryBytesMax   = TransactionBytesMax + 4 + 8 + 4 + ResultOutputMax
)

// Result is what executing a transaction gave.
//
// Canonical bytes: code (4), fuel (8), output (length in 4).
type Result struct {
	Code   uint32 // 0 is success; a machine's own codes are below ResultFault, the kernel's above
	Fuel   uint64
	Output []byte
}

// ResultFault is the smallest result code that the kernel gives by itself: ResultFault plus the
// fault's code when a machine faulted.
const ResultFault = 1 << 16

// AppendBinary appends the canonical bytes.
func (x *Result) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint32(b, x.Code)
	b = canonical.AppendUint64(b, x.Fuel)
	return canonical.AppendBytes32(b, x.Output)
}

// ReadResult reads what AppendBinary writes. The output aliases the reader's input.
func ReadResult(r *canonical.Reader) Result {
	return Result{Code: r.Uint32(), Fuel: r.Uint64(), Output: r.Bytes32(ResultOutputMax)}
}

// Entry is one ledger leaf: a transaction with its result. Its canonical bytes are those of the
// transaction, then those of the result.
type Entry struct {
	Transaction Transaction
	Result      Result
}

// AppendBinary appends the canonical bytes.
func (e *Entry) AppendBinary(b []byte) []byte {
	return e.Result.AppendBinary(e.Transaction.AppendBinary(b))
}

// DecodeEntry decodes exactly one entry.
func DecodeEntry(b []byte) (Entry, error) {
	r := canonical.NewReader(b)
	e := Entry{Transaction: ReadTransaction(r), Result: ReadResult(r)}
	return e, r.Done()
}
