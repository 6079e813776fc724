package dashboard_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/signature"
)

// What the page verifies is verified here twice: by its modules under Node.js, and by package client.
// The two must agree about everything.

// page is a Node.js process that runs the page's modules.
type page struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	differs func(what string, got, want answer) // is told where the page and the client disagree
	close   func()                              // ends the process
}

// harness is the program that runs the page's modules.
const harness = "proof_test.mjs"

// answer is what the page said, or the code with which it refused.
type answer struct {
	Said     string `json:"said"`
	Code     string `json:"code"`
	Sentence string `json:"sentence"`
}

func openPage(t *testing.T) *page {
	t.Helper()
	return openPageIn(t, ".")
}

// openPageIn runs the modules of a folder.
func openPageIn(t *testing.T, dir string) *page {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no Node.js; on Debian: apt-get install nodejs")
		}
		t.Skip("there is no Node.js, which runs the page's modules; on Debian: apt-get install nodejs")
	}
	c := exec.Command(path, harness)
	c.Dir, c.Stderr = dir, os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	p.differs = func(what string, got, want answer) {
		t.Helper()
		t.Errorf("%s:\nthe page says   %.300q %s %s\nthe client says %.300q %s %s", what, got.Said, got.Code, got.Sentence, want.Said, want.Code, want.Sentence)
	}
	p.close = sync.OnceFunc(func() {
		if in.Close() == nil {
			_ = c.Wait()
		}
	})
	t.Cleanup(p.close)
	if a := p.ask("ready", nil); a.Said != "ready" {
		t.Fatalf("Node.js cannot verify: %s %s; version 18.4 or later can", a.Code, a.Sentence)
	}
	return p
}

// ask runs one operation of proof_test.mjs.
func (p *page) ask(op string, q map[string]any) answer {
	p.t.Helper()
	if q == nil {
		q = map[string]any{}
	}
	q["op"] = op
	b, err := json.Marshal(q)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(b, '\n')); err != nil {
		p.t.Fatal(err)
	}
	text, err := p.out.ReadBytes('\n')
	if err != nil {
		p.t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		p.t.Fatal(err)
	}
	if a.Code == "broken" {
		p.t.Fatalf("%s: %s", op, a.Sentence)
	}
	return a
}

// verdict is what package client says, in the form of an answer.
func verdict(said string, err error) answer {
	switch {
	case err == nil:
		return answer{Said: said}
	case client.RefusalCode(err) != "":
		return answer{Code: client.RefusalCode(err), Sentence: err.Error()}
	}
	return answer{Code: "error", Sentence: err.Error()}
}

// agree wants the same verdict of both.
func (p *page) agree(what string, got, want answer) {
	p.t.Helper()
	if got.Said != want.Said || got.Code != want.Code {
		p.differs(what, got, want)
	}
}

// proof has both verify a proof file.
func (p *page) proof(what string, file []byte, trust client.Anchor, genesis string) answer {
	p.t.Helper()
	got := p.ask("proof", map[string]any{"file": file, "genesis": genesis, "origin": trust.Origin})
	x, err := client.VerifyProof(file, trust)
	want := verdict(proofText(&x), err)
	p.agree(what, got, want)
	return want
}

func proofText(x *client.Verified) string {
	head := fmt.Sprintf("%s %d %s ", x.Kind, x.Checkpoint.Height, strings.Join(x.Signers, ","))
	if x.Kind == client.ProofOfEntry {
		return head + fmt.Sprintf("%d %s", x.Index, entryText(x.ID, &x.Entry))
	}
	return head + fmt.Sprintf("%s %x %t %x", x.Namespace, x.Key, x.Present, x.Value)
}

func entryText(id quoin.Hash, e *quoin.Entry) string {
	return fmt.Sprintf("%s %d %x %x", id, e.Result.Code, e.Result.Output, e.Transaction.AppendBinary(nil))
}

// chain is a network that has gone through epochs of different validators, and what it proves.
type chain struct {
	*testing.T
	w       *apitest.Network
	c       *client.Client
	trust   client.Anchor
	genesis string
	salt    uint64
	keys    map[quoin.PublicKey]ed25519.PrivateKey
	proofs  []*client.Proof // genuine ones of every kind
	entries []uint64
}

// epochsOfChain is how often the chain changes its validators: other weights, then one less.
const epochsOfChain = 3

