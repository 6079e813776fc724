package doctor

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// certificateSoon is how long before its end a certificate is worth a warning.
const certificateSoon = 14 * 24 * time.Hour

// Page is what the folder's settings say of the node's page for browsers.
type Page struct {
	Address     string   // empty: the node serves none, or it is unknown
	Certificate string   // PEM file; empty: none
	Key         string   // likewise
	Hosts       []string // names that the page is asked for by
}

// certificate looks at the certificate of the node's page.
func (f *Folder) certificate(ctx context.Context, l *list) {
	const check = "certificate"
	p := &f.Page
	host, _, err := net.SplitHostPort(p.Address)
	if err != nil {
		return // there is no page, or its address is a finding already
	}
	if p.Certificate == "" && p.Key == "" {
		if f.reached(ctx, host) {
			l.add(check, Problem, "set dashboard_certificate and dashboard_key in node.json, or listen on 127.0.0.1: see docs/dashboard.md",
				"others can reach the page's address %s, and there is no certificate: the node does not start", short(p.Address))
		}
		return
	}
	for _, name := range []string{p.Certificate, p.Key} {
		name, err := filepath.EvalSymlinks(name) // whoever renews certificates moves links
		if err == nil {
			err = Regular(name)
		}
		if err != nil {
			l.add(check, Problem, "change dashboard_certificate and dashboard_key in node.json", "the page's certificate or its key cannot be read: %v", err)
			return
		}
	}
	if s, err := os.Stat(p.Key); err == nil && s.Mode().Perm()&0o077 != 0 {
		l.add(check, Problem, "chmod 600 "+p.Key+"; if somebody may have read it, get a new one", "others can read the key of the page's certificate: whoever did can stand in for the page (%s)", s.Mode().Perm())
	}
	pair, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
	if err != nil {
		l.add(check, Problem, "give the node a PEM certificate and the key that belongs to it", "the page's certificate cannot be used: %v", err)
		return
	}
	leaf, now := pair.Leaf, f.Now()
	until := leaf.NotAfter.UTC().Format(time.DateTime)
	switch {
	case now.After(leaf.NotAfter):
		l.add(check, Problem, "get a new one, and restart the node", "the page's certificate ended on %s", until)
	case now.Before(leaf.NotBefore):
		l.add(check, Problem, "wait, or set this machine's clock", "the page's certificate begins on %s", leaf.NotBefore.UTC().Format(time.DateTime))
	case leaf.NotAfter.Sub(now) < certificateSoon:
		l.add(check, Warning, "get a new one, and restart the node", "the page's certificate ends on %s", until)
	default:
		l.ok(check, "the page's certificate is good until %s", until)
	}
	var missing []string
	for _, name := range p.Hosts {
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		if leaf.VerifyHostname(name) != nil {
			missing = append(missing, short(name))
		}
	}
	if len(missing) > 0 {
		l.add(check, Warning, "get a certificate for them, or take them out of dashboard_hosts in node.json", "the page's certificate is not for %s: browsers will refuse it", strings.Join(missing, ", "))
	}
}

// reached reports whether others can reach an address of a host.
func (f *Folder) reached(ctx context.Context, host string) bool {
	if host == "" {
		return true
	}
	if ip := net.ParseIP(host); ip != nil {
		return !ip.IsLoopback()
	}
	ctx, cancel := context.WithTimeout(ctx, f.Within)
	defer cancel()
	all, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	return err == nil && len(all) > 0 && !all[0].IP.IsLoopback() // of a name that nobody knows the ports tell
}
