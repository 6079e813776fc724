package dashboard_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plants are mistakes that a verifier in a browser could make. Each must be found by comparing it
// with package client, or the comparison is worth nothing.
var plants = []struct{ name, file, from, to string }{
	{"half of the weight is a quorum", "verify.js", "3n * weight > 2n * total(set)", "2n * weight > total(set)"},
	{"exactly two thirds are a quorum", "verify.js", "3n * weight > 2n * total(set)", "3n * weight >= 2n * total(set)"},
	{"signatures are not looked at", "verify.js", "if (bad >= 0) refuse", "if (false) refuse"},
	{"only the first signature is looked at", "verify.js", "if (bad >= 0) refuse", "if (bad === 0) refuse"},
	{"heights are of any epoch", "verify.js", "if (c.height < e.configuration.first ||", "if (false ||"},
	{"the end of an epoch is not known", "verify.js", "now.last = c.height;", ""},
	{"an epoch proof at any height", "verify.js", "next.first !== c.height + 1n", "false"},
	{"forks pass", "verify.js", "if (contradicts(c, this.newest))", "if (false)"},
	{"the entry's path is not followed to the root", "merkle.js", "|| !equal(hash, root)) refuse(`entry", "|| false) refuse(`entry"},
	{"the directory of the state is not checked", "merkle.js", "...lines), root)) refuse", "...lines), root) && false) refuse"},
	{"the trie's root is not checked", "merkle.js", "if (!equal(at, trie.root)) refuse", "if (false) refuse"},
	{"bytes may be left over", "canonical.js", "if (this.left > 0) refuse", "if (false) refuse"},
	{"files have many forms", "prooffile.js", "if (proofText(p) !== text) refuse", "if (false) refuse"},
	{"more signatures than a quorum's pass", "prooffile.js", "if (needed !== certificate.signatures.length) refuse", "if (false) refuse"},
	{"the value may be another than the proof's", "prooffile.js", "if ((value !== null) !== p.present ||", "if (false &&"},
}

var allPlants = flag.Bool("proof-plants", false, "plant all mistakes of a verifier, not three of them")

// testPlants wants every planted mistake found.
func testPlants(t *testing.T, c *chain) {
	s := seed()
	t.Logf("seed %d; replay with: go test ./dashboard -run TestBrowserVerifiesGenuineProofs -proof-plants -proof-seed %d", s, s)
	chosen := rand.New(rand.NewPCG(s, 9)).Perm(len(plants))
	if !*allPlants {
		chosen = chosen[:3]
	}
	for _, i := range chosen {
		x := plants[i]
		p := openPlanted(t, x.file, x.from, x.to)
		found := ""
		p.differs = func(what string, _, _ answer) { found = what }
		testVerifier(t, c, p)
		r := rand.New(rand.NewPCG(s, uint64(i)+100))
		for n := 0; n < 800 && found == ""; n++ {
			file, what := c.mutated(r, n)
			p.proof(what, file, c.trust, c.genesis)
		}
		if found == "" {
			t.Errorf("%s: nobody noticed", x.name)
		}
		t.Logf("%s: noticed with %s", x.name, found)
		p.close()
	}
}

// openPlanted runs the page's modules with a mistake in one of them.
func openPlanted(t *testing.T, file, from, to string) *page {
	t.Helper()
	dir := t.TempDir()
	modules, err := filepath.Glob("page/*.js")
	if err != nil || os.Mkdir(filepath.Join(dir, "page"), 0o755) != nil {
		t.Fatal(err)
	}
	for _, name := range append(modules, harness) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if filepath.Base(name) == file {
			if strings.Count(text, from) != 1 {
				t.Fatalf("%s stands %d times in %s, want once", from, strings.Count(text, from), file)
			}
			text = strings.Replace(text, from, to, 1)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return openPageIn(t, dir)
}
