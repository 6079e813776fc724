package lab

import (
	"fmt"
	"strings"
)

// String prints the scenario in its one canonical form: Parse gives the same scenario again.
func (s *Scenario) String() string { return strings.Join(s.Lines(), "\n") + "\n" }

// Lines returns the directives, one a line. The first two name the scenario and give its size; of the
// others every selection, in this order, reads as a scenario too: that is what shrinking may remove.
func (s *Scenario) Lines() []string {
	lines := []string{"scenario " + s.Name, fmt.Sprintf("nodes %d", s.Nodes)}
	add := func(given bool, format string, args ...any) {
		if given {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	if s.Weights != nil {
		add(true, "weights %s", strings.Trim(fmt.Sprint(s.Weights), "[]"))
	}
	n := &s.Network
	switch n.Kind {
	case WAN:
		names := ""
		for _, r := range n.Regions {
			names += " " + r.String()
		}
		add(true, "network wan%s", names)
	case Fixed:
		add(true, "network fixed %s", duration(n.DelayUS))
	}
	add(n.Jitter > 0, "jitter %s", share(n.Jitter))
	add(n.Loss > 0, "loss %s", share(n.Loss))
	add(n.Duplicate > 0, "duplicate %s", share(n.Duplicate))
	add(n.Reorder > 0, "reorder %s", share(n.Reorder))
	add(n.Spikes > 0, "spikes %s", share(n.Spikes))
	add(n.Bandwidth > 0, "bandwidth %s", bandwidth(n.Bandwidth))
	for i := range s.Links {
		add(true, "link %s", s.Links[i].String())
	}
	for _, c := range s.Clocks {
		line := "clock " + nodeNames([]int{c.Node})
		if c.SkewMS != 0 {
			line += " " + shift(c.SkewMS)
		}
		if c.DriftPPM != 0 {
			line += fmt.Sprintf(" drift %+dppm", c.DriftPPM)
		}
		add(true, "%s", line)
	}
	for _, f := range s.Faulty {
		add(true, "byzantine %s %s", nodeNames([]int{f.Node}), f.Behaviour)
	}
	add(s.Load.Rate > 0, "load %d/s", s.Load.Rate)
	add(s.Load.Closed > 0, "load closed %d", s.Load.Closed)
	for i := range s.Acts {
		add(true, "%s", s.Acts[i].String())
	}
	switch h := s.Heal; {
	case h.FromUS != h.ToUS:
		add(true, "heal %s..%s", duration(h.FromUS), duration(h.ToUS))
	default:
		add(h.ToUS > 0, "heal %s", duration(h.ToUS))
	}
	if u := s.Until; u != (Goal{}) {
		line := "until"
		for _, g := range []struct {
			name string
			n    uint64
		}{{"height", u.Height}, {"transactions", uint64(u.Transactions)}, {"epochs", u.Epochs}} {
			if g.n > 0 {
				line += fmt.Sprintf(" %s %d", g.name, g.n)
			}
		}
		add(true, "%s", line)
	}
	return lines
}

// String prints the act as a directive.
func (a *Act) String() string {
	line := fmt.Sprintf("at %s %s", duration(a.AtUS), a.Kind)
	if form, ok := actForms[a.Kind]; ok {
		line = strings.TrimSuffix(line+" "+form.print(a), " ")
	}
	if a.ForUS > 0 {
		line += " for " + duration(a.ForUS)
	}
	return line
}

// String prints what follows "link".
func (l *LinkChange) String() string {
	arrow := "->"
	if l.Both {
		arrow = "<->"
	}
	line := fmt.Sprintf("%s %s %s", nodeNames(l.From), arrow, nodeNames(l.To))
	if l.DelayUS > 0 {
		line += " delay " + duration(l.DelayUS)
	}
	if l.Loss > 0 {
		line += " loss " + share(l.Loss)
	}
	if l.Bandwidth > 0 {
		line += " bandwidth " + bandwidth(l.Bandwidth)
	}
	return line
}

func nodeNames(nodes []int) string {
	var names []string
	for _, n := range nodes {
		names = append(names, fmt.Sprintf("v%d", n))
	}
	return strings.Join(names, ",")
}

// unit is a unit of a quantity, in the smallest of them.
type unit struct {
	name string
	size uint64
}

var (
	durations  = []unit{{"s", second}, {"ms", 1_000}, {"us", 1}}                       // in microseconds
	bandwidths = []unit{{"Gbit", 1_000_000_000}, {"Mbit", 1_000_000}, {"kbit", 1_000}} // in bits per second
)

// quantity prints a number in the largest unit that leaves no rest.
func quantity(n uint64, units []unit) string {
	for _, u := range units {
		if n%u.size == 0 {
			return fmt.Sprint(n/u.size) + u.name
		}
	}
	return fmt.Sprint(n) // no unit fits: Parse refuses it
}

func duration(us uint64) string    { return quantity(us, durations) }
func bandwidth(bits uint64) string { return quantity(bits, bandwidths) }

// shift prints a signed number of milliseconds.
func shift(ms int64) string {
	if ms < 0 {
		return "-" + duration(uint64(-ms)*1_000)
	}
	return "+" + duration(uint64(ms)*1_000)
}

// share prints thousandths as percent.
func share(thousandths uint64) string {
	if thousandths%10 == 0 {
		return fmt.Sprintf("%d%%", thousandths/10)
	}
	return fmt.Sprintf("%d.%d%%", thousandths/10, thousandths%10)
}
