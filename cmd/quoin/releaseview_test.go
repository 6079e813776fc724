package main

import (
	"strings"
	"testing"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// TestEscape wants nothing printed that a terminal obeys, and text unchanged.
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain text,\n\twith lines and → arrows": "plain text,\n\twith lines and → arrows",
		"\x1b[2Jgone":                       `\x1b[2Jgone`,
		"over\rwritten":                     `over\rwritten`,
		"bell\a and delete\x7f":             `bell\a and delete\x7f`,
		"\u009b31m and \u202eright to left": `\u009b31m and \u202eright to left`,
		"not \xff UTF-8, and \ufffd":        `not \xff UTF-8, and \ufffd`,
	} {
		var b strings.Builder
		if n, err := (printable{&b}).Write([]byte(in)); n != len(in) || err != nil || b.String() != want {
			t.Errorf("%q is written as %q, want %q (%d, %v)", in, b.String(), want, n, err)
		}
	}
}

// TestShowOfAHostileNode wants that whatever a node answers is shown, without a panic and without control
// characters.
func TestShowOfAHostileNode(t *testing.T) {
	evil := "\x1b[31m\u202e"
	p := &quoinv1.Proposal{Status: "trial" + evil, Binding: &quoinv1.Binding{Release: []byte{1}}, Ending: &quoinv1.Ending{Why: evil, Note: evil},
		Reviews: []*quoinv1.Review{nil, {Member: evil}}, Evidence: []*quoinv1.Evidence{nil, {Note: evil}}, Validators: []*quoinv1.ValidatorWord{nil, {Name: evil, Health: evil}},
		Parameters: []*quoinv1.ParameterChange{nil}, Members: []*quoinv1.Member{nil}, Policies: []*quoinv1.Policy{nil}, ValidatorSet: []*quoinv1.Validator{nil}, SlotReturn: &quoinv1.Return{}}
	var b strings.Builder
	terminal := &terminal{out: &b, err: &b}
	if err := terminal.writeProposal(p, &quoinv1.ExplainResponse{Missing: []*quoinv1.Condition{nil, {Text: evil, Facts: []*quoinv1.Fact{nil}}}}, 7); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("control characters: %q", b.String())
	}
	terminal.format = formatJSON
	if err := terminal.writeProposal(p, &quoinv1.ExplainResponse{}, 7); err != nil {
		t.Fatal(err)
	}
}
