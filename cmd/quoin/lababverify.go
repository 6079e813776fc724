package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"quoin.dev/quoin"
	"quoin.dev/quoin/bench/compare"
)

// check checks a file of evidence, and with --rerun measures again.
func (d *duel) check(ctx context.Context, t *terminal) error {
	file, err := readFile(d.verify, compare.EvidenceBytesMax)
	if err != nil {
		return err
	}
	s, digest, signer, err := compare.Read(file)
	if err != nil {
		return unverifiedEvidence(err)
	}
	if d.key != "" {
		want, err := publicKey(d.key)
		if err != nil {
			return err
		}
		if want != signer {
			return unverifiedEvidence(fmt.Errorf("%w: it is signed by %s", compare.ErrEvidence, orNobody(signer)))
		}
	}
	if d.rerun {
		if err := d.again(ctx, t, s); err != nil {
			return err
		}
	}
	v := struct {
		Digest  string             `json:"digest"`
		Signer  authorKey          `json:"signer"`
		Rerun   bool               `json:"rerun"`
		Content *compare.Statement `json:"statement"`
	}{digest.String(), authorKey{signer}, d.rerun, s}
	return t.data(v, func(w io.Writer) {
		printComparison(w, &s.Result, s.Mode, s.Count, subjectName(&s.Base), subjectName(&s.Candidate))
		fmt.Fprintf(w, "\ndigest %s\nsigner %s\n", digest, orNobody(signer))
		if d.rerun {
			fmt.Fprintln(w, "run again: every figure is the same")
		}
	})
}

func unverifiedEvidence(err error) error {
	return &fault{exit: exitUnverified, code: "evidence", what: "the evidence does not verify", cause: err, todo: "do not believe it; ask its author for the file, and compare yourself"}
}

// publicKey reads a public key, or takes that of a key file.
func publicKey(text string) (quoin.PublicKey, error) {
	if key, err := quoin.ParsePublicKey(text); err == nil {
		return key, nil
	}
	key, err := readKey(text)
	if err != nil {
		return quoin.PublicKey{}, err
	}
	return publicOf(key), nil
}

// again runs a simulated comparison as the statement says, and compares every figure.
func (d *duel) again(ctx context.Context, t *terminal, s *compare.Statement) error {
	if s.Mode != compare.ModeSimulated || s.World == nil {
		return usage("a live comparison never gives the same figures twice", "leave out --rerun, and compare again yourself")
	}
	e := duel{base: d.base, candidate: d.candidate, world: *s.World, first: s.First, pairs: s.Count, parallel: d.parallel,
		margin: float64(s.Result.Margin) / 1e6}
	if err := errors.Join(e.base.from(&s.Base, "base"), e.candidate.from(&s.Candidate, "candidate")); err != nil {
		return err
	}
	for _, f := range s.Result.Findings {
		if f.Judged {
			e.judged = append(e.judged, f.Name)
		}
	}
	for _, k := range s.Result.Budgets {
		e.budgets = append(e.budgets, fmt.Sprintf("%s=%d", k.Metric, k.Limit))
	}
	got, _, err := e.compare(ctx, t)
	if err != nil {
		return err
	}
	if subjectName(&got.Base) != subjectName(&s.Base) || subjectName(&got.Candidate) != subjectName(&s.Candidate) {
		return usage("this is not what the statement compares: "+subjectName(&got.Base)+"and "+subjectName(&got.Candidate), "name the releases with --base and --candidate")
	}
	got.Version = s.Version // another version must give the same figures, or the statement is not of this program
	a, err := got.Bytes()
	if err != nil {
		return err
	}
	b, err := s.Bytes()
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return unverifiedEvidence(fmt.Errorf("%w: run again, version %s gives other figures than version %s gave (verdict %s)",
			compare.ErrEvidence, programVersion(), s.Version, got.Result.Verdict))
	}
	return nil
}

// from fills the flags of a side from a statement. A release comes from the command line, and the
// digest of what it names is compared with the rest.
func (f *sideFlags) from(s *compare.Subject, role string) error {
	if len(s.Bindings) > 0 {
		b := s.Bindings[0]
		f.params = fmt.Sprintf("0x%x", b.Parameters)
		if b.Builtin != "" {
			f.spec = b.Hook + "=" + b.Builtin
		} else if f.spec == "" {
			return usage("the statement names a release: "+b.Release, "name its file with --"+role)
		}
	}
	f.parameters = nil
	for name, v := range s.Parameters { // in any order: they are set by name
		f.parameters = append(f.parameters, fmt.Sprintf("%s=%d", name, v))
	}
	return nil
}

func subjectName(s *compare.Subject) string {
	name := ""
	for _, b := range s.Bindings {
		name += b.Hook + "=" + b.Builtin + b.Release + " "
	}
	if name == "" {
		name = "the chain's own "
	}
	if len(s.Parameters) > 0 {
		name += fmt.Sprintf("with %v", s.Parameters)
	}
	return name
}
