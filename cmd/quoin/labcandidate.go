package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab"
)

// candidateFlags name an algorithm to try: a release, as a file or a project's folder, or a built-in.
type candidateFlags struct {
	release, builtin, params, payloads string
}

func (f *candidateFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.release, "release", "", "a release to try: a .wasm file, or a project's folder, which is built; it serves from the first block")
	c.Flags().StringVar(&f.builtin, "builtin", "", "a built-in to try, such as leader.v1=weighted-random")
	c.Flags().StringVar(&f.params, "params", "", "the binding's parameters, as text, or 0x and hexadecimal, or @FILE")
	c.Flags().StringVar(&f.payloads, "payloads", "", "for a machine: a file of examples of payloads, one a line (default: "+payloadsFile+" of the folder)")
}

// candidate returns what the flags name; nil if they name nothing.
func (f *candidateFlags) candidate(ctx context.Context) (*lab.Candidate, error) {
	params, err := parameterBytes(f.params)
	switch {
	case err != nil:
		return nil, err
	case f.release != "" && f.builtin != "":
		return nil, usage("--release and --builtin were both given", "choose one")
	case f.builtin != "":
		hookName, name, ok := strings.Cut(f.builtin, "=")
		if !ok {
			return nil, usage("--builtin "+quote(f.builtin)+" names no built-in", "write it as HOOK=NAME: leader.v1=weighted-random")
		}
		c, err := lab.NewBuiltinCandidate(hookName, name, params)
		if err != nil {
			return nil, usage(err.Error(), "see `quoin plugin hooks`")
		}
		return c, nil
	case f.release == "":
		return nil, nil
	}
	s, err := openSubject(ctx, f.release)
	if err != nil {
		return nil, err
	}
	payloads, err := payloadsOf(f.payloads, s.dir)
	if err != nil {
		return nil, err
	}
	c, err := lab.NewCandidate(s.file, params, payloads...)
	if err != nil {
		return nil, failure(fmt.Sprintf("the host refuses the release %s", f.release), err, "see `quoin plugin check`")
	}
	return c, nil
}

// again returns the flags as a command line has them, for the command that replays a seed.
func (f *candidateFlags) again() string {
	b := ""
	for _, x := range [][2]string{{"release", f.release}, {"builtin", f.builtin}, {"params", f.params}, {"payloads", f.payloads}} {
		if x[1] != "" {
			b += fmt.Sprintf(" --%s %s", x[0], shellQuote(x[1]))
		}
	}
	return b
}

// shellQuote quotes an argument where a shell would take it apart.
func shellQuote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(shellPlain, r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

const shellPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,:@%+"
