package bench

import (
	"fmt"
	"strings"
	"time"

	"quoin.dev/quoin/bench/relay"
	"quoin.dev/quoin/lab"
)

// Emulated says what is between the nodes. The zero Emulated is plain loopback.
type Emulated struct {
	Network   string // NetworkNone, "lan", "wan" or "fixed:DURATION"; "" is NetworkNone
	Loss      float64
	Bandwidth int64 // bytes a second of each direction between two nodes; 0: no bound
	Seed      uint64
}

// NetworkNone is plain loopback, without relays.
const NetworkNone = "none"

// NetworkHelp lists the networks for people.
const NetworkHelp = "none, lan (0.25 ms one way), wan (a region of the simulator's table for each node), or fixed:DURATION (one way)"

// Plain reports whether nothing is emulated.
func (e *Emulated) Plain() bool {
	return (e.Network == "" || e.Network == NetworkNone) && e.Loss == 0 && e.Bandwidth == 0
}

// Link returns how bytes travel from one node to another. Delays vary by a twentieth.
func (e *Emulated) Link() (func(from, to int) relay.Link, error) {
	if e.Loss < 0 || e.Loss > 0.5 || e.Bandwidth < 0 {
		return nil, fmt.Errorf("bench: a loss of %v and a bandwidth of %d; want 0 to 0.5, and 0 or more", e.Loss, e.Bandwidth)
	}
	delay := func(int, int) time.Duration { return 0 }
	switch text, fixed := strings.CutPrefix(e.Network, "fixed:"); {
	case fixed:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d > time.Minute {
			return nil, fmt.Errorf("bench: %q is no delay up to a minute, such as fixed:50ms", e.Network)
		}
		delay = func(int, int) time.Duration { return d }
	case e.Network == "" || e.Network == NetworkNone:
	case e.Network == "lan":
		delay = func(int, int) time.Duration { return 250 * time.Microsecond }
	case e.Network == "wan":
		delay = func(from, to int) time.Duration {
			return time.Duration(lab.RegionDelay(from%lab.Regions, to%lab.Regions)) * time.Microsecond
		}
	default:
		return nil, fmt.Errorf("bench: there is no network %q; there are %s", e.Network, NetworkHelp)
	}
	return func(from, to int) relay.Link {
		d := delay(from, to)
		return relay.Link{Delay: d, Jitter: d / 20, Loss: e.Loss, Bandwidth: e.Bandwidth}
	}, nil
}

// Mesh makes the relays between nodes that listen at the targets. host is where a node reaches this
// program.
func (e *Emulated) Mesh(host func(from int) string, targets []string) (*relay.Mesh, error) {
	link, err := e.Link()
	if err != nil {
		return nil, err
	}
	return relay.NewMeshAt(host, targets, e.Seed, link)
}
