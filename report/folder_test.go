package report

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"quoin.dev/quoin/lab/events"
)

// TestSaveAndLoad writes a run, reads it back, and writes it again over itself.
func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	want := sample()
	for range 2 {
		folder, err := want.Save(dir)
		if err != nil {
			t.Fatal(err)
		}
		if folder != filepath.Join(dir, "sim-sample") {
			t.Errorf("saved to %s", folder)
		}
		got, err := Load(folder)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Error("the run is another one after it was saved and loaded")
		}
	}
	want.Scenario, want.Events = "", nil
	folder, err := want.Save(dir)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 2 {
		t.Errorf("without scenario and events the folder has %v, %v", entries, err)
	}
}

// TestSaveReplacesNothingElse saves a run where other things are.
func TestSaveReplacesNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		taken bool
	}{
		"an interrupted save":   {map[string]string{EventsFile: "{", PageFile: "<"}, false},
		"own files beside":      {map[string]string{RunFile: `{"kind":"sim","name":"sample"}`, "notes.txt": "mine"}, false},
		"another kind":          {map[string]string{RunFile: `{"kind":"bench","name":"sample"}`}, true},
		"another name":          {map[string]string{RunFile: `{"kind":"sim","name":"sample2"}`}, true},
		"no run":                {map[string]string{RunFile: `nonsense`}, true},
		"files of other people": {map[string]string{"thesis.tex": "years"}, true},
	} {
		dir := t.TempDir()
		folder := filepath.Join(dir, "sim-sample")
		put(t, folder, c.files)
		_, err := sample().Save(dir)
		if errors.Is(err, ErrTaken) != c.taken || err != nil && !c.taken {
			t.Errorf("%s: %v", name, err)
		}
		for _, kept := range []string{"notes.txt", "thesis.tex"} {
			if want := c.files[kept]; want != "" {
				if b, err := os.ReadFile(filepath.Join(folder, kept)); err != nil || string(b) != want {
					t.Errorf("%s: %s was touched: %q, %v", name, kept, b, err)
				}
			}
		}
	}
}

