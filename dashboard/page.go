package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed page
var pageFiles embed.FS

// page serves the embedded files. Browsers ask each time whether they have the newest, which is one short answer:
// so a new program never meets half of an old page.
type page map[string]pageFile

type pageFile struct {
	bytes []byte
	tag   string
	kind  string
}

var kinds = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func newPage() (page, error) {
	p := page{}
	err := fs.WalkDir(pageFiles, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kind, ok := kinds[path.Ext(name)]
		if !ok {
			return nil
		}
		b, err := pageFiles.ReadFile(name)
		digest := sha256.Sum256(b)
		p[name[len("page"):]] = pageFile{b, `"` + base64.RawURLEncoding.EncodeToString(digest[:12]) + `"`, kind}
		return err
	})
	return p, err
}

// has reports whether a request is for a file of the page.
func (p page) has(r *http.Request) bool {
	_, ok := p[r.URL.Path]
	return (ok || r.URL.Path == "/") && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path
	if name == "/" {
		name = "/index.html"
	}
	f, ok := p[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.bytes))
}
