package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/plugin"
)

func newProof(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "proof", Short: "Check proofs offline"}, newProofVerify(t))
}

func newProofVerify(t *terminal) *cobra.Command {
	var trust string
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check a proof against a trust anchor; no node is asked", Args: args(1, 1),
		Long: "Check a proof file against a genesis that you trust: --trust, or the one that `quoin dev` or\n" +
			"`quoin context use` pinned. Nothing in the file is believed. Exit code 5 if it does not verify.",
		RunE: func(_ *cobra.Command, a []string) error {
			g, err := trustAnchor(trust)
			if err != nil {
				return err
			}
			b, err := readFile(a[0], client.ProofFileMax)
			if err != nil {
				return err
			}
			x, err := client.VerifyProof(b, client.GenesisAnchor(g))
			if err != nil {
				return unverified(a[0]+" proves nothing", err)
			}
			s := statementOf(&x)
			return t.data(s, func(w io.Writer) {
				fmt.Fprintf(w, "verified: %s\n", s.sentence())
				fmt.Fprintf(w, "certified at height %d of epoch %d by %s\nof %s\n", s.Height, s.Epoch, strings.Join(s.Signers, ", "), s.Origin)
			})
		},
	}
	c.Flags().StringVar(&trust, "trust", "", "the genesis file to trust (default: the pinned one)")
	return c
}

// statement is what was proved, for people and scripts. Bytes are in base64, and as text where they are.
type statement struct {
	Verified bool         `json:"verified"`
	Kind     string       `json:"kind"`
	Origin   quoin.Origin `json:"origin"`
	Height   quoin.Height `json:"height"` // of the certified checkpoint
	Epoch    quoin.Epoch  `json:"epoch"`
	Signers  []string     `json:"signers"`

	Namespace string  `json:"namespace"`
	ID        string  `json:"id,omitempty"`
	Index     *uint64 `json:"index,omitempty"`
	Sender    string  `json:"sender,omitempty"`
	Code      *uint32 `json:"code,omitempty"`
	Output    string  `json:"output,omitempty"`
	Payload   string  `json:"payload,omitempty"`
	Operation string  `json:"operation,omitempty"`

	Key       string `json:"key,omitempty"`
	KeyText   string `json:"key_text,omitempty"`
	Present   *bool  `json:"present,omitempty"`
	Value     string `json:"value,omitempty"`
	ValueText string `json:"value_text,omitempty"`
	value     []byte
}

func statementOf(x *client.Verified) *statement {
	s := &statement{Verified: true, Kind: x.Kind, Origin: x.Checkpoint.Origin, Height: x.Checkpoint.Height, Epoch: x.Checkpoint.Epoch, Signers: x.Signers}
	encode := base64.StdEncoding.EncodeToString
	if x.Kind == client.ProofOfEntry {
		tx, result := &x.Entry.Transaction, &x.Entry.Result
		s.Namespace, s.ID, s.Index, s.Code = tx.Namespace, x.ID.String(), &x.Index, &result.Code
		s.Payload, s.Output = encode(tx.Payload), encode(result.Output)
		if tx.Signed() {
			s.Sender = tx.Sender.String()
		}
		if key, value, ok := singlePut(tx); ok {
			s.Operation = fmt.Sprintf("put %q %q", key, value)
		}
		return s
	}
	s.Namespace, s.Key, s.KeyText, s.Present = x.Namespace, encode(x.Key), textOf(x.Key), &x.Present
	if x.Present {
		s.Value, s.ValueText, s.value = encode(x.Value), textOf(x.Value), x.Value
	}
	return s
}

func (s *statement) sentence() string {
	if s.Kind == client.ProofOfEntry {
		text := fmt.Sprintf("transaction %s is entry %d of the ledger, result %d", s.ID, *s.Index, *s.Code)
		if s.Operation != "" {
			text += ": " + s.Operation
		}
		return text
	}
	name := s.KeyText
	if name == "" {
		name = "base64:" + s.Key
	}
	switch {
	case !*s.Present:
		return fmt.Sprintf("%s/%s is not there", s.Namespace, name)
	case s.ValueText != "" || len(s.value) == 0:
		return fmt.Sprintf("%s/%s = %q", s.Namespace, name, s.ValueText)
	}
	return fmt.Sprintf("%s/%s has %d bytes with SHA-256 %x", s.Namespace, name, len(s.value), sha256.Sum256(s.value))
}

// textOf returns b as text, or nothing if it is none that a terminal should get.
func textOf(b []byte) string {
	if !utf8.Valid(b) || bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	return string(b)
}

// singlePut reads a transaction of the key-value machine that sets one key.
func singlePut(tx *quoin.Transaction) (key, value []byte, ok bool) {
	const head = 2 + 1 + 2 // count, operation, length of the key
	p := tx.Payload
	if tx.Namespace != "kv" || len(p) < head || !bytes.Equal(p[:3], []byte{0, 1, 1}) {
		return nil, nil, false
	}
	n := int(p[3])<<8 | int(p[4])
	if len(p) < head+n+4 {
		return nil, nil, false
	}
	key, value = p[head:head+n], p[head+n+4:]
	var b plugin.KVBatch
	b.Put(key, value)
	return key, value, bytes.Equal(b.Payload(), p)
}

// writeProof writes a proof file, after verifying it as a stranger would.
func writeProof(path string, p *client.Proof, g *quoin.Genesis) error {
	b, err := p.Marshal()
	if err != nil {
		return failure("the proof cannot be encoded", err, "")
	}
	if _, err := client.VerifyProof(b, client.GenesisAnchor(g)); err != nil {
		return unverified("the node's proof does not verify", err)
	}
	if err := writeFile(path, b, 0o644); err != nil {
		return failure("the proof cannot be written", err, "name another file")
	}
	return nil
}
