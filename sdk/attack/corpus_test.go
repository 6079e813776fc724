package attack

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin/bench/resident"
)

// childEnv makes this test binary a process of Run's; its value is the hole to open.
const childEnv = "QUOIN_ATTACK_CHILD"

func TestMain(m *testing.M) {
	if hole, child := os.LookupEnv(childEnv); child {
		if err := Child(os.Stdin, os.Stdout, Hole(hole)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func run(t *testing.T, h Hole, only ...string) []Result {
	t.Helper()
	var results []Result
	o := Options{Command: []string{os.Args[0]}, Env: []string{childEnv + "=" + string(h)}, Time: time.Minute, Only: only}
	if err := Run(context.Background(), o, func(r Result) { results = append(results, r) }); err != nil {
		t.Fatal(err)
	}
	return results
}

// Every attack is contained.
func TestCorpus(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's memory and slowness are not the sandbox's; nothing here is concurrent")
	}
	if _, err := resident.Start(); err != nil {
		t.Logf("memory is not judged: %v", err)
		if os.Getenv("CI") == "true" {
			t.Fail()
		}
	}
	results := run(t, HoleNone)
	played := map[int]bool{}
	for i := range results {
		r := &results[i]
		played[r.Row] = true
		t.Logf("row %d, %s: %s, fuel %d, %d KiB %s", r.Row, r.Fixture, r.Observed, r.Fuel, r.Growth>>10, r.Note)
		if !r.Passed() {
			t.Errorf("row %d, %s: %s", r.Row, r.Fixture, r.Problem)
		}
	}
	for _, row := range Rows() {
		if !played[row.Number] {
			t.Errorf("row %d, %s, has no case", row.Number, row.Attack)
		}
	}
}

// Cases have names of their own, a row and a word about them.
func TestCasesAreNamed(t *testing.T) {
	rows := map[int]bool{}
	for _, r := range Rows() {
		rows[r.Number] = true
	}
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.Fixture] || !rows[c.Row] || c.About == "" || c.Want == "" || strings.ContainsAny(c.Fixture, " \n") {
			t.Errorf("%+v", c)
		}
		seen[c.Fixture] = true
	}
}

// The judges see what they are for: each hole is reported as a miss of the case that looks for it, and
// cases that look for something else pass.
func TestHolesAreSeen(t *testing.T) {
	for _, c := range []struct {
		hole          Hole
		missed, other string
		problem       string
	}{
		{HoleLimits, "branch-tables", "start-loop", "observed: compiled"},
		{HoleMemory, "probe-grow", "", "interpreted, call 1, differs"}, // prices depend on the limit: all calls differ
		{HoleClock, "probe-ambient", "probe-nan", "differs"},
		{HoleGrants, "foreign-ungranted", "foreign-other", "observed: answered"},
		{HoleKeys, "namespace-prefix", "history-outside", "is seen as"},
		{HoleAuthors, "author-unsigned", "name-taken", "open to approval"},
		{HoleAuthors, "foreign-transaction", "foreign-certificate", "it is carried out"},
		{HoleQuota, "probe-bloat", "probe-batch", "codes 0 and 0"},
		{HoleLeak, "probe-nan", "", "resident memory grew"},
		{HoleCrash, "probe-nan", "", "exit status 3"},
	} {
		t.Run(string(c.hole), func(t *testing.T) {
			only := []string{c.missed}
			if c.other != "" {
				only = append(only, c.other)
			}
			results := run(t, c.hole, only...)
			if len(results) != len(only) {
				t.Fatalf("%d results of %d", len(results), len(only))
			}
			if r := &results[0]; r.Passed() || !strings.Contains(r.Problem, c.problem) {
				t.Errorf("%s is not missed: %+v", c.missed, r)
			}
			if c.other != "" && !results[1].Passed() {
				t.Errorf("%s is missed, too: %s", c.other, results[1].Problem)
			}
		})
	}
}