func newChain(t *testing.T) *chain {
	c := &chain{T: t, w: apitest.Start(t, apitest.Options{Nodes: 4, NoSync: true, HeartbeatMS: 40}), keys: map[quoin.PublicKey]ed25519.PrivateKey{}}
	c.trust = client.GenesisAnchor(c.w.Genesis)
	b, err := json.Marshal(c.w.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	c.genesis = string(b)
	c.c = c.dial(c.w.Servers[0].URL())
	for _, k := range c.w.Keys {
		c.keys[signature.PublicOf(k)] = k
	}
	set := c.w.Genesis.Configuration.Validators.All()
	c.prove("one")
	c.adopt(1, []quoin.Validator{heavier(set[0], 5), heavier(set[1], 3), set[2], set[3]})
	c.prove("two")
	c.adopt(2, []quoin.Validator{heavier(set[0], 2), heavier(set[1], 3), set[2]}) // two of whom are exactly two thirds
	c.prove("three")
	if e := c.c.Verifier().Epoch(); e != epochsOfChain {
		t.Fatalf("epoch %d", e)
	}
	return c
}

func heavier(v quoin.Validator, weight uint64) quoin.Validator {
	v.Weight = weight
	return v
}

func (c *chain) dial(url string) *client.Client {
	c.Helper()
	x, err := client.New(client.Options{Endpoints: []client.Endpoint{{URL: url}}, Trust: client.GenesisAnchor(c.w.Genesis), Attempts: 1, PauseMin: time.Millisecond})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(x.Close)
	return x
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func (c *chain) submit(txs ...quoin.Transaction) []client.Outcome {
	c.Helper()
	o, err := c.c.Submit(within(c.T, 30*time.Second), txs, client.Certified)
	if err != nil {
		c.Fatal(err)
	}
	for i := range o {
		if o[i].Receipt == nil || o[i].Receipt.Result.Code != 0 {
			c.Fatalf("%+v: %s", o[i], governance.Code(o[i].Receipt.Result.Code))
		}
	}
	return o
}

func (c *chain) govern(key ed25519.PrivateKey, command governance.Command) {
	c.Helper()
	c.salt++
	c.submit(c.w.Kernel(key, governance.Encode(command), c.salt, 2000))
}

// prove collects proofs of entries, of keys that are there, and of keys that are not.
func (c *chain) prove(name string) {
	c.Helper()
	var txs []quoin.Transaction
	for i := range 5 {
		c.salt++
		txs = append(txs, apitest.Put(fmt.Sprintf("%s-%d", name, i), name, c.salt, 2000))
	}
	for _, o := range c.submit(txs...) {
		c.proofs, c.entries = append(c.proofs, o.Receipt.Proof()), append(c.entries, o.Receipt.Entry)
	}
	ctx := within(c.T, 30*time.Second)
	values, err := c.c.Get(ctx, "kv", []byte(name+"-1"), []byte("absent"), []byte("nor this"))
	if err != nil {
		c.Fatal(err)
	}
	nowhere, err := c.c.Get(ctx, "nowhere", []byte("k"))
	if err != nil {
		c.Fatal(err)
	}
	for _, v := range append(values, nowhere...) {
		c.proofs = append(c.proofs, v.Proof())
	}
}

// adopt changes the validators.
func (c *chain) adopt(n governance.ProposalNumber, members []quoin.Validator) {
	c.Helper()
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		c.Fatal(err)
	}
	c.govern(c.w.Admin, governance.NewValidators(set))
	c.await(n, governance.StatusPrechecked)
	c.govern(c.w.Second, governance.Approve{Proposal: n})
	c.govern(c.w.Admin, governance.Schedule{Proposal: n, Height: c.c.Verifier().Newest().Height + 8})
	c.await(n, governance.StatusActive)
	if _, err := c.c.Follow(within(c.T, 30*time.Second)); err != nil {
		c.Fatal(err)
	}
}

func (c *chain) await(n governance.ProposalNumber, status governance.Status) {
	c.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r, err := c.c.Proposal(within(c.T, 10*time.Second), uint64(n))
		if err == nil && r.Proposal.Status == status.String() {
			return
		}
		if time.Now().After(end) {
			c.Fatalf("proposal %d is %s, want %v (%v)", n, r.GetProposal().GetStatus(), status, err)
		}
	}
}

// file writes a proof.
func (c *chain) file(p *client.Proof) []byte {
	c.Helper()
	b, err := p.Marshal()
	if err != nil {
		c.Fatal(err)
	}
	return b
}

// TestBrowserVerifiesGenuineProofs wants every genuine proof of every epoch accepted, for what it says.
func TestBrowserVerifiesGenuineProofs(t *testing.T) {
	p := openPage(t)
	c := newChain(t)
	kinds := map[string]int{}
	for i, x := range c.proofs {
		file := c.file(x)
		if want := p.proof(fmt.Sprintf("proof %d", i), file, c.trust, c.genesis); want.Code != "" {
			t.Errorf("proof %d: %s", i, want.Sentence)
		}
		if a := p.ask("rewrite", map[string]any{"file": file}); a.Said != string(file) {
			t.Errorf("proof %d is written otherwise: %s\n%s\nwant\n%s", i, a.Sentence, a.Said, file)
		}
		kinds[fmt.Sprintf("%s, epoch %d, present %t", x.Kind, x.Certificate.Checkpoint.Epoch, x.Present)]++
	}
	if len(kinds) != 3*epochsOfChain {
		t.Errorf("kinds %v", kinds)
	}
	if a := p.ask("genesis", map[string]any{"genesis": c.genesis}); a.Said != string(c.trust.Origin) {
		t.Errorf("genesis: %s %s", a.Said, a.Sentence)
	}
	t.Run("mutations", func(t *testing.T) { testMutations(t, c, p) })
	t.Run("verifier", func(t *testing.T) { testVerifier(t, c, p) })
	t.Run("answers", func(t *testing.T) { testAnswers(t, c, p) })
	t.Run("genesis", func(t *testing.T) { testGenesis(t, c, p) })
	t.Run("configurations", func(t *testing.T) { testConfigurations(t, c, p) })
	t.Run("planted mistakes", func(t *testing.T) { testPlants(t, c) })
}

// flip returns b with one bit changed.
func flip(b []byte, bit int) []byte {
	bad := bytes.Clone(b)
	bad[bit/8] ^= 1 << (bit % 8)
	return bad
}
