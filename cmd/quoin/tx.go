package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugins/bank/smallbank"
)

func newTx(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "tx", Short: "Send transactions"}, newTxPut(t), newTxSend(t), newTxLoad(t))
}

// txFlags are those of every command that sends a transaction.
type txFlags struct {
	key      func() (ed25519.PrivateKey, error)
	proof    string
	timeout  time.Duration
	salt     uint64
	expiry   uint64
	reported bool
}

func addTxFlags(c *cobra.Command, f *txFlags, role string) {
	f.key = roleFlags(c, role)
	c.Flags().StringVar(&f.proof, "proof", "", "write a proof, which can be checked offline, to this file")
	c.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "how long to wait for the certificate")
	c.Flags().BoolVar(&f.reported, "reported", false, "wait until the chain's finality.v1 reports the block as final, up to a minute after its certificate")
	c.Flags().Uint64Var(&f.salt, "salt", 0, "tells apart transactions that are otherwise the same (0: a new one)")
	c.Flags().Uint64Var(&f.expiry, "expiry", 0, "the last height that may hold it (0: half the chain's window ahead)")
}

func newTxPut(t *terminal) *cobra.Command {
	var f txFlags
	c := &cobra.Command{Use: "put KEY VALUE", Short: "Set a key of the key-value machine, and wait until that is certified", Args: args(2, 2)}
	addTxFlags(c, &f, roleAccount)
	c.RunE = func(c *cobra.Command, a []string) error {
		var b plugin.KVBatch
		b.Put([]byte(a[0]), []byte(a[1]))
		return t.transact(c.Context(), &f, "kv", b.Payload())
	}
	return c
}

func newTxSend(t *terminal) *cobra.Command {
	var f txFlags
	c := &cobra.Command{Use: "send NAMESPACE PAYLOAD", Short: "Send any payload to any machine, and wait until it is certified", Args: args(2, 2),
		Long: "Send a payload to the machine of a namespace. PAYLOAD is hexadecimal, or @FILE for a file's bytes, or\n@- for standard input."}
	addTxFlags(c, &f, roleAccount)
	c.RunE = func(c *cobra.Command, a []string) error {
		payload, err := payloadOf(a[1])
		if err != nil {
			return err
		}
		return t.transact(c.Context(), &f, a[0], payload)
	}
	return c
}

func payloadOf(text string) ([]byte, error) {
	name, isFile := strings.CutPrefix(text, "@")
	switch {
	case isFile && name == "-":
		b, err := io.ReadAll(io.LimitReader(os.Stdin, quoin.PayloadMax+1))
		if err != nil {
			return nil, failure("standard input cannot be read", err, "")
		}
		if len(b) > quoin.PayloadMax {
			return nil, usage(fmt.Sprintf("the payload has more than %d bytes", quoin.PayloadMax), "send several transactions")
		}
		return b, nil
	case isFile:
		return readFile(name, quoin.PayloadMax)
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil, usage("the payload is neither hexadecimal nor @FILE", "for example 00ff, or @payload.bin")
	}
	return b, nil
}

// transact sends one transaction for a command and prints its receipt.
func (t *terminal) transact(ctx context.Context, f *txFlags, namespace string, payload []byte) error {
	r, err := t.sendOne(ctx, f, namespace, payload)
	if err != nil {
		return err
	}
	stage := "certified"
	if f.reported {
		stage = "certified and reported"
	}
	return t.data(r.view(), func(w io.Writer) {
		fmt.Fprintf(w, "%s: transaction %s\nheight %d, entry %d, result %d\n", stage, r.id, r.height, r.entry, r.result.Code)
		if f.proof != "" {
			fmt.Fprintf(w, "proof: %s\n", f.proof)
		}
	})
}

