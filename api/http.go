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

// Probes serves /healthz, which answers while running returns nil, and /readyz, which answers while ready does too;
// a nil ready always does. Otherwise the answer is 503 with the error.
func Probes(running, ready func() error) http.Handler {
	answer := func(tests ...func() error) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for _, test := range tests {
				if test == nil {
					continue
				}
				if err := test(); err != nil {
					http.Error(w, err.Error(), http.StatusServiceUnavailable)
					return
				}
			}
			_, _ = w.Write([]byte("ok\n"))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answer(running))
	mux.HandleFunc("GET /readyz", answer(ready, running))
	return mux
}
