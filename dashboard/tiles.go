package dashboard

import "net/http"

// sameOrigin passes on what reads the ledger's log. The API lets every page read it; this server lets only
// its own.
func sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(&ownPage{ResponseWriter: w}, r) })
}

// ownPage leaves out the header by which other origins may read an answer.
type ownPage struct{ http.ResponseWriter }

func (w *ownPage) WriteHeader(status int) {
	w.Header().Del("Access-Control-Allow-Origin")
	w.ResponseWriter.WriteHeader(status)
}

func (w *ownPage) Write(b []byte) (int, error) {
	w.Header().Del("Access-Control-Allow-Origin") // once the header is written, this changes nothing
	return w.ResponseWriter.Write(b)
}
