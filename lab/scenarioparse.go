package lab

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"quoin.dev/quoin/hook"
)

// Parse reads a scenario. name stands before the line's number in errors, which wrap ErrScenario.
func Parse(name string, text []byte) (*Scenario, error) {
	if len(text) > ScenarioBytesMax {
		return nil, fmt.Errorf("%w: %s: %d bytes, at most %d", ErrScenario, name, len(text), ScenarioBytesMax)
	}
	s, seen, count := &Scenario{Network: Network{Kind: LAN}}, map[string]bool{}, 0
	for number := 1; len(text) > 0; number++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		line, _, _ = bytes.Cut(line, []byte("#"))
		r := &lineReader{s: s}
		if i := slices.IndexFunc(line, func(c byte) bool { return c != '\t' && c != '\r' && (c < ' ' || c > '~') }); i >= 0 {
			r.fail("byte %#02x: only printable ASCII", line[i])
		} else if r.words = strings.Fields(string(line)); len(r.words) == 0 {
			continue
		}
		if count++; count > scenarioLinesMax {
			r.fail("more than %d directives", scenarioLinesMax)
		}
		r.directive(seen, count)
		if r.err != nil {
			return nil, fmt.Errorf("%w: %s:%d: %w", ErrScenario, name, number, r.err)
		}
	}
	if count < 2 {
		return nil, fmt.Errorf("%w: %s: want `scenario NAME` and `nodes N` first", ErrScenario, name)
	}
	return s, nil
}

// lineReader reads the words of one line. After the first error it reads nothing more.
type lineReader struct {
	s     *Scenario
	words []string // that are left
	err   error
}

