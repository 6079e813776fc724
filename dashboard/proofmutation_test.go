package dashboard_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/signature"
)

var seedFlag = flag.Uint64("proof-seed", 0, "the seed of the mutations of proofs (0: a new one)")

func seed() uint64 {
	if *seedFlag != 0 {
		return *seedFlag
	}
	return rand.Uint64()
}

// testMutations has both verify proofs in which something was changed: at every place of the file, in
// every field, and with the validators' own signatures over what was changed.
func testMutations(t *testing.T, c *chain, p *page) {
	s := seed()
	t.Logf("seed %d; replay with: go test ./dashboard -run TestBrowserVerifiesGenuineProofs -proof-seed %d", s, s)
	r := rand.New(rand.NewPCG(s, 1))
	verdicts := map[string]int{}
	for i := range 600 {
		file, what := c.mutated(r, i)
		verdicts[p.proof(fmt.Sprintf("mutation %d (%s)", i, what), file, c.trust, c.genesis).Code]++
	}
	if verdicts["proof"] < 350 || verdicts[""] < 5 { // some changes are none: another quorum signs the same
		t.Errorf("verdicts %v", verdicts)
	}
	t.Logf("verdicts %v", verdicts)
}

// mutated returns a proof file in which something was changed, and says what.
func (c *chain) mutated(r *rand.Rand, i int) ([]byte, string) {
	x := c.proofs[r.IntN(len(c.proofs))]
	if i%4 == 0 {
		return mutateBytes(r, c.file(x))
	}
	m := c.clone(x)
	what := c.mutate(r, m)
	return c.file(m), what
}

// clone copies a proof to its last byte.
func (c *chain) clone(p *client.Proof) *client.Proof {
	c.Helper()
	x, err := client.ParseProof(c.file(p))
	if err != nil {
		c.Fatal(err)
	}
	return x
}

// mutateBytes changes a file as it stands.
func mutateBytes(r *rand.Rand, file []byte) ([]byte, string) {
	at := r.IntN(len(file))
	switch r.IntN(7) {
	case 0:
		return flip(file, 8*at+r.IntN(8)), fmt.Sprintf("bit of byte %d", at)
	case 1:
		return slices.Delete(bytes.Clone(file), at, at+1), fmt.Sprintf("byte %d left out", at)
	case 2:
		return slices.Insert(bytes.Clone(file), at, file[r.IntN(len(file))]), fmt.Sprintf("a byte before %d", at)
	case 3:
		return file[:at], fmt.Sprintf("cut at %d", at)
	case 4:
		return append(bytes.Clone(file), " \n{}0"[r.IntN(5)]), "longer"
	case 5:
		lines := bytes.SplitAfter(file, []byte("\n"))
		i, j := r.IntN(len(lines)), r.IntN(len(lines))
		lines[i], lines[j] = lines[j], lines[i]
		return bytes.Join(lines, nil), fmt.Sprintf("lines %d and %d swapped", i, j)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, file) != nil {
		return nil, "empty"
	}
	return compact.Bytes(), "without spaces"
}

// mutate changes one field of a proof, or of a certificate in it, and says which. Half of the changed
// certificates are signed again, by a set of validators that may be the right one.
func (c *chain) mutate(r *rand.Rand, p *client.Proof) string {
	certificate, proof, where := &p.Certificate, &p.Proof, "proof"
	if n := len(p.Epochs); n > 0 && r.IntN(3) == 0 {
		i := r.IntN(n)
		certificate, proof, where = &p.Epochs[i].Certificate, &p.Epochs[i].Proof, fmt.Sprintf("epoch proof %d", i)
	}
	if r.IntN(2) == 0 {
		what := mutateCheckpoint(r, &certificate.Checkpoint)
		if r.IntN(2) == 0 {
			return where + ": " + what
		}
		return where + ": " + what + ", " + c.sign(r, certificate)
	}
	switch r.IntN(11) {
	case 0:
		p.Index += uint64(r.IntN(5)) - 2
		return "index"
	case 1:
		p.Value = mutateField(r, p.Value)
		return "value"
	case 2, 3, 4:
		*proof = mutateField(r, *proof)
		return where + ": path"
	case 5:
		p.Present = !p.Present
		return "present"
	case 6:
		p.Key, p.Namespace = mutateField(r, p.Key), []string{p.Namespace, "kv", "quoin", "<&>", ""}[r.IntN(5)]
		return "key"
	case 7:
		i := r.IntN(len(certificate.Signatures))
		certificate.Signatures[i] = quoin.Signature(flip(certificate.Signatures[i][:], r.IntN(512)))
		return where + ": signature"
	case 8:
		return where + ": " + mutateSigners(r, certificate)
	case 9:
		return where + ": " + c.sign(r, certificate)
	}
	return mutateEpochs(r, p)
}

