package plugin

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// Release is a compiled release.
type Release struct {
	digest   quoin.Hash
	manifest *Manifest
}

// Digest returns the release's name.
func (r *Release) Digest() quoin.Hash { return r.digest }

// Manifest returns what the file says of itself; do not change it.
func (r *Release) Manifest() *Manifest { return r.manifest }

type instance struct{}

func (g *guest) close() {}

func (t *Table) leadGuest(b *quoin.Binding, q *hook.LeaderRequest) (LeadResult, error) {
	return LeadResult{}, t.Ready(b)
}
func (t *Table) applyGuest(b *quoin.Binding, q *hook.ApplyRequest, state State) (ApplyResult, error) {
	return ApplyResult{}, t.Ready(b)
}
func (t *Table) queryGuest(b *quoin.Binding, q *hook.QueryRequest, state StateReader) (QueryResult, error) {
	return QueryResult{}, t.Ready(b)
}
