package relay

import (
	"errors"
	"fmt"
	"net"
)

// Mesh is the network between n nodes on one machine: a relay for each ordered pair. The node i is
// told that its peer j is at Address(i, j). All that travels from i to j, on connections that either
// of them dialled, shares one lane, which is what the methods name.
type Mesh struct {
	n      int
	lanes  []*lane  // by from*n + to
	relays []*Relay // likewise; nil for a node and itself
}

// NewMesh makes the relays, on ports of host that the system chooses. targets are the addresses at
// which the nodes listen; link says how bytes travel from one to another. The seed decides what is
// drawn.
func NewMesh(host string, targets []string, seed uint64, link func(from, to int) Link) (*Mesh, error) {
	return NewMeshAt(func(int) string { return host }, targets, seed, link)
}

// NewMeshAt is NewMesh with another host for what each node dials: nodes in namespaces of their own
// reach this program at different addresses.
func NewMeshAt(host func(from int) string, targets []string, seed uint64, link func(from, to int) Link) (*Mesh, error) {
	n := len(targets)
	m := &Mesh{n: n, lanes: make([]*lane, n*n), relays: make([]*Relay, n*n)}
	for i := range m.lanes {
		m.lanes[i] = newLane(link(i/n, i%n), seed, uint64(i))
	}
	for i := range m.relays {
		from, to := i/n, i%n
		if from == to {
			continue
		}
		var err error
		if m.relays[i], err = newRelay(net.JoinHostPort(host(from), "0"), targets[to], m.lanes[i], m.lanes[to*n+from]); err != nil {
			return nil, errors.Join(fmt.Errorf("relay: from node %d to %d: %w", from, to, err), m.Close())
		}
	}
	return m, nil
}

// Address returns where from reaches to.
func (m *Mesh) Address(from, to int) string { return m.relays[from*m.n+to].Addr() }

// SetLink changes how bytes travel from one node to another.
func (m *Mesh) SetLink(from, to int, l Link) { m.lanes[from*m.n+to].set(l) }

// Cut holds all that goes from one node to another, until Heal.
func (m *Mesh) Cut(from, to int) { m.lanes[from*m.n+to].setCut(true) }

// Partition holds all that goes between the nodes of a group and the others, both ways, until Heal.
func (m *Mesh) Partition(group ...int) {
	in := make([]bool, m.n)
	for _, i := range group {
		in[i] = true
	}
	for i := range m.lanes {
		if in[i/m.n] != in[i%m.n] {
			m.lanes[i].setCut(true)
		}
	}
}

// Sever breaks the connections between two nodes and refuses new ones, until Heal.
func (m *Mesh) Sever(a, b int) {
	m.relays[a*m.n+b].Sever()
	m.relays[b*m.n+a].Sever()
}

// Heal undoes all cuts and severed pairs.
func (m *Mesh) Heal() {
	for _, r := range m.relays {
		if r != nil {
			r.Heal()
		}
	}
}

// Stats returns what has travelled from one node to another.
func (m *Mesh) Stats(from, to int) LaneStats { return m.lanes[from*m.n+to].counted() }

// Total returns what has travelled between all nodes.
func (m *Mesh) Total() (sum LaneStats) {
	for _, l := range m.lanes {
		s := l.counted()
		sum.Bytes += s.Bytes
		sum.Chunks += s.Chunks
		sum.Losses += s.Losses
		sum.Held += s.Held
	}
	return sum
}

// Close breaks all connections and returns when nothing of the mesh runs any more.
func (m *Mesh) Close() error {
	var errs []error
	for _, r := range m.relays {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}