func mutateField(r *rand.Rand, b []byte) []byte {
	switch r.IntN(6) {
	case 0:
		return append(bytes.Clone(b), byte(r.IntN(256)))
	case 1:
		return append(bytes.Clone(b), make([]byte, 32)...)
	case 2:
		return b[:r.IntN(len(b)+1)]
	case 3:
		return b[:max(0, len(b)-32)]
	}
	if len(b) == 0 {
		return []byte{1}
	}
	return flip(b, r.IntN(8*len(b)))
}

func mutateCheckpoint(r *rand.Rand, x *quoin.Checkpoint) string {
	hash := func(h *quoin.Hash) { *h = quoin.Hash(flip(h[:], r.IntN(256))) }
	switch r.IntN(9) {
	case 0:
		x.Origin = []quoin.Origin{"other/main/" + x.Origin[len(x.Origin)-64:], x.Origin + "<", "<&>\u2028", "x", x.Origin[:len(x.Origin)-1]}[r.IntN(5)]
		return "origin"
	case 1:
		x.Size += uint64(r.IntN(5)) - 2
		return "size"
	case 2:
		hash(&x.Ledger)
		return "ledger root"
	case 3:
		x.Epoch = quoin.Epoch(r.IntN(6))
		return "epoch"
	case 4:
		x.Height += quoin.Height(r.IntN(30)) - 15
		return "height"
	case 5:
		x.View++
		return "view"
	case 6:
		hash(&x.Block)
		return "block"
	case 7:
		hash(&x.State)
		return "state root"
	}
	x.Time += quoin.Time(r.IntN(2000))
	return "time"
}

func mutateSigners(r *rand.Rand, x *quoin.Certificate) string {
	last := len(x.Signatures) - 1
	switch r.IntN(5) {
	case 0:
		x.Signatures = x.Signatures[:last]
		return "a signature less than signers"
	case 1:
		x.Signatures = append(x.Signatures, x.Signatures[last])
		return "the last signature twice"
	case 2:
		x.Signers = append(bytes.Clone(x.Signers), 0)
		return "signers with a zero byte more"
	case 3:
		x.Signers = x.Signers.With(r.IntN(16))
		x.Signatures = append(x.Signatures, x.Signatures[0])
		return "another signer with a signature of the first"
	}
	x.Signers = quoin.Bitmap(flip(x.Signers, r.IntN(8*len(x.Signers))))
	return "another set of signers"
}

func mutateEpochs(r *rand.Rand, p *client.Proof) string {
	n := len(p.Epochs)
	if n == 0 {
		p.Epochs = []client.EpochProof{{Certificate: p.Certificate, Proof: p.Proof}}
		return "an epoch proof that is none"
	}
	switch r.IntN(4) {
	case 0:
		p.Epochs = p.Epochs[:n-1]
		return "an epoch proof less"
	case 1:
		p.Epochs = append(p.Epochs, p.Epochs[n-1])
		return "an epoch proof twice"
	case 2:
		p.Epochs = p.Epochs[1:]
		return "without the first epoch proof"
	}
	p.Epochs[0], p.Epochs[n-1] = p.Epochs[n-1], p.Epochs[0]
	return "epoch proofs swapped"
}

// sign certifies a checkpoint anew: by some validators of an epoch, most often its own.
func (c *chain) sign(r *rand.Rand, x *quoin.Certificate) string {
	epoch := x.Checkpoint.Epoch
	if r.IntN(4) == 0 {
		epoch = quoin.Epoch(r.IntN(epochsOfChain) + 1)
	}
	configuration, ok := c.c.Verifier().Configuration(epoch)
	if !ok {
		configuration = c.w.Genesis.Configuration
	}
	var by []int
	for i := range configuration.Validators.Len() {
		if r.IntN(4) > 0 {
			by = append(by, i)
		}
	}
	*x = c.certify(x.Checkpoint, configuration.Validators, by...)
	if r.IntN(4) > 0 {
		*x = x.Trim(configuration.Validators)
	}
	return fmt.Sprintf("signed by %v of epoch %d", by, epoch)
}

// certify signs a checkpoint with the keys of validators, by their indexes.
func (c *chain) certify(x quoin.Checkpoint, set quoin.ValidatorSet, by ...int) quoin.Certificate {
	certificate := quoin.Certificate{Checkpoint: x, Signers: quoin.Bitmap{}}
	for _, i := range by {
		certificate.Signers = certificate.Signers.With(i)
		certificate.Signatures = append(certificate.Signatures, signature.Sign(c.keys[set.At(i).Key], x.CosignedBytes()))
	}
	return certificate
}
