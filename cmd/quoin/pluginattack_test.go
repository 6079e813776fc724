package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/plugin/hostile"
)

// A plugin with a weakness is reported, with the command line that shows it again.
func TestAttackReportsAWeakPlugin(t *testing.T) {
	path := fixtureFile(t, "leader-trap")
	out, message, exit := runQuoin(t, "plugin", "attack", path, "--runs", "2", "-o", "json")
	if exit != exitRefused || !strings.Contains(message, "leader.v1/hostile/0") || !strings.Contains(message, "--seed 1 --replay CASE") {
		t.Errorf("exit code %d: %s", exit, message)
	}
	var v aimReport
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if f := v.Operations[0].Findings; !v.Weak || len(f) == 0 || f[0].Kind != "fault-trap" || !f[0].Weak || f[0].Count != 2 {
		t.Errorf("%+v", v)
	}
	want := []string{"name", "version", "digest", "seed", "weak", "operations", "operations.operation", "operations.calls", "operations.outcomes",
		"operations.fuel_limit", "operations.fuel_peak", "operations.peak_case", "operations.findings", "operations.findings.case",
		"operations.findings.kind", "operations.findings.count", "operations.findings.weak", "operations.findings.detail"}
	got := paths(t, out)
	for _, p := range want {
		if !slices.ContainsFunc(got, func(x string) bool { return strings.HasPrefix(strings.ReplaceAll(x, "[]", ""), p) }) {
			t.Errorf("the report has no %s: %q", p, got)
		}
	}
	if _, message, exit = runQuoin(t, "plugin", "attack", fixtureFile(t, "init-trap")); exit != exitRefused || !strings.Contains(message, "initialisation") {
		t.Errorf("a plugin that does not initialise: exit code %d, %s", exit, message)
	}
	if text, _, _ := runQuoin(t, "plugin", "attack", fixtureFile(t, hostile.PacemakerNever), "--runs", "2"); !strings.Contains(text, "note  clamped") {
		t.Errorf("a time-out that is cut down is not told: %s", text)
	}
}
