package attack

import (
	"cmp"
	"slices"
	"strings"

	"quoin.dev/quoin/plugin/hostile"
)

// Case is one attack: a fixture, and what the host must make of it.
type Case struct {
	Row     int
	Fixture string // its name
	About   string
	Want    string // what must be observed: "refused locals", "fault fuel", "contained"
	// play plays the attack and returns what was observed. An error is a miss, with its reason.
	play func(s *stage) (observed string, err error)
}

// contained is what cases observe that check more than one outcome.
const contained = "contained"

// Cases returns the corpus, by rows.
func Cases() []Case {
	all := slices.Concat(fixtureCases(), callCases(), callerCases(), worldCases(), leaderCases(), chainCases(), nameCases(), governanceCases(), encodingCases(), slowCases())
	slices.SortStableFunc(all, func(a, b Case) int { return cmp.Compare(a.Row, b.Row) })
	return all
}

// Find returns the case of a fixture.
func Find(fixture string) (Case, bool) {
	all := Cases()
	i := slices.IndexFunc(all, func(c Case) bool { return c.Fixture == fixture })
	if i < 0 {
		return Case{}, false
	}
	return all[i], true
}

// fixtureCases are those that a fixture says everything about: how the check refuses it, or in which
// fault each of its calls ends.
func fixtureCases() []Case {
	var list []Case
	for _, f := range hostile.All() {
		c := Case{Row: f.Row, Fixture: f.Name, About: f.About}
		switch {
		case f.Row == 0:
			continue
		case f.Refused != "":
			c.Want, c.play = "refused "+string(f.Refused), func(s *stage) (string, error) { return refuse(s, &f) }
		case strings.HasPrefix(f.Name, "batch-"):
			c.Want, c.play = "fault "+f.Want.String(), func(s *stage) (string, error) { return misuse(s, &f) }
		case f.Inits:
			c.Want, c.play = "initialisation fault "+f.Want.String(), func(s *stage) (string, error) { return refuse(s, &f) }
		case f.Want != 0:
			c.Want, c.play = "fault "+f.Want.String(), func(s *stage) (string, error) { return fault(s, &f) }
		default: // it takes more than one call to see its harm
			continue
		}
		list = append(list, c)
	}
	return list
}
