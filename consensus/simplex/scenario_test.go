package simplex_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the observed output into testdata")

// TestScenarios plays the scripts in testdata. A script is a list of commands, each followed by a
// line "----" and what came of it, up to a blank line; lines that begin with # are comments.
//
//	network N [weights=1,2,..] [leader=I] [epoch=HEIGHTS] [pipeline=N]
//	                           starts N machines; leader=I fixes the leader of all but rescue views
//	show KIND...               what is printed: persist, send, timer, certify, report, drop; default all
//	tx N [at=I,..]             N new transactions at these machines, one a block
//	deliver [FILTER...] [once] brings messages, and those that follow from them unless "once"
//	drop [FILTER...]           loses messages
//	pending [FILTER...]        lists messages
//	timeout I...|all           lets the timers pass that are set
//	rounds N [live=I,..]       N times: delivers everything, lets all timers of the live machines pass
//	crash I..., restart I...   what was persisted stays, the rest is lost
//	status [I...]              view, highest certified view, height, timer
//	log I                      the records of the vote log
//	clock I MILLISECONDS       moves a machine's clock
//	hold I [off]               executions at I wait until "hold I off"
//	diverge I [off]            I's executions give another result than those of the others
//	refuse I [off]             I's executions find every block invalid
//	redo I                     I executes its lowest uncertified block again
//	byzantine I KIND ...       I, which should be crashed, signs and sends; see world.byzantine
//	replay I J chain=NAME      I's vote of the current view, signed for another chain, reaches J
//
// FILTER is from=I, to=I,J, kind=NAME or view=V. Blocks are called b and their view, "'" for a
// second one of the view, "~" for a result that is not the usual one.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios in testdata", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(b))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(b) {
				t.Errorf("%s: the output differs; see git diff after: go test ./consensus/simplex -run '^%s$' -rewrite\n%s", file, t.Name(), firstDifference(string(b), got))
			}
		})
	}
}

func play(t *testing.T, script string) string {
	var out strings.Builder
	w := &scenario{t: t}
	lines := strings.Split(strings.TrimRight(script, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		out.WriteString(line + "\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		result := w.command(strings.Fields(line))
		for i+1 < len(lines) && strings.TrimSpace(lines[i+1]) != "" && !strings.HasPrefix(lines[i+1], "#") {
			if i++; lines[i] == "----" {
				for i+1 < len(lines) && strings.TrimSpace(lines[i+1]) != "" {
					i++
				}
			} else { // a block of commands with one output
				out.WriteString(lines[i] + "\n")
				result += w.command(strings.Fields(lines[i]))
			}
		}
		out.WriteString("----\n" + result)
	}
	return out.String()
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range b {
		if i >= len(a) || a[i] != b[i] {
			w := ""
			if i < len(a) {
				w = a[i]
			}
			return fmt.Sprintf("line %d:\n  want %s\n  got  %s", i+1, w, b[i])
		}
	}
	return "the output ends early"
}

// options splits a command's arguments into plain ones and key=value pairs.
func options(args []string) (plain []string, pairs map[string]string) {
	pairs = map[string]string{}
	for _, a := range args {
		if k, v, ok := strings.Cut(a, "="); ok {
			pairs[k] = v
		} else {
			plain = append(plain, a)
		}
	}
	return plain, pairs
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(fmt.Sprintf("%q is no number", s))
	}
	return n
}

func numbers(s string) (list []int) {
	for _, x := range strings.Split(s, ",") {
		list = append(list, number(x))
	}
	return list
}
