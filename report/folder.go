package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"quoin.dev/quoin/lab/events"
)

// The files of a run's folder.
const (
	RunFile      = "run.json"
	ScenarioFile = "scenario.txt"
	EventsFile   = "events.jsonl"
	PageFile     = "report.html"
)

// Limits of the files.
const (
	RunBytesMax      = 16 << 20
	ScenarioBytesMax = 1 << 20
	EventsBytesMax   = 512 << 20
	EventLineMax     = 64 << 10
	EventsMax        = 1_000_000
)

var (
	// ErrFolder is wrapped by every refusal of a folder: what it holds is not a run, or not a whole one.
	ErrFolder = errors.New("report: not a run's folder")
	// ErrTaken is wrapped when a run would replace what is not an older one of its kind.
	ErrTaken = errors.New("report: the folder holds something else")
)

// Save writes the run to the folder dir/<kind>-<name> and returns that folder's path. An older run of
// the kind and name is replaced; any other content is left alone, or refused with ErrTaken. Texts
// that are too long are cut, and say so; a run that is wrong in itself is refused (see Check).
//
// Each file appears whole or not at all, and run.json is the last: a folder without it is no run.
// Runs of different names may be saved at once.
func (r *Run) Save(dir string) (folder string, err error) {
	c := r.clipped()
	if err := c.Check(); err != nil {
		return "", err
	}
	folder = filepath.Join(dir, c.ID())
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := c.replaces(root); err != nil {
		return "", fmt.Errorf("%w: %s", err, folder)
	}
	if err := c.write(root); err != nil {
		return "", fmt.Errorf("report: %s: %w", folder, err)
	}
	return folder, nil
}

// ID is the name of the run's folder.
func (r *Run) ID() string { return r.Kind + "-" + r.Name }

// replaces refuses to write where something else is: a run of another kind, or files of other people's
// without a run beside them.
func (r *Run) replaces(root *os.Root) error {
	b, err := readFile(root, RunFile, RunBytesMax)
	if err == nil {
		var old struct{ Kind, Name string }
		if json.Unmarshal(b, &old) != nil || old.Kind != r.Kind || old.Name != r.Name {
			return ErrTaken
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		if !slices.Contains([]string{ScenarioFile, EventsFile, PageFile}, e.Name()) { // of a save that was interrupted
			return ErrTaken
		}
	}
	return err
}

func (r *Run) write(root *os.Root) error {
	description, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if len(description) >= RunBytesMax {
		return fmt.Errorf("%s would have %d bytes, more than %d", RunFile, len(description), RunBytesMax)
	}
	if err := remove(root, RunFile); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		given bool
		write func(w io.Writer) error
	}{
		{ScenarioFile, r.Scenario != "", func(w io.Writer) error { _, err := io.WriteString(w, r.Scenario); return err }},
		{EventsFile, len(r.Events) > 0, func(w io.Writer) error { return writeEvents(w, r.Events) }},
		{PageFile, true, func(w io.Writer) error { return r.Page(w, Window{}) }},
		{RunFile, true, func(w io.Writer) error { _, err := w.Write(append(description, '\n')); return err }},
	} {
		err := remove(root, f.name)
		if f.given && err == nil {
			err = place(root, f.name, f.write)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

func remove(root *os.Root, name string) error {
	if err := root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// place writes a file that appears at once, when it is whole.
func place(root *os.Root, name string, write func(w io.Writer) error) error {
	hidden := "." + name
	f, err := root.Create(hidden)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	if err := errors.Join(write(w), w.Flush(), f.Close()); err != nil {
		return errors.Join(err, root.Remove(hidden))
	}
	return root.Rename(hidden, name)
}

func writeEvents(w io.Writer, log []events.Event) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for i := range log {
		if err := e.Encode(&log[i]); err != nil {
			return err
		}
	}
	return nil
}

// Load reads a run back from its folder. The folder may come from anywhere: nothing outside of it is
// read, only plain files, each up to its limit, and all of it is checked (see Check). What is wrong
// with a folder wraps ErrFolder.
func Load(folder string) (*Run, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer root.Close()
	r, err := load(root)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFolder, folder, err)
	}
	return r, nil
}

func load(root *os.Root) (*Run, error) {
	b, err := readFile(root, RunFile, RunBytesMax)
	if err != nil {
		return nil, err
	}
	r := &Run{}
	if err := decode(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", RunFile, err)
	}
	scenario, err := readFile(root, ScenarioFile, ScenarioBytesMax)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r.Scenario = string(scenario)
	if err := r.readEvents(root); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return r, r.Check()
}

// decode reads one JSON value and nothing else, with the fields of v and no others.
func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the value")
	}
	return nil
}

// open opens a plain file of the folder. Anything else, a pipe or a link, could block or lead away.
func open(root *os.Root, name string) (*os.File, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a plain file", name)
	}
	return root.Open(name)
}

func readFile(root *os.Root, name string, limit int) ([]byte, error) {
	f, err := open(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return b, err
}

func (r *Run) readEvents(root *os.Root) error {
	f, err := open(root, EventsFile)
	if err != nil {
		return err
	}
	defer f.Close()
	limited := &io.LimitedReader{R: f, N: EventsBytesMax + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, EventLineMax)
	for lines.Scan() {
		if len(r.Events) == EventsMax {
			return fmt.Errorf("%s has more than %d events", EventsFile, EventsMax)
		}
		var e events.Event
		if err := decode(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("%s: line %d: %w", EventsFile, len(r.Events)+1, err)
		}
		r.Events = append(r.Events, e)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: line %d: %w", EventsFile, len(r.Events)+1, err)
	}
	if limited.N == 0 {
		return fmt.Errorf("%s has more than %d bytes", EventsFile, EventsBytesMax)
	}
	return nil
}
