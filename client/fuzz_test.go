package client_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
)

// FuzzParseProof: whatever is parsed is written again as the same bytes, and nothing verifies under
// an anchor whose validators have signed nothing.
func FuzzParseProof(f *testing.F) {
	set, err := quoin.NewValidatorSet([]quoin.Validator{{Name: "v", Key: quoin.PublicKey{1}, Weight: 1}})
	if err != nil {
		f.Fatal(err)
	}
	c := quoin.Certificate{Checkpoint: quoin.Checkpoint{Origin: "n/main/x", Epoch: 1, Height: 1}, Signers: quoin.Bitmap{1}, Signatures: make([]quoin.Signature, 1)}
	trust := client.Anchor{Origin: "n/main/x", Configuration: quoin.Configuration{Epoch: 1, First: 1, Validators: set, Parameters: quoin.DefaultParameters()}}
	for _, p := range []*client.Proof{
		{Kind: client.ProofOfEntry, Index: 3, Value: []byte("entry"), Proof: make([]byte, 64), Certificate: c},
		{Kind: client.ProofOfState, Namespace: "kv", Key: []byte("k"), Present: true, Value: []byte("v"), Proof: []byte{1}, Certificate: c,
			Epochs: []client.EpochProof{{Certificate: c, Proof: []byte{3}}}},
	} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := client.ParseProof(b)
		if err != nil {
			return
		}
		again, err := p.Marshal()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q is parsed and written as %q, %v", b, again, err)
		}
		if _, err := p.Verify(trust); err == nil {
			t.Fatalf("%q verifies", b)
		}
	})
}

func FuzzAnchor(f *testing.F) {
	f.Add([]byte(`{"format":"quoin-anchor/v1","origin":"a/b/c","time_ms":1,"configuration":"AAAA"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a client.Anchor
		if json.Unmarshal(b, &a) != nil {
			return
		}
		if err := a.Configuration.Check(); err != nil {
			t.Fatal(err)
		}
		client.NewVerifier(a)
	})
}
