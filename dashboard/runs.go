package dashboard

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
)

// Run is a lab run's folder, as the page lists it.
type Run struct {
	Folder  string `json:"folder"`
	Kind    string `json:"kind"`
	Title   string `json:"title"`
	Verdict string `json:"verdict"`
	Failed  bool   `json:"failed"`
	Seed    uint64 `json:"seed,omitempty"`
	Changed int64  `json:"changed"` // milliseconds since 1970
	Report  bool   `json:"report"`  // it has a page
}

// What package report writes into a folder.
const (
	runFile    = "run.json"
	reportFile = "report.html"
	runsMax    = 200
	runBytes   = 16 << 20
	pageBytes  = 64 << 20
)

// runPolicy shuts a report in: it is a file that somebody put there. It runs in an origin of its own, which cannot
// reach this one, and loads nothing.
const runPolicy = "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// listRuns lists the newest runs of the folder.
func (s *Server) listRuns(w http.ResponseWriter, _ *http.Request) {
	list := struct {
		Served bool  `json:"served"` // a folder is configured
		Runs   []Run `json:"runs"`
		Left   int   `json:"left,omitempty"` // that are not listed
	}{Served: s.c.Runs != "", Runs: []Run{}}
	if list.Served {
		runs, err := readRuns(s.c.Runs)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.c.Logger.Warn("the folder of runs cannot be read", "event", "runs-unreadable", "folder", s.c.Runs, "error", err)
		}
		if len(runs) > runsMax {
			runs, list.Left = runs[:runsMax], len(runs)-runsMax
		}
		list.Runs = append(list.Runs, runs...)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

// readRuns reads what the folder holds, the newest first. What is no run is passed over.
func readRuns(folder string) ([]Run, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var runs []Run
	for _, e := range entries {
		if r, ok := readRun(root, e.Name()); ok {
			runs = append(runs, r)
		}
	}
	slices.SortFunc(runs, func(a, b Run) int { return int(b.Changed - a.Changed) })
	return runs, nil
}

func readRun(root *os.Root, folder string) (r Run, ok bool) {
	f, err := root.Open(path.Join(folder, runFile))
	if err != nil {
		return r, false
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, runBytes)).Decode(&r); err != nil {
		return r, false
	}
	if info, err := f.Stat(); err == nil {
		r.Changed = info.ModTime().UnixMilli()
	}
	r.Folder = folder
	_, err = root.Stat(path.Join(folder, reportFile))
	r.Report = err == nil
	return r, true
}

// showRun serves a run's page.
func (s *Server) showRun(w http.ResponseWriter, r *http.Request) {
	if s.c.Runs == "" || r.PathValue("file") != reportFile {
		http.NotFound(w, r)
		return
	}
	root, err := os.OpenRoot(s.c.Runs)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer root.Close()
	f, err := root.Open(path.Join(r.PathValue("run"), reportFile)) // leads out of the folder by no name and no link
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > pageBytes {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", runPolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.Copy(w, f)
}
