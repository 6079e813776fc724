package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/conformance"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/scaffold"
)

// payloadsFile is the file of a project that holds examples of payloads.
const payloadsFile = "payloads.txt"

// questionFlags say what a plugin is asked; plugin test, bench and diff share them.
type questionFlags struct {
	seed     uint64
	calls    int
	params   string
	payloads string
	records  []string
}

func (f *questionFlags) add(c *cobra.Command, calls int) {
	c.Flags().Uint64Var(&f.seed, "seed", 1, "of all that is random: the same seed asks the same")
	c.Flags().IntVar(&f.calls, "calls", calls, "how many random requests each operation gets")
	c.Flags().StringVar(&f.params, "params", "", "the binding's parameters, as text, or 0x and hexadecimal, or @FILE")
	c.Flags().StringVar(&f.payloads, "payloads", "", "a file of examples of payloads, one a line: text, or 0x and hexadecimal (default: "+payloadsFile+" of the folder)")
	c.Flags().StringArrayVar(&f.records, "record", nil, "a file of recorded blocks to answer again; may be repeated")
}

// callsMax bounds --calls.
const callsMax = 1_000_000

// options reads the files that the flags name. dir is the plugin's project, or empty.
func (f *questionFlags) options(dir string) (o conformance.Options, err error) {
	if f.calls < 1 || f.calls > callsMax {
		return o, usage(fmt.Sprintf("--calls %d: 1 to %d are possible", f.calls, callsMax), "")
	}
	o.Seed, o.Calls = f.seed, f.calls
	if o.Params, err = parameterBytes(f.params); err != nil {
		return o, err
	}
	if len(o.Params) > hook.ParamsMax {
		return o, usage(fmt.Sprintf("the parameters have %d bytes, at most %d are allowed", len(o.Params), hook.ParamsMax), "")
	}
	if o.Payloads, err = payloadsOf(f.payloads, dir); err != nil {
		return o, err
	}
	for _, path := range f.records {
		r, err := readRecord(path)
		if err != nil {
			return o, err
		}
		o.Records = append(o.Records, r)
	}
	return o, nil
}

// payloadBytesMax bounds a file of payloads.
const payloadBytesMax = 4 << 20

// payloadsOf reads the payloads that a flag names, or else those of the project in dir, if there are any.
func payloadsOf(path, dir string) ([][]byte, error) {
	if own := filepath.Join(dir, payloadsFile); path == "" && dir != "" {
		if _, err := os.Stat(own); err == nil {
			path = own
		}
	}
	if path == "" {
		return nil, nil
	}
	return readPayloads(path)
}

func readPayloads(path string) (list [][]byte, err error) {
	b, err := readFile(path, payloadBytesMax)
	if err != nil {
		return nil, err
	}
	for i, line := range bytes.Split(b, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if digits, ok := bytes.CutPrefix(line, []byte("0x")); ok {
			if line, err = hex.DecodeString(string(digits)); err != nil {
				return nil, usage(fmt.Sprintf("%s, line %d, is no hexadecimal", path, i+1), "a line is text, or 0x and hexadecimal; # begins a comment")
			}
		}
		if len(line) > hook.PayloadMax {
			return nil, usage(fmt.Sprintf("%s, line %d, has %d bytes, a payload at most %d", path, i+1, len(line), hook.PayloadMax), "")
		}
		list = append(list, line)
	}
	return list, nil
}

func readRecord(path string) (*plugintest.Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &fault{exit: exitNotFound, code: "no-file", what: path + " cannot be read", cause: err, todo: "check the path"}
	}
	defer f.Close()
	r, err := plugintest.ReadRecord(f)
	if err != nil {
		return nil, &fault{exit: exitUsage, code: "bad-record", what: path + " is no record of blocks", cause: err, todo: "name a file that a recorder of package plugintest wrote"}
	}
	return r, nil
}

// subject is a release that an author's tool works on.
type subject struct {
	path   string
	dir    string // of its project; empty: a file was named
	file   []byte
	report *plugin.Report
}

// openSubject reads and checks a release file, or builds a folder's.
func openSubject(ctx context.Context, path string) (*subject, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		report, file, err := checkRelease(path)
		return &subject{path: path, file: file, report: report}, err
	}
	author, err := buildAuthor(path, "")
	if err != nil {
		return nil, err
	}
	temporary, err := os.MkdirTemp("", "quoin-plugin-")
	if err != nil {
		return nil, failure("there is no place for a build", err, "")
	}
	defer os.RemoveAll(temporary)
	built, err := scaffold.Build(ctx, scaffold.Options{Dir: path, Out: filepath.Join(temporary, "release.wasm"), Author: author})
	if err != nil {
		return nil, buildFault(path, err)
	}
	file, err := readFile(built.Path, plugin.FileMax)
	return &subject{path: path, dir: path, file: file, report: built.Report}, err
}

// toolFault is the error of a tool that compiles and calls releases.
func toolFault(ctx context.Context, what string, err error) error {
	var refusal *plugin.Refusal
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refusal):
		return refusalFault("the release", refusal)
	case errors.Is(err, plugin.ErrInit):
		return &fault{exit: exitRefused, code: "initialisation", what: what, cause: err, todo: "correct what the plugin does before its first call"}
	}
	return failure(what, err, "")
}
