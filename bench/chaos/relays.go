package chaos

import (
	"time"

	"quoin.dev/quoin/bench/relay"
)

// relays are Networks by relay.Mesh: they need no privileges.
type relays struct {
	*relay.Mesh
	nodes int
}

var _ Networks = (*relays)(nil)

func newRelays(o *Options) (*relays, error) {
	var targets []string
	for i := range o.Nodes {
		targets = append(targets, o.Nodes[i].Listen)
	}
	m, err := relay.NewMesh(o.Host, targets, o.Seed, func(int, int) relay.Link { return relay.Link{} })
	if err != nil {
		return nil, err
	}
	return &relays{m, len(targets)}, nil
}

// Cut implements Networks.
func (r *relays) Cut(from, to int) error {
	r.Mesh.Cut(from, to)
	return nil
}

// Slow implements Networks.
func (r *relays) Slow(node int, delay time.Duration) error {
	for i := range r.nodes {
		if i != node {
			r.SetLink(node, i, relay.Link{Delay: delay, Jitter: delay / 4})
			r.SetLink(i, node, relay.Link{Delay: delay, Jitter: delay / 4})
		}
	}
	return nil
}

// Can implements Networks.
func (r *relays) Can(Kind) bool { return true }

// Heal implements Networks.
func (r *relays) Heal() error {
	r.Mesh.Heal()
	for from := range r.nodes {
		for to := range r.nodes {
			r.SetLink(from, to, relay.Link{})
		}
	}
	return nil
}