func (r *lineReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// word returns the next word; what says what it should be.
func (r *lineReader) word(what string) string {
	switch {
	case r.err != nil:
		return ""
	case len(r.words) == 0:
		r.fail("want %s at the end of the line", what)
		return ""
	}
	w := r.words[0]
	r.words = r.words[1:]
	return w
}

// take skips the next word if it is w.
func (r *lineReader) take(w string) bool {
	if r.err != nil || len(r.words) == 0 || r.words[0] != w {
		return false
	}
	r.words = r.words[1:]
	return true
}

func (r *lineReader) expect(w string) {
	if got := r.word("`" + w + "`"); got != w {
		r.fail("%q, want `%s`", got, w)
	}
}

// number reads a decimal number without sign or leading zeros, followed by the suffix.
func (r *lineReader) number(what, suffix string, low, high uint64) uint64 {
	w := r.word(what)
	return r.parse(what, strings.TrimSuffix(w, suffix), low, high, strings.HasSuffix(w, suffix))
}

func (r *lineReader) parse(what, digits string, low, high uint64, ok bool) uint64 {
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits || n < low || n > high {
		r.fail("%s: want %d to %d in plain digits, with their unit", what, low, high)
		return low
	}
	return n
}

// quantity reads a number and its unit.
func (r *lineReader) quantity(what, w string, units []unit, low, high uint64) uint64 {
	for _, u := range units {
		digits, ok := strings.CutSuffix(w, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || strconv.FormatUint(n, 10) != digits {
			continue // "5ms" ends with "s" too
		}
		if n > high/u.size || n*u.size < low {
			break
		}
		return n * u.size
	}
	r.fail("%s %q: want %s to %s", what, w, quantity(low, units), quantity(high, units))
	return low
}

func (r *lineReader) duration(what string, high uint64) uint64 {
	return r.quantity(what, r.word(what), durations, 1, high)
}

func (r *lineReader) bandwidth() uint64 {
	return r.quantity("bandwidth", r.word("a bandwidth"), bandwidths, bandwidthMin, bandwidthMax)
}

// shift reads a signed duration, as whole milliseconds; not 0.
func (r *lineReader) shift() int64 {
	w := r.word("a shift such as +300ms")
	if len(w) == 0 || w[0] != '+' && w[0] != '-' {
		r.fail("shift %q: want + or - and a duration", w)
		return 1
	}
	us := r.quantity("shift", w[1:], durations[:2], 1_000, clockMaxMS*1_000)
	if w[0] == '-' {
		return -int64(us / 1_000)
	}
	return int64(us / 1_000)
}

// share reads percent with at most one decimal, as thousandths.
func (r *lineReader) share(what string) uint64 {
	w := r.word(what)
	number, ok := strings.CutSuffix(w, "%")
	whole, tenth, point := strings.Cut(number, ".")
	if !point {
		tenth = "0"
	}
	if !ok || point && tenth == "0" || len(tenth) != 1 {
		r.fail("%s %q: want 0.1%% to 100%%", what, w)
	}
	n := 10*r.parse(what, whole, 0, 100, true) + r.parse(what, tenth, 0, 9, true)
	if n == 0 || n > 1_000 {
		r.fail("%s %q: want 0.1%% to 100%%", what, w)
	}
	return n
}

// nodes reads a list such as v0,v2, without repetition, and sorts it.
func (r *lineReader) nodes() []int {
	var nodes []int
	for name := range strings.SplitSeq(r.word("nodes"), ",") {
		digits, ok := strings.CutPrefix(name, "v")
		n := int(r.parse(fmt.Sprintf("node %q", name), digits, 0, uint64(max(r.s.Nodes, 1)-1), ok))
		if slices.Contains(nodes, n) {
			r.fail("node v%d twice", n)
		}
		nodes = append(nodes, n)
	}
	slices.Sort(nodes)
	return nodes
}

func (r *lineReader) node() int {
	nodes := r.nodes()
	if len(nodes) != 1 {
		r.fail("%d nodes, want one", len(nodes))
	}
	return nodes[0]
}

// groups reads two groups of nodes with one of the separators between, and returns which.
func (r *lineReader) groups(separators ...string) (a, b []int, separator string) {
	a = r.nodes()
	if separator = r.word("`" + separators[0] + "`"); !slices.Contains(separators, separator) {
		r.fail("%q, want one of %v", separator, separators)
	}
	b = r.nodes()
	if slices.ContainsFunc(a, func(n int) bool { return slices.Contains(b, n) }) {
		r.fail("a node on both sides")
	}
	return a, b, separator
}

// name reads a name of lower-case letters, digits, dots, hyphens and underscores.
func (r *lineReader) name(what string) string {
	w := r.word(what)
	if len(w) > nameBytesMax || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		r.fail("%s %q: want at most %d lower-case letters, digits, dots, hyphens and underscores", what, w, nameBytesMax)
	}
	return w
}

// link reads what follows "link".
func (r *lineReader) link() LinkChange {
	var l LinkChange
	var arrow string
	l.From, l.To, arrow = r.groups("->", "<->")
	l.Both = arrow == "<->"
	if r.take("delay") {
		l.DelayUS = r.duration("delay", delayMaxUS)
	}
	if r.take("loss") {
		l.Loss = r.share("loss")
	}
	if r.take("bandwidth") {
		l.Bandwidth = r.bandwidth()
	}
	if l.DelayUS == 0 && l.Loss == 0 && l.Bandwidth == 0 {
		r.fail("a link needs a delay, a loss or a bandwidth, in this order")
	}
	return l
}

// directive reads one line. All but the first two may come in any order, acts in the order in which
// they are listed if their times are the same.
func (r *lineReader) directive(seen map[string]bool, count int) {
	name := r.word("a directive")
	switch {
	case count == 1 && name != "scenario", count == 2 && name != "nodes":
		r.fail("%q: want `scenario NAME` and `nodes N` first", name)
	case name == "at" || name == "link" || name == "clock" || name == "byzantine":
	case seen[name]:
		r.fail("a second `%s`", name)
	}
	seen[name] = true
	read := settings[name]
	if read == nil {
		r.fail("no directive %q", name)
	}
	if r.err != nil {
		return
	}
	read(r, r.s)
	if len(r.words) > 0 {
		r.fail("%q is too much", strings.Join(r.words, " "))
	}
}

// settings read what follows the first word of a line.
var settings = map[string]func(r *lineReader, s *Scenario){
	"scenario":  func(r *lineReader, s *Scenario) { s.Name = r.name("a name") },
	"nodes":     func(r *lineReader, s *Scenario) { s.Nodes = int(r.number("nodes", "", nodesMin, nodesMax)) },
	"jitter":    func(r *lineReader, s *Scenario) { s.Network.Jitter = r.share("jitter") },
	"loss":      func(r *lineReader, s *Scenario) { s.Network.Loss = r.share("loss") },
	"duplicate": func(r *lineReader, s *Scenario) { s.Network.Duplicate = r.share("duplicate") },
	"reorder":   func(r *lineReader, s *Scenario) { s.Network.Reorder = r.share("reorder") },
	"spikes":    func(r *lineReader, s *Scenario) { s.Network.Spikes = r.share("spikes") },
	"bandwidth": func(r *lineReader, s *Scenario) { s.Network.Bandwidth = r.bandwidth() },
	"network":   (*lineReader).network,
	"load":      (*lineReader).load,
	"heal":      (*lineReader).heal,
	"until":     (*lineReader).until,
	"at":        (*lineReader).act,
	"weights": func(r *lineReader, s *Scenario) {
		for range s.Nodes {
			s.Weights = append(s.Weights, r.number("a weight for each node", "", 1, weightMax))
		}
	},
	"link": func(r *lineReader, s *Scenario) {
		if s.Links = append(s.Links, r.link()); len(s.Links) > linksMax {
			r.fail("more than %d links", linksMax)
		}
	},
	"clock": func(r *lineReader, s *Scenario) {
		c := Clock{Node: r.node()}
		if len(r.words) > 0 && r.words[0] != "drift" {
			c.SkewMS = r.shift()
		}
		if r.take("drift") {
			c.DriftPPM = r.drift()
		}
		if c.SkewMS == 0 && c.DriftPPM == 0 {
			r.fail("a clock needs a shift or a drift")
		}
		if slices.ContainsFunc(s.Clocks, func(x Clock) bool { return x.Node == c.Node }) {
			r.fail("a second `clock` of v%d", c.Node)
		}
		s.Clocks = append(s.Clocks, c)
	},
	"byzantine": func(r *lineReader, s *Scenario) {
		f := Faulty{Node: r.node(), Behaviour: Behaviour(r.name("a behaviour"))}
		if err := f.Behaviour.check(); err != nil || f.Behaviour == None {
			r.fail("no behaviour %q; there are %v", f.Behaviour, Behaviours())
		}
		if s.behaviour(f.Node) != None {
			r.fail("a second `byzantine` of v%d", f.Node)
		}
		s.Faulty = append(s.Faulty, f)
	},
}

func (r *lineReader) drift() int64 {
	w := r.word("a drift such as +50ppm")
	if len(w) == 0 || w[0] != '+' && w[0] != '-' {
		r.fail("drift %q: want + or - and ppm", w)
		return 1
	}
	digits, ok := strings.CutSuffix(w[1:], "ppm")
	ppm := int64(r.parse("drift", digits, 1, driftMaxPPM, ok))
	if w[0] == '-' {
		return -ppm
	}
	return ppm
}

func (r *lineReader) network(s *Scenario) {
	n := &s.Network
	switch n.Kind = NetworkKind(r.word("lan, wan or fixed")); n.Kind {
	case LAN:
	case WAN:
		for len(r.words) > 0 && r.err == nil {
			n.Regions = append(n.Regions, r.region())
		}
		if len(n.Regions) == 0 || len(n.Regions) > s.Nodes {
			r.fail("%d regions, want 1 to %d: one a node, or fewer", len(n.Regions), s.Nodes)
		}
	case Fixed:
		n.DelayUS = r.duration("delay", delayMaxUS)
	default:
		r.fail("no network %q; there are lan, wan REGION... and fixed DELAY", n.Kind)
	}
}

func (r *lineReader) region() Region {
	w := r.word("a region")
	i := slices.Index(regionNames[:], w)
	if i < 0 {
		r.fail("no region %q; there are %s", w, strings.Join(regionNames[:], ", "))
	}
	return Region(i)
}

func (r *lineReader) load(s *Scenario) {
	if r.take("closed") {
		s.Load.Closed = r.number("clients", "", 1, closedMax)
		return
	}
	s.Load.Rate = r.number("transactions per second, such as 20/s", "/s", 1, rateMax)
}

func (r *lineReader) heal(s *Scenario) {
	from, to, between := strings.Cut(r.word("a time"), "..")
	if !between {
		to = from
	}
	h := Heal{r.quantity("time", from, durations, 1, chaosMax), r.quantity("time", to, durations, 1, chaosMax)}
	if h.FromUS > h.ToUS || between && h.FromUS == h.ToUS {
		r.fail("heal: the second time must come later")
	}
	s.Heal = h
}

func (r *lineReader) until(s *Scenario) {
	if len(r.words) == 0 {
		r.fail("want height, transactions or epochs, in this order, and a number")
	}
	if r.take("height") {
		s.Until.Height = r.number("height", "", 1, heightMax)
	}
	if r.take("transactions") {
		s.Until.Transactions = int(r.number("transactions", "", 1, certifyMax))
	}
	if r.take("epochs") {
		s.Until.Epochs = r.number("epochs", "", 1, epochsMax)
	}
}

// act reads what follows "at".
func (r *lineReader) act(s *Scenario) {
	a := Act{AtUS: r.duration("time", chaosMax), Kind: ActKind(r.word("what happens"))}
	form, ok := actForms[a.Kind]
	if !ok {
		r.fail("nothing called %q happens", a.Kind)
		return
	}
	form.read(r, &a)
	if form.lasts && r.take("for") {
		a.ForUS = r.duration("duration", chaosMax)
	}
	if s.Acts = append(s.Acts, a); len(s.Acts) > actsMax {
		r.fail("more than %d acts", actsMax)
	}
}

// knownHook reads the name of a hook.
func (r *lineReader) knownHook() string {
	w := r.word("a hook")
	if _, ok := hook.Find(w); !ok {
		r.fail("no hook %q", w)
	}
	return w
}
