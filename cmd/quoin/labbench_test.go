package main

import (
	"encoding/json"
	"os/exec"
	"testing"

	"quoin.dev/quoin/bench"
)

// benchProcesses runs `lab bench` with processes and returns what it printed.
func benchProcesses(t *testing.T, arguments ...string) {
	t.Helper()
	arguments = append([]string{"lab", "bench", "--output", "json", "--keys", "50", "--clients", "8", "--rate", "40", "--duration", "1s"}, arguments...)
	out, err := exec.Command("quoin", arguments...).Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", arguments, err, err.(*exec.ExitError).Stderr)
	}
	var r bench.Result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if r.Transactions == 0 || r.Missing > 0 || r.CPUPerTx == 0 || r.FsyncsPerTx == 0 || r.SentPerTx == 0 || r.WrittenPerTx == 0 || r.MaxRSS == 0 {
		t.Errorf("%v: %+v", arguments, r)
	}
	t.Logf("%+v", r)
}

func TestBenchProcesses(t *testing.T) {
	benchProcesses(t, "--processes", "--workload", "smallbank", "--network", "fixed:2ms")
}

func TestBenchNamespaces(t *testing.T) {
	needNamespaces(t)
	benchProcesses(t, "--netns", "--workload", "ycsb-f", "--network", "lan", "--bandwidth", "10000000")
}
