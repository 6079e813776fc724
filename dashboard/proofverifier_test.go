package dashboard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/ledger"
)

// step is one call of a verifier: an epoch proof, or a certificate alone.
type step struct {
	what   string
	extend bool
	proof  client.EpochProof
}

// steps has both take the same steps with one verifier.
func (c *chain) steps(p *page, what string, steps ...step) string {
	c.Helper()
	v := client.NewVerifier(c.trust)
	var asked []map[string]any
	var said []string
	for i := range steps {
		x := &steps[i]
		carrier := &client.Proof{Kind: client.ProofOfEntry, Certificate: x.proof.Certificate, Proof: x.proof.Proof}
		asked = append(asked, map[string]any{"file": c.file(carrier), "extend": x.extend})
		var err error
		if x.extend {
			err = v.Extend(x.proof)
		} else {
			err = v.VerifyCertificate(&x.proof.Certificate)
		}
		if err == nil {
			said = append(said, fmt.Sprintf("ok %d %d", v.Epoch(), v.Newest().Height))
		} else {
			said = append(said, client.RefusalCode(err))
		}
	}
	want := strings.Join(said, ";")
	p.agree(what, p.ask("steps", map[string]any{"steps": asked, "genesis": c.genesis}), answer{Said: want})
	return want
}

// testVerifier has both follow the chain in right and wrong orders, with certificates by too little
// weight, by validators that have left, of forks, and at and beyond the ends of epochs.
func testVerifier(t *testing.T, c *chain, p *page) {
	last := c.proofs[len(c.proofs)-1]
	links := last.Epochs
	extend := func(i int) step { return step{"epoch proof", true, links[i]} }
	check := func(x quoin.Certificate) step { return step{"certificate", false, client.EpochProof{Certificate: x}} }
	set := func(e quoin.Epoch) quoin.ValidatorSet {
		configuration, _ := c.c.Verifier().Configuration(e)
		return configuration.Validators
	}
	whole := func(x quoin.Checkpoint, e quoin.Epoch) quoin.Certificate {
		var all []int
		for i := range set(e).Len() {
			all = append(all, i)
		}
		return c.certify(x, set(e), all...)
	}
	end, fork := links[0].Certificate.Checkpoint, links[0].Certificate.Checkpoint
	fork.State[0]++
	beyond := end
	beyond.Height += 5
	tail := end
	tail.View, tail.Block = tail.View+9, quoin.Hash{1}
	early := last.Certificate.Checkpoint
	early.Height = 1
	for _, x := range []struct {
		name  string
		steps []step
		want  string // what must be among what is said
	}{
		{"in order", []step{extend(0), extend(1), check(last.Certificate)}, "ok 3"},
		{"the second first", []step{extend(1), extend(0)}, "proof;ok 2"},
		{"the first twice", []step{extend(0), extend(0)}, "proof"},
		{"too early", []step{check(last.Certificate), extend(0), check(last.Certificate)}, "epoch-unknown;ok 2"},
		{"a fork", []step{check(whole(end, 1)), check(whole(fork, 1))}, "fork"},
		{"a tail block is no fork", []step{check(whole(end, 1)), check(whole(tail, 1))}, "ok 1"},
		{"an old fork", []step{check(whole(beyond, 1)), check(whole(end, 1)), check(whole(fork, 1))}, "ok"},
		{"beyond the end", []step{check(whole(beyond, 1)), extend(0), check(whole(beyond, 1))}, ";proof"},
		{"before the beginning", []step{extend(0), extend(1), check(whole(early, 3))}, ";proof"},
		{"by those who have left", []step{extend(0), extend(1), check(whole(last.Certificate.Checkpoint, 1))}, ";proof"},
		{"nobody", []step{check(c.certify(end, set(1)))}, "proof"},
	} {
		if said := c.steps(p, x.name, x.steps...); !strings.Contains(said, x.want) {
			t.Errorf("%s: %s, want %s", x.name, said, x.want)
		}
	}
	c.everySubset(p, last.Certificate.Checkpoint, set(3), []step{extend(0), extend(1)})
	c.everySubset(p, c.epoch2(), set(2), []step{extend(0)})
}

func (c *chain) epoch2() quoin.Checkpoint {
	for _, x := range c.proofs {
		if x.Certificate.Checkpoint.Epoch == 2 {
			return x.Certificate.Checkpoint
		}
	}
	return quoin.Checkpoint{}
}

// everySubset has every subset of validators sign: only weight decides.
func (c *chain) everySubset(p *page, x quoin.Checkpoint, set quoin.ValidatorSet, before []step) {
	c.Helper()
	quorums := 0
	for subset := range 1 << set.Len() {
		var by []int
		for i := range set.Len() {
			if subset>>i&1 == 1 {
				by = append(by, i)
			}
		}
		certificate := step{"certificate", false, client.EpochProof{Certificate: c.certify(x, set, by...)}}
		said := c.steps(p, fmt.Sprintf("signed by %v", by), append(before[:len(before):len(before)], certificate)...)
		accepted := !strings.HasSuffix(said, "proof")
		if accepted != set.IsQuorum(set.Weight(certificate.proof.Certificate.Signers)) {
			c.Errorf("signed by %v: %s", by, said)
		}
		if accepted {
			quorums++
		}
	}
	if quorums == 0 || quorums > 1<<(set.Len()-1) {
		c.Errorf("%d quorums", quorums)
	}
}