// TestSaveCutsLongTexts saves a panic's stack and an event that says too much.
func TestSaveCutsLongTexts(t *testing.T) {
	r := sample()
	long := strings.Repeat("ünruhe ", 10_000)
	r.Findings, r.Verdict = []string{long}, long
	r.Events[3].Text = long
	folder, err := r.Save(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if f := got.Findings[0]; len(f) > TextBytesMax || !strings.HasSuffix(f, "…") || strings.ContainsRune(f, '\uFFFD') {
		t.Errorf("a finding of %d bytes", len(f))
	}
	if r.Findings[0] != long || r.Events[3].Text != long {
		t.Error("saving changed the run")
	}
}

// TestSaveRefusesWrongRuns changes one thing at a time.
func TestSaveRefusesWrongRuns(t *testing.T) {
	for name, change := range map[string]func(*Run){
		"a name that leads away":   func(r *Run) { r.Name = "../../etc" },
		"an empty name":            func(r *Run) { r.Name = "" },
		"a kind with a hyphen":     func(r *Run) { r.Kind = "sim-x" },
		"a digest that is none":    func(r *Run) { r.Digest = "xyz" },
		"rows of another width":    func(r *Run) { r.Tables[0].Rows[0] = []string{"one"} },
		"no columns":               func(r *Run) { r.Tables[0].Columns = nil },
		"points that go back":      func(r *Run) { r.Series[0].Lines[0].Points[1].X = -1 },
		"a fraction above 1":       func(r *Run) { r.Distributions[0].Lines[0].Points[11].Y = 1.1 },
		"an endless point":         func(r *Run) { r.Series[0].Lines[0].Points[0].Y = 1e300 },
		"an interval upside down":  func(r *Run) { r.Comparisons[0].Rows[0].Low = 99 },
		"a mark upside down":       func(r *Run) { r.Series[0].Marks[0].To = -1 },
		"an event out of order":    func(r *Run) { r.Events[5].AtUS = 9_000_000 },
		"an event that is missing": func(r *Run) { r.Events[5].Index++ },
		"an unknown verb":          func(r *Run) { r.Events[5].Verb = "sings" },
		"a replica that is none":   func(r *Run) { r.Events[5].Node = 3 },
		"a peer that is none":      func(r *Run) { r.Events[5].Peer = -3 },
		"too many replicas":        func(r *Run) { r.Nodes = NodesMax + 1 },
		"too many findings":        func(r *Run) { r.Findings = make([]string, FindingsMax+1) },
	} {
		r := sample()
		change(r)
		if folder, err := r.Save(t.TempDir()); err == nil {
			t.Errorf("%s was saved to %s", name, folder)
		}
	}
}

// TestLoadRefusesHostileFolders changes one thing at a time in a folder that came from elsewhere.
func TestLoadRefusesHostileFolders(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.json")
	for name, change := range map[string]func(folder string) error{
		"no run.json":            func(f string) error { return os.Remove(filepath.Join(f, RunFile)) },
		"a link to another file": func(f string) error { return swap(f, RunFile, func(p string) error { return os.Symlink(secret, p) }) },
		"a folder for a file":    func(f string) error { return swap(f, EventsFile, func(p string) error { return os.Mkdir(p, 0o755) }) },
		"a link for events": func(f string) error {
			return swap(f, EventsFile, func(p string) error { return os.Symlink("/dev/zero", p) })
		},
		"an unknown field":      func(f string) error { return edit(f, RunFile, `"format": 1,`, `"format": 1, "run": "rm",`) },
		"another format":        func(f string) error { return edit(f, RunFile, `"format": 1,`, `"format": 2,`) },
		"two values":            func(f string) error { return edit(f, RunFile, "\n}\n", "\n} {}\n") },
		"half a file":           func(f string) error { return os.Truncate(filepath.Join(f, RunFile), 1_000) },
		"a run that is too big": func(f string) error { return os.Truncate(filepath.Join(f, RunFile), RunBytesMax+1) },
		"a long scenario":       func(f string) error { return os.Truncate(filepath.Join(f, ScenarioFile), ScenarioBytesMax+1) },
		"half an event":         func(f string) error { return os.Truncate(filepath.Join(f, EventsFile), 1_000) },
		"an event of zeros":     func(f string) error { return os.Truncate(filepath.Join(f, EventsFile), EventsBytesMax+1) },
		"a name of elsewhere":   func(f string) error { return edit(f, RunFile, `"name": "sample"`, `"name": "../x"`) },
		"an unknown verb":       func(f string) error { return edit(f, EventsFile, `"verb":"boots"`, `"verb":"<b>"`) },
		"an event of no field":  func(f string) error { return edit(f, EventsFile, `"verb":"boots"`, `"verb":"boots","x":1`) },
	} {
		folder, err := sample().Save(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(folder, RunFile)); err != nil || os.WriteFile(secret, b, 0o600) != nil {
			t.Fatal(err)
		}
		if err := change(folder); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := Load(folder); !errors.Is(err, ErrFolder) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func put(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func swap(folder, name string, make func(path string) error) error {
	path := filepath.Join(folder, name)
	return errors.Join(os.Remove(path), make(path))
}

func edit(folder, name, old, new string) error {
	path := filepath.Join(folder, name)
	b, err := os.ReadFile(path)
	if err == nil && !bytes.Contains(b, []byte(old)) {
		err = errors.New("nothing to edit")
	}
	return errors.Join(err, os.WriteFile(path, bytes.Replace(b, []byte(old), []byte(new), 1), 0o644))
}

// FuzzLoad reads any folder, and draws what is accepted.
func FuzzLoad(f *testing.F) {
	small := sample()
	small.Events, small.Distributions, small.Series, small.Tables = small.Events[:30], small.Distributions[:1], small.Series[:1], small.Tables[:1]
	folder, err := small.Save(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	run, err := os.ReadFile(filepath.Join(folder, RunFile))
	if err != nil {
		f.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(folder, EventsFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(run, log, uint64(0), uint64(0))
	f.Add([]byte(`{"format":1,"kind":"sim","name":"a","nodes":1,"title":"","version":"","reproduce":"","failed":false,"verdict":""}`),
		[]byte(`{"i":0,"at_us":0,"node":0,"verb":"boots"}`), uint64(1), uint64(2))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, run, log []byte, from, to uint64) {
		put(t, dir, map[string]string{RunFile: string(run), EventsFile: string(log)})
		r, err := Load(dir)
		if err != nil {
			if !errors.Is(err, ErrFolder) {
				t.Fatal(err)
			}
			return
		}
		var page bytes.Buffer
		if err := r.Page(&page, Window{from, to}); err != nil {
			t.Fatal(err)
		}
		if strings.Count(page.String(), "<script") != 1 {
			t.Error("a text became a script")
		}
		onePage(t, r)
	})
}

// TestLogForgetsTheOldest keeps more events than a log holds.
func TestLogForgetsTheOldest(t *testing.T) {
	l := Log{limit: 1_000}
	for i := range uint64(5_000) {
		l.Keep(&events.Event{Index: i})
	}
	kept := l.Events()
	if len(kept) > 1_000 || len(kept) < 750 || kept[len(kept)-1].Index != 4_999 {
		t.Errorf("%d events are kept, up to %d", len(kept), kept[len(kept)-1].Index)
	}
	for i := range kept[1:] {
		if kept[i+1].Index != kept[i].Index+1 {
			t.Fatalf("event %d follows event %d", kept[i+1].Index, kept[i].Index)
		}
	}
}
