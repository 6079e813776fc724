package c_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
)

// structs names the structs that lie over the messages; responses that are one number have none.
var structs = map[string]string{
	"leader.v1 request":          "quoin_leader_request",
	"machine.v1.apply request":   "quoin_apply_request",
	"machine.v1.query request":   "quoin_query_request",
	"machine.v1.migrate request": "quoin_migrate_request",
	"validation.v1 request":      "quoin_validation_request",
	"finality.v1 request":        "quoin_finality_request",
	"finality.v1 response":       "quoin_finality_response",
	"pacemaker.v1 request":       "quoin_pacemaker_request",
	"priority.v1 request":        "quoin_priority_request",
}

// elements names those of the messages' lists, and where the first one begins.
var elements = map[string]struct {
	name  string
	begin int
}{
	"validators": {"quoin_validator", 80},
	"blocks":     {"quoin_block", 80},
	"views":      {"quoin_pacemaker_view", 56},
}

var (
	elementField = regexp.MustCompile(`^(\w+)\[\w\]\.(\w+)$`)
	elementSize  = regexp.MustCompile(`^\d+\+(\d+)[ij]$`)
	leading      = regexp.MustCompile(`^\d+`)
)

// assertions returns what a message's layout says of the structs.
func assertions(l hook.Layout) (list []string) {
	say := func(format string, a ...any) { list = append(list, fmt.Sprintf(format, a...)) }
	for _, f := range l.Fields {
		first, _ := strconv.Atoi(leading.FindString(f.Offset))
		size, sizeErr := strconv.Atoi(f.Size)
		name, field, offset := structs[l.Name], f.Name, first
		if m := elementField.FindStringSubmatch(f.Name); m != nil {
			e := elements[m[1]]
			name, field, offset = e.name, m[2], first-e.begin
			if s := elementSize.FindStringSubmatch(f.Offset); s != nil {
				say("sizeof(%s) == %s", name, s[1])
			}
		} else if leading.FindString(f.Offset) != f.Offset {
			continue // behind a variable part: accessors find it
		}
		say("offsetof(%s, %s) == %d", name, field, offset)
		if sizeErr == nil {
			say("sizeof(((%s *)0)->%s) == %d", name, field, size)
		}
	}
	return list
}

// TestStructsLieOverTheLayouts lets the compilers compare every field with the contract's layouts, and
// every limit with the contract's.
func TestStructsLieOverTheLayouts(t *testing.T) {
	need(t, "cc", "clang")
	var all []string
	for _, h := range hook.All() {
		for _, o := range h.Operations {
			for _, l := range []hook.Layout{o.Request, o.Response} {
				if structs[l.Name] != "" && !o.Batch {
					all = append(all, assertions(l)...)
				}
			}
		}
	}
	if len(all) < 100 {
		t.Fatalf("only %d assertions: the layouts are written in another way now", len(all))
	}
	for name, want := range map[string]int{
		"QUOIN_KEY_MAX": hook.KeyMax, "QUOIN_VALUE_MAX": hook.ValueMax, "QUOIN_EVENT_MAX": hook.EventMax, "QUOIN_EVENTS_MAX": hook.EventsMax,
		"QUOIN_LOG_MAX": hook.LogMax, "QUOIN_PARAMS_MAX": hook.ParamsMax, "QUOIN_PAYLOAD_MAX": hook.PayloadMax, "QUOIN_PROOF_MAX": hook.ProofMax,
		"QUOIN_VALIDATORS_MAX": hook.ValidatorsMax, "QUOIN_WINDOW_MAX": hook.WindowMax, "QUOIN_NAMESPACE_MAX": hook.NamespaceMax,
		"QUOIN_APPLY_OUTPUT_MAX": hook.ApplyOutputMax, "QUOIN_QUERY_OUTPUT_MAX": hook.QueryOutputMax,
		"QUOIN_PACEMAKER_WINDOW_MAX": hook.PacemakerWindowMax, "sizeof(quoin_ancestor)": hook.AncestorBytes,
		"QUOIN_LEADER_REQUEST_MAX": hook.Lead.Request.Max, "QUOIN_APPLY_REQUEST_MAX": hook.Apply.Request.Max,
		"QUOIN_QUERY_REQUEST_MAX": hook.Query.Request.Max, "QUOIN_VALIDATION_REQUEST_MAX": hook.Validate.Request.Max,
		"QUOIN_PACEMAKER_REQUEST_MAX": hook.Timeout.Request.Max, "QUOIN_PRIORITY_REQUEST_MAX": hook.Prioritize.Request.Max,
		"sizeof(quoin_finality_request) + QUOIN_PARAMS_MAX": hook.Delay.Request.Max,
		"sizeof(quoin_migrate_request) + QUOIN_PARAMS_MAX":  hook.Migrate.Request.Max,
	} {
		all = append(all, fmt.Sprintf("%s == %d", name, want))
	}
	for _, compiler := range [][]string{{"cc"}, {"clang", "--target=wasm32", "-nostdlibinc"}} {
		if output, err := compile(t, compiler, all); err != nil {
			t.Errorf("%s: %v\n%s", compiler[0], err, output)
		}
		if _, err := compile(t, compiler, append(all, "offsetof(quoin_leader_request, view) == 57")); err == nil {
			t.Errorf("%s accepts a wrong offset", compiler[0])
		}
	}
}

// compile compiles assertions with all headers.
func compile(t *testing.T, compiler, assertions []string) ([]byte, error) {
	var text strings.Builder
	for _, h := range []string{"leader", "machine", "migration", "validation", "finality", "pacemaker", "priority", "draw"} {
		fmt.Fprintf(&text, "#include \"quoin/%s.h\"\n", h)
	}
	for _, a := range assertions {
		fmt.Fprintf(&text, "_Static_assert(%s, \"\");\n", a)
	}
	file := filepath.Join(t.TempDir(), "layout.c")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	arguments := append(compiler[1:len(compiler):len(compiler)], "-std=c11", "-Wall", "-Wextra", "-Wno-unused", "-Werror", "-I.", "-fsyntax-only", file)
	return exec.Command(compiler[0], arguments...).CombinedOutput()
}