// sendOne sends a transaction, writes its proof if asked to, and fails if its machine refused it:
// such a transaction is in the ledger, with the refusal as its result.
func (t *terminal) sendOne(ctx context.Context, f *txFlags, namespace string, payload []byte) (*receipt, error) {
	key, err := f.key()
	if err != nil {
		return nil, err
	}
	n, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer n.close()
	patience := f.timeout
	if f.reported {
		patience += hook.FinalityMSMax * time.Millisecond // an idle chain reports a block that waits for others after that
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	salt, expiry := f.salt, quoin.Height(f.expiry)
	if salt == 0 {
		salt = rand.Uint64()
	}
	if expiry == 0 {
		if expiry, err = n.expiry(ctx); err != nil {
			return nil, netFault(err)
		}
	}
	until := client.Certified
	if f.reported {
		until = client.Reported
	}
	r, err := n.transact(ctx, key, salt, expiry, namespace, payload, until)
	if err != nil {
		return nil, repeatable(err, salt, expiry)
	}
	if f.proof != "" {
		if err := writeProof(f.proof, r.proof(), n.genesis); err != nil {
			return nil, err
		}
	}
	return r, r.refusal()
}

// refusal says why a transaction's machine refused it; nil if it did not.
func (r *receipt) refusal() error {
	if r.result.Code == 0 {
		return nil
	}
	name, meaning := resultText(r.namespace, r.result.Code)
	todo := "correct it and send it again"
	if g := governance.Code(r.result.Code); r.namespace == quoin.KernelNamespace && g.Valid() {
		todo = advice(g)
	}
	if out := r.result.Output; r.result.Code == execution.ResultValidation && len(out) == 4 {
		meaning = fmt.Sprintf("the validation of %q refused it with its code %d", r.namespace, binary.BigEndian.Uint32(out))
	}
	return refused(name, fmt.Sprintf("transaction %s is in the ledger (height %d, entry %d) and changed nothing", r.id, r.height, r.entry), meaning, todo)
}

// repeatable adds to an undecided failure how to send the very same transaction again, which never
// executes it twice.
func repeatable(err error, salt uint64, expiry quoin.Height) error {
	var f *fault
	if !errors.As(err, &f) || f.exit != exitUndecided && f.exit != exitUnavailable {
		return err
	}
	again := *f
	again.todo = fmt.Sprintf("send the same again, which cannot execute it twice: add --salt %d --expiry %d", salt, expiry)
	return &again
}

type receiptView struct {
	ID        string       `json:"id"`
	Height    quoin.Height `json:"height"`
	Entry     uint64       `json:"entry"`
	Code      uint32       `json:"code"`
	Fuel      uint64       `json:"fuel"`
	Output    string       `json:"output"` // base64
	Namespace string       `json:"namespace"`
	Salt      uint64       `json:"salt"`
	Expiry    quoin.Height `json:"expiry"`
}

func (r *receipt) view() receiptView {
	return receiptView{r.id.String(), r.height, r.entry, r.result.Code, r.result.Fuel, base64.StdEncoding.EncodeToString(r.result.Output), r.namespace, r.salt, r.expiry}
}

// resultText names the code of a result and says what it means.
func resultText(namespace string, code uint32) (name, meaning string) {
	switch g := governance.Code(code); {
	case g != governance.OK && g.Valid():
		return g.String(), g.Meaning()
	case code == execution.ResultNoMachine:
		return "no-machine", "no machine serves the namespace " + quote(namespace)
	case code == execution.ResultSuspended:
		return "suspended", "the namespace " + quote(namespace) + " is suspended: its machine gave validators different results"
	case code == execution.ResultWrites:
		return "writes", "the machines of the block had written as much as a block may"
	case code == execution.ResultQuota:
		return "quota", "the namespace " + quote(namespace) + " holds as many keys or bytes as it may; only deletions are applied"
	case code == execution.ResultValidation:
		return "refused-by-validation", "the validation of " + quote(namespace) + " refused it; its code is the result's output"
	case code > execution.ResultValidationFault && hook.Fault(code-execution.ResultValidationFault).Valid():
		f := hook.Fault(code - execution.ResultValidationFault).String()
		return "validation-fault-" + f, "the validation of " + quote(namespace) + " faulted: " + f
	case code > quoin.ResultFault && hook.Fault(code-quoin.ResultFault).Valid():
		f := hook.Fault(code - quoin.ResultFault).String()
		return "fault-" + f, "the machine of " + quote(namespace) + " faulted: " + f
	case namespace == "bank":
		return "bank-" + strings.ReplaceAll(smallbank.CodeText(code), " ", "-"), smallbank.CodeText(code)
	case namespace == "kv" && int(code) < len(kvMeanings):
		return fmt.Sprintf("kv-%d", code), kvMeanings[code]
	}
	return fmt.Sprintf("code-%d", code), fmt.Sprintf("the machine of %q answered with its code %d", namespace, code)
}

var kvMeanings = [...]string{
	plugin.KVDone: "done", plugin.KVMalformed: "the payload is no batch or query", plugin.KVMismatch: "a cas found another value",
	plugin.KVNotCounter: "an add found a value that has not eight bytes", plugin.KVOverflow: "an add would leave the range of 64 bits",
	plugin.KVTooLarge: "an append would exceed the longest value", plugin.KVOutputTooLong: "more adds than the output can hold",
	plugin.KVNotFound: "there is no such key",
}
