package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/observe/logs"
)

const (
	formatText = "text"
	formatJSON = "json"
)

// terminal is where a command's data and messages go, and what the global flags say.
type terminal struct {
	out, err io.Writer
	format   string
	api      string
	began    bool          // the command line was understood
	log      *logs.Handler // of the nodes in this process, if there are any
}

func (t *terminal) checkFormat() error {
	if t.format == formatText || t.format == formatJSON {
		return nil
	}
	bad := t.format
	t.format = formatText
	return usage("unknown output format "+quote(bad), "use --output text or --output json")
}

func (t *terminal) json() bool { return t.format == formatJSON }

// data prints a command's result: v as one JSON value, or what text writes.
func (t *terminal) data(v any, text func(w io.Writer)) error {
	if t.json() {
		e := json.NewEncoder(t.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	text(printable{t.out})
	return nil
}

// printable writes text for a terminal. What could move its cursor, change its colours or the direction of
// its letters comes out escaped: much of what is printed, a network has said.
type printable struct{ io.Writer }

// Write implements io.Writer.
func (w printable) Write(b []byte) (int, error) {
	_, err := io.WriteString(w.Writer, escape(string(b)))
	return len(b), err
}

// escape writes all but printable characters, newlines and tabs as Go would in quotes.
func escape(s string) string {
	plain := func(r rune) bool { return r == '\n' || r == '\t' || r != utf8.RuneError && unicode.IsPrint(r) }
	if !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case plain(r):
			b.WriteRune(r)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, "\\x%02x", s[i])
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// table prints rows of tab-separated columns.
func table(w io.Writer, write func(row func(columns ...any))) {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	write(func(columns ...any) {
		for i, c := range columns {
			if i > 0 {
				fmt.Fprint(tw, "\t")
			}
			fmt.Fprint(tw, c)
		}
		fmt.Fprintln(tw)
	})
	tw.Flush()
}

// note prints a message for people.
func (t *terminal) note(format string, a ...any) { fmt.Fprintf(printable{t.err}, format+"\n", a...) }

// fail prints why a command failed.
func (t *terminal) fail(f *fault) {
	if t.json() {
		_ = json.NewEncoder(t.err).Encode(map[string]any{"error": map[string]any{
			"code": f.code, "exit": f.exit, "what": f.what, "why": f.whyText(), "action": f.todo,
		}})
		return
	}
	w := printable{t.err}
	fmt.Fprintf(w, "quoin: %s\n", f.what)
	if why := f.whyText(); why != "" {
		fmt.Fprintf(w, "  why:  %s\n", why)
	}
	if f.todo != "" {
		fmt.Fprintf(w, "  try:  %s\n", f.todo)
	}
}

// The exit codes. They are part of the interface: numbers never change their meaning.
const (
	exitOK           = 0
	exitFailure      = 1
	exitUsage        = 2
	exitNotFound     = 3
	exitRefused      = 4
	exitUnverified   = 5
	exitUnavailable  = 6
	exitUndecided    = 7
	exitWorse        = 8
	exitInconclusive = 9
	exitCrashed      = 10
	exitInterrupted  = 130
)

var exitCodes = []struct {
	code          int
	name, meaning string
}{
	{exitOK, "ok", "done"},
	{exitFailure, "failure", "something went wrong here: a file, the Go toolchain, a broken invariant"},
	{exitUsage, "usage", "the command line or a file named on it is wrong; nothing was done"},
	{exitNotFound, "not-found", "there is no such key, transaction, proposal or file"},
	{exitRefused, "refused", "the network, a machine or a check refused it, and said why"},
	{exitUnverified, "unverified", "a proof or an answer does not verify against the trust anchor: do not believe it"},
	{exitUnavailable, "unavailable", "no node answers, or it is too busy; try again"},
	{exitUndecided, "undecided", "the time given has passed; it may still happen: ask again before repeating it"},
	{exitWorse, "worse", "a comparison: the candidate is worse than the base, or broke a budget"},
	{exitInconclusive, "inconclusive", "a comparison: the data cannot tell; take more pairs"},
	{exitCrashed, "crashed", "an injected fault ended this node; start it again"},
	{exitInterrupted, "interrupted", "stopped by a signal"},
}

func newExitCodes() *cobra.Command {
	text := "Exit codes:\n\n"
	for _, x := range exitCodes {
		text += fmt.Sprintf("  %3d  %-12s %s\n", x.code, x.name, x.meaning)
	}
	text += "\nWith --output json a failure is one line of JSON on standard error:\n" +
		`  {"error":{"code":NAME,"exit":NUMBER,"what":...,"why":...,"action":...}}` +
		"\nwhere the code is a stable name, finer than the exit code.\n"
	// A command without Run is a help topic.
	return &cobra.Command{Use: "exit-codes", Short: "What exit codes mean", Long: text}
}

// fault is the error of a command: what happened, why, and what to do.
type fault struct {
	exit  int
	code  string // stable name
	what  string
	why   string
	todo  string
	cause error
}

func (f *fault) Error() string {
	if why := f.whyText(); why != "" {
		return f.what + ": " + why
	}
	return f.what
}

func (f *fault) Unwrap() error { return f.cause }

func (f *fault) whyText() string {
	if f.why == "" && f.cause != nil {
		return f.cause.Error()
	}
	return f.why
}

func usage(what, todo string) *fault {
	return &fault{exit: exitUsage, code: "usage", what: what, todo: todo}
}

func failure(what string, cause error, todo string) *fault {
	return &fault{exit: exitFailure, code: "failure", what: what, cause: cause, todo: todo}
}

func unverified(what string, cause error) *fault {
	return &fault{exit: exitUnverified, code: "unverified", what: what, cause: cause,
		todo: "do not believe it; get it anew from a node, and make sure that the trust anchor is the right network's"}
}

func notFound(what, todo string) *fault {
	return &fault{exit: exitNotFound, code: "not-found", what: what, todo: todo}
}

func refused(code, what, why, todo string) *fault {
	return &fault{exit: exitRefused, code: code, what: what, why: why, todo: todo}
}

// faultOf makes any error a fault. What fails before a command began is cobra's and the command
// line's.
func faultOf(err error, began bool) *fault {
	var f *fault
	switch {
	case errors.As(err, &f):
		return f
	case !began:
		return &fault{exit: exitUsage, code: "usage", what: err.Error(), todo: "see `quoin --help`"}
	}
	return &fault{exit: exitFailure, code: "failure", what: err.Error()}
}

func quote(s string) string { return strconv.Quote(s) }
