package main

import (
	"encoding/json"
	"errors"
	"os/exec"
	"testing"
)

// One pair says nothing, and says so; what it has measured is there, and its audience was another process.
func TestLabObserve(t *testing.T) {
	c := exec.Command("quoin", "lab", "observe", "--pairs", "1", "--keys", "50", "--rate", "100", "--warmup", "800ms", "--duration", "700ms",
		"--viewers", "2", "--scrapers", "2", "--hammer", "--share", "1/1", "--save", t.TempDir(), "--output", "json")
	out, err := c.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInconclusive {
		t.Fatalf("%v: %s", err, out)
	}
	var v observed
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	if v.Pairs != 1 || v.Result.Verdict != "inconclusive" || len(v.Observations) != 1 {
		t.Fatalf("%+v\n%s", v, exit.Stderr)
	}
	o := v.Observations[0]
	if a := o.Audience; a.Streams != 2 || a.Frames == 0 || a.Scrapes == 0 || o.Spans == 0 {
		t.Errorf("%+v", o)
	}
	for _, f := range v.Result.Findings {
		if f.Judged && len(f.Pairs) != 1 {
			t.Errorf("%s was not measured: %+v", f.Name, f)
		}
	}
}

func TestLabObserveRefusesNonsense(t *testing.T) {
	for _, flags := range [][]string{{"--base", "nothing"}, {"--share", "2/1"}, {"--viewers", "-1"}, {"--pairs", "0"}, {"--judge", "beauty"}, {"--network", "moon"}, {"--warmup", "0"}} {
		err := exec.Command("quoin", append([]string{"lab", "observe"}, flags...)...).Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
			t.Errorf("%v: %v", flags, err)
		}
	}
	if err := exec.Command("quoin", "lab", "audience", "ftp://127.0.0.1:1").Run(); err == nil {
		t.Error("an audience went to ftp")
	}
}
