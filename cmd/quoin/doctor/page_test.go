package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// newPage writes a certificate for page.example of a time from now, and its key, into a folder.
func newPage(t *testing.T, dir string, from, until time.Duration) Page {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(from), NotAfter: now.Add(until), DNSNames: []string{"page.example"}}
	leaf, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	p := Page{Address: freeAddress(t), Certificate: filepath.Join(dir, "page.pem"), Key: filepath.Join(dir, "page-key.pem"), Hosts: []string{"page.example"}}
	must(t, os.WriteFile(p.Certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}), 0o644))
	must(t, os.WriteFile(p.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return p
}

// TestEveryFaultOfAPageIsFound plants one fault after the other.
func TestEveryFaultOfAPageIsFound(t *testing.T) {
	const day = 24 * time.Hour
	for _, x := range []struct {
		name        string
		from, until time.Duration
		plant       func(*testing.T, *Folder)
		check       string
		level       Level
	}{
		{"a good certificate", -day, 30 * day, func(*testing.T, *Folder) {}, "", OK},
		{"none, and nobody else reaches it", -day, 30 * day, func(_ *testing.T, f *Folder) { f.Page = Page{Address: f.Page.Address} }, "", OK},
		{"no page", -day, 30 * day, func(_ *testing.T, f *Folder) { f.Page = Page{} }, "", OK},
		{"none, and others reach it", -day, 30 * day, func(_ *testing.T, f *Folder) { f.Page = Page{Address: "0.0.0.0:0"} }, "certificate", Problem},
		{"none, at a name of this machine", -day, 30 * day, func(_ *testing.T, f *Folder) { f.Page = Page{Address: "LOCALHOST:1"} }, "", OK},
		{"links, as programs that renew certificates make them", -day, 30 * day, func(t *testing.T, f *Folder) {
			for _, name := range []*string{&f.Page.Certificate, &f.Page.Key} {
				must(t, os.Symlink(*name, *name+".newest"))
				*name += ".newest"
			}
		}, "", OK},
		{"a name with a port", -day, 30 * day, func(_ *testing.T, f *Folder) { f.Page.Hosts = []string{"page.example:26680"} }, "", OK},
		{"none, everywhere", -day, 30 * day, func(_ *testing.T, f *Folder) { f.Page = Page{Address: ":0"} }, "certificate", Problem},
		{"it ended", -2 * day, -day, func(*testing.T, *Folder) {}, "certificate", Problem},
		{"it ends soon", -2 * day, 13 * day, func(*testing.T, *Folder) {}, "certificate", Warning},
		{"it has not begun", day, 30 * day, func(*testing.T, *Folder) {}, "certificate", Problem},
		{"another name", -day, 30 * day, func(_ *testing.T, f *Folder) { f.Page.Hosts = append(f.Page.Hosts, "other.example") }, "certificate", Warning},
		{"no key", -day, 30 * day, func(t *testing.T, f *Folder) { must(t, os.Remove(f.Page.Key)) }, "certificate", Problem},
		{"no setting of a key", -day, 30 * day, func(_ *testing.T, f *Folder) { f.Page.Key = "" }, "certificate", Problem},
		{"another key", -day, 30 * day, func(t *testing.T, f *Folder) { f.Page.Key = newPage(t, t.TempDir(), -day, day).Key }, "certificate", Problem},
		{"others read the key", -day, 30 * day, func(t *testing.T, f *Folder) { must(t, os.Chmod(f.Page.Key, 0o644)) }, "certificate", Problem},
		{"no certificate at all", -day, 30 * day, func(t *testing.T, f *Folder) { must(t, os.WriteFile(f.Page.Certificate, []byte("no"), 0o600)) }, "certificate", Problem},
		{"a folder", -day, 30 * day, func(_ *testing.T, f *Folder) { f.Page.Certificate = f.Dir }, "certificate", Problem},
	} {
		t.Run(x.name, func(t *testing.T) {
			f := &Folder{Dir: t.TempDir(), Now: time.Now, Within: time.Second}
			f.Page = newPage(t, f.Dir, x.from, x.until)
			x.plant(t, f)
			l := &list{about: f.Dir}
			f.certificate(t.Context(), l)
			wants(t, x.name, l.found, x.check, x.level)
		})
	}
}
