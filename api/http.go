package api

import (
	"errors"
	"net/http"
	"strings"

	"quoin.dev/quoin/ledger"
)

// log serves the C2SP tlog-tiles of the ledger.
func (s *Server) log(w http.ResponseWriter, r *http.Request) {
	path := r.PathValue("path")
	body, contentType, err := ledger.ReadPath(s.node.Store(), path)
	switch {
	case errors.Is(err, ledger.ErrPath), errors.Is(err, ledger.ErrRange), errors.Is(err, ledger.ErrPruned):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		s.c.Logger.Error("a tile cannot be read", "event", "tile-unreadable", "path", path, "error", err)
		http.Error(w, "the node's log cannot be read", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Access-Control-Allow-Origin", "*")
	if path == "checkpoint" {
		h.Set("Cache-Control", "no-cache")
	} else if !strings.Contains(path, ".p/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(body)
}

// healthz answers while the process serves.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if err := s.node.Err(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// readyz answers once the node takes part.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.c.Ready != nil {
		if err := s.c.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	s.healthz(w, r)
}