// TestBrowserTrees wants the same verdicts about paths in trees of every small size, and larger ones.
func TestBrowserTrees(t *testing.T) {
	p := openPage(t)
	s := seed()
	t.Logf("seed %d; replay with: go test ./dashboard -run TestBrowserTrees -proof-seed %d", s, s)
	r := rand.New(rand.NewPCG(s, 2))
	tree := newTree(t, 300)
	sizes := []int64{255, 256, 257, 300}
	for n := range int64(18) {
		sizes = append(sizes, n+1)
	}
	verdicts := map[string]int{}
	for _, size := range sizes {
		for range 16 {
			index, from := r.Int64N(size), r.Int64N(size+1)
			path, consistency := tree.path(index, size), tree.consistency(from, size)
			verdicts[p.inclusion(tree.leaf(index), uint64(index), uint64(size), tree.root(size), path)]++
			verdicts[p.consistency(uint64(from), tree.root(from), uint64(size), tree.root(size), consistency)]++
			wrong := uint64(r.Int64N(size + 2))
			verdicts[p.inclusion(tree.leaf(index), wrong, uint64(size), tree.root(size), path)]++
			verdicts[p.inclusion(tree.leaf(index), uint64(index), wrong, tree.root(size), path)]++
			verdicts[p.inclusion(tree.leaf(index), uint64(index), uint64(size), tree.root(size), mutatePath(r, path))]++
			verdicts[p.consistency(wrong, tree.root(from), uint64(size), tree.root(size), consistency)]++
			verdicts[p.consistency(uint64(from), tree.root(from), uint64(size), tree.root(size), mutatePath(r, consistency))]++
		}
	}
	const most = 1<<48 - 1
	verdicts[p.inclusion(tree.leaf(0), most-1, most, tree.root(1), make([]quoin.Hash, 48))]++
	verdicts[p.inclusion(tree.leaf(0), most, most+1, tree.root(1), make([]quoin.Hash, 48))]++
	verdicts[p.consistency(most/3, tree.root(1), most, tree.root(1), make([]quoin.Hash, 48))]++
	if verdicts["ok"] < 2*16*len(sizes) || verdicts["proof"] < 2*16*len(sizes) {
		t.Errorf("verdicts %v", verdicts)
	}
}

func mutatePath(r *rand.Rand, path []quoin.Hash) []quoin.Hash {
	bad := append([]quoin.Hash(nil), path...)
	switch n := len(bad); {
	case n == 0 || r.IntN(4) == 0:
		return append(bad, quoin.Hash{byte(r.IntN(256))})
	case r.IntN(3) == 0:
		return bad[:n-1]
	case r.IntN(3) == 0:
		bad[0], bad[n-1] = bad[n-1], bad[0]
	default:
		i := r.IntN(n)
		bad[i] = quoin.Hash(flip(bad[i][:], r.IntN(256)))
	}
	return bad
}

func (p *page) inclusion(leaf quoin.Hash, index, size uint64, root quoin.Hash, path []quoin.Hash) string {
	p.t.Helper()
	got := p.ask("inclusion", map[string]any{"leaf": leaf[:], "index": fmt.Sprint(index), "size": fmt.Sprint(size), "root": root[:], "path": joined(path)})
	return p.tree(fmt.Sprintf("entry %d of %d, %d hashes", index, size, len(path)), got, ledger.VerifyInclusion(leaf, index, size, root, path))
}

func (p *page) consistency(from uint64, fromRoot quoin.Hash, to uint64, toRoot quoin.Hash, path []quoin.Hash) string {
	p.t.Helper()
	got := p.ask("consistency", map[string]any{"from": fmt.Sprint(from), "fromRoot": fromRoot[:], "to": fmt.Sprint(to), "toRoot": toRoot[:], "path": joined(path)})
	return p.tree(fmt.Sprintf("from %d to %d, %d hashes", from, to, len(path)), got, ledger.VerifyConsistency(from, fromRoot, to, toRoot, path))
}

func (p *page) tree(what string, got answer, err error) string {
	p.t.Helper()
	want := answer{Said: "ok"}
	if errors.Is(err, ledger.ErrProof) {
		want = answer{Code: "proof", Sentence: err.Error()}
	}
	p.agree(what, got, want)
	return want.Said + want.Code
}

func joined(path []quoin.Hash) []byte {
	b := []byte{}
	for i := range path {
		b = append(b, path[i][:]...)
	}
	return b
}

