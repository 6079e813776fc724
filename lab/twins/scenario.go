package twins

import (
	"fmt"
	"math/bits"
	"strings"

	"quoin.dev/quoin/lab/protocol"
)

// ViewsMax is the most views of a scenario.
const ViewsMax = 16

// The processes: four validators, one of which has two copies.
const (
	validators = 4
	twin       = 1 // the validator with two copies, in the places 1 and 4
	places     = 5
)

// Processes is how many processes a scenario has.
const Processes = places

// names are those of the processes in a scenario's text.
const names = "0a23b"

// validator returns the index as which a process votes.
func validator(place int) int {
	if place == validators {
		return twin
	}
	return place
}

// View says what happens in one view: who leads it, who hears whom, and when those give up who wait.
type View struct {
	Leader int   // a validator
	Apart  uint8 // the processes of the second group, a bit each; process 0 is in the first
	Early  bool  // timers pass one message delay after a process entered the view, not when all is quiet
	Only   uint8 // a process, plus 1, that alone gets first answers; 0 for no such: see heard
}

// heard reports whether a process gets the first answers of others in its group: what they send within
// a message delay of entering the view, proposals apart. So votes may reach one process alone, as in
// protocols whose leaders collect them, and after a time-out everybody hears everybody of a group.
func (v *View) heard(to int) bool { return v.Only == 0 || int(v.Only) == to+1 }

// together reports whether two processes are in one group.
func (v *View) together(a, b int) bool { return v.Apart>>a&1 == v.Apart>>b&1 }

// Scenario says what happens in the views from 1 on. After them the network heals.
type Scenario []View

// String writes a scenario so that Parse reads it and no shell changes it: for each view, after a
// comma, its leader, an @ and the groups with a slash between them, then perhaps an = and the process
// that alone gets first answers, and a ~ if timers are early. The twins are a and b, and 1 as a leader:
// "1@0a2/3b=a,0@0a23b~".
func (s Scenario) String() string {
	var b strings.Builder
	for i, v := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d@", v.Leader)
		for side := range uint8(2) {
			if side == 1 && v.Apart != 0 {
				b.WriteByte('/')
			}
			for p := range places {
				if v.Apart>>p&1 == side {
					b.WriteByte(names[p])
				}
			}
		}
		if v.Only > 0 {
			b.WriteByte('=')
			b.WriteByte(names[v.Only-1])
		}
		if v.Early {
			b.WriteByte('~')
		}
	}
	return b.String()
}

// Parse reads what String writes.
func Parse(text string) (Scenario, error) {
	words := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' })
	if len(words) == 0 || len(words) > ViewsMax {
		return nil, fmt.Errorf("lab/twins: %d views, want 1 to %d", len(words), ViewsMax)
	}
	var s Scenario
	for _, w := range words {
		v, err := parseView(w)
		if err != nil {
			return nil, err
		}
		s = append(s, v)
	}
	return s, nil
}

func parseView(word string) (View, error) {
	bad := fmt.Errorf("lab/twins: %q is no view; want a leader 0 to 3, an @ and the processes 0, a, 2, 3 and b in one group or two, like 1@0a2/3b=a or 0@0a23b~", word)
	text, early := strings.CutSuffix(word, "~")
	text, only, uneven := strings.Cut(text, "=")
	leader, groups, ok := strings.Cut(text, "@")
	first, second, _ := strings.Cut(groups, "/")
	if !ok || len(leader) != 1 || leader[0] < '0' || leader[0] >= '0'+validators {
		return View{}, bad
	}
	v := View{Leader: int(leader[0] - '0'), Early: early}
	if uneven {
		if len(only) != 1 || !strings.Contains(names, only) {
			return View{}, bad
		}
		v.Only = uint8(strings.Index(names, only) + 1)
	}
	seen := uint8(0)
	for side, group := range []string{first, second} {
		for _, c := range group {
			p := strings.IndexRune(names, c)
			if p < 0 || seen>>p&1 == 1 {
				return View{}, bad
			}
			seen |= 1 << p
			v.Apart |= uint8(side) << p
		}
	}
	if bits.OnesCount8(seen) != places {
		return View{}, bad
	}
	if v.Apart&1 == 1 {
		v.Apart ^= 1<<places - 1
	}
	return v, nil
}

// Sample returns the scenario with a number among those that a seed gives. Views in which no group
// has a quorum end a scenario's interest, so they are drawn twice.
func Sample(seed, number uint64, views int, early, uneven bool) Scenario {
	r := protocol.Random(seed*0x9e3779b97f4a7c15 ^ number*0xd1342543de82ef95)
	s := make(Scenario, views)
	for i := range s {
		v := &s[i]
		v.Leader = int(r.Below(validators))
		v.Apart = uint8(r.Below(groupings)) << 1
		if !v.quorum() {
			v.Apart = uint8(r.Below(groupings)) << 1
		}
		if early {
			v.Early = r.Below(2) == 1
		}
		if uneven && r.Below(2) == 1 {
			v.Only = uint8(1 + r.Below(places))
		}
	}
	return s
}

// groupings is how many ways there are to divide five processes into one group or two.
const groupings = 1 << (places - 1)

// quorum reports whether a group has three validators.
func (v *View) quorum() bool {
	for side := range uint8(2) {
		var present [validators]bool
		n := 0
		for p := range places {
			if v.Apart>>p&1 == side && !present[validator(p)] {
				present[validator(p)] = true
				n++
			}
		}
		if n == validators-1 || n == validators {
			return true
		}
	}
	return false
}