// tree is an RFC 6962 tree by golang.org/x/mod.
type tree struct {
	*testing.T
	stored []tlog.Hash
}

func newTree(t *testing.T, n int64) *tree {
	x := &tree{T: t}
	for i := range n {
		hashes, err := tlog.StoredHashes(i, fmt.Append(nil, i), x)
		if err != nil {
			t.Fatal(err)
		}
		x.stored = append(x.stored, hashes...)
	}
	return x
}

// ReadHashes implements tlog.HashReader.
func (x *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		hashes[i] = x.stored[at]
	}
	return hashes, nil
}

func (x *tree) leaf(i int64) quoin.Hash { return ledger.LeafHash(fmt.Append(nil, i)) }

func (x *tree) root(size int64) quoin.Hash {
	h, err := tlog.TreeHash(size, x)
	if err != nil {
		x.Fatal(err)
	}
	return quoin.Hash(h)
}

func (x *tree) path(index, size int64) []quoin.Hash {
	proof, err := tlog.ProveRecord(size, index, x)
	if err != nil {
		x.Fatal(err)
	}
	return hashesOf(proof)
}

func (x *tree) consistency(from, size int64) []quoin.Hash {
	if from == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(size, from, x)
	if err != nil {
		x.Fatal(err)
	}
	return hashesOf(proof)
}

func hashesOf(proof []tlog.Hash) []quoin.Hash {
	var path []quoin.Hash
	for _, h := range proof {
		path = append(path, quoin.Hash(h))
	}
	return path
}

// testGenesis changes the genesis file. Where the page takes it, a node must take it as the same chain.
func testGenesis(t *testing.T, c *chain, p *page) {
	s := seed()
	t.Logf("seed %d; replay with: go test ./dashboard -run TestBrowserVerifiesGenuineProofs -proof-seed %d", s, s)
	r := rand.New(rand.NewPCG(s, 3))
	taken, refused := 0, 0
	for i := range 400 {
		file, what := []byte(c.genesis), "genuine"
		if i > 0 {
			file, what = mutateBytes(r, file)
		}
		a := p.ask("genesis", map[string]any{"genesis": string(file)})
		var g quoin.Genesis
		err := json.Unmarshal(file, &g)
		switch {
		case a.Code == "" && (err != nil || a.Said != string(g.Origin())):
			t.Errorf("%s is taken as %s by the page, as %s by a node (%v)\n%s", what, a.Said, g.Origin(), err, file)
		case a.Code != "" && a.Code != "bad-genesis":
			t.Errorf("%s: %+v", what, a)
		case a.Code == "":
			taken++
		default:
			refused++
		}
	}
	if taken < 5 || refused < 50 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
}

// testConfigurations has both decode configurations in which something was changed.
func testConfigurations(t *testing.T, c *chain, p *page) {
	s := seed()
	t.Logf("seed %d; replay with: go test ./dashboard -run TestBrowserVerifiesGenuineProofs -proof-seed %d", s, s)
	r := rand.New(rand.NewPCG(s, 4))
	x := c.w.Genesis.Configuration.WithBinding(quoin.Binding{Hook: "leader.v1", Namespace: "slow", Release: quoin.Hash{5}, Parameters: []byte("p"), FuelMax: 7,
		Grants: []string{"clock", "log"}, Nodes: []quoin.PublicKey{{1}, {2}}})
	whole := x.AppendBinary(nil)
	taken := 0
	for i := range 600 {
		b := whole
		if i > 0 {
			b = mutateField(r, whole)
		}
		want := answer{Code: "proof"}
		if d, err := quoin.DecodeConfiguration(b); err == nil {
			taken++
			want = answer{Said: base64Of(d.AppendBinary(nil))}
		} else {
			want.Sentence = err.Error()
		}
		p.agree(fmt.Sprintf("configuration %d", i), p.ask("configuration", map[string]any{"bytes": b}), want)
	}
	if taken < 20 || taken > 580 {
		t.Errorf("%d taken", taken)
	}
	testParameters(t, p)
}

// testParameters wants the page's table of parameters to be the chain's.
func testParameters(t *testing.T, p *page) {
	g, names := quoin.DefaultParameters(), []string{}
	for _, line := range strings.Split(p.ask("parameters", nil).Said, "\n") {
		var name string
		var normal, low, high uint64
		if _, err := fmt.Sscan(line, &name, &normal, &low, &high); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		names = append(names, name)
		x := g
		if err := x.Set(name, normal); err != nil || x != g {
			t.Errorf("the default of %s is not %d (%v)", name, normal, err)
		}
		if x.Set(name, low) != nil || x.Set(name, high) != nil || x.Set(name, high+1) == nil || low > 0 && x.Set(name, low-1) == nil {
			t.Errorf("the bounds of %s are not %d and %d", name, low, high)
		}
	}
	if want := quoin.ParameterNames(); strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("parameters %v, want %v", names, want)
	}
}
