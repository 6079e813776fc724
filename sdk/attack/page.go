package attack

import (
	"fmt"
	"strings"
)

// Page returns the tables of docs/attack-corpus.md: every attack by its row, with what contains it and
// what each fixture must end in; then the attacks on governance.
func Page() string {
	var b strings.Builder
	b.WriteString("| row | attack | containment | fixture | what it does | must be |\n|---|---|---|---|---|---|\n")
	cases := Cases()
	for _, row := range Rows() {
		attack, containment, number := row.Attack, row.Containment, fmt.Sprint(row.Number)
		for i := range cases {
			c := &cases[i]
			if c.Row != row.Number {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | `%s` | %s | %s |\n", number, attack, containment, c.Fixture, c.About, c.Want)
			number, attack, containment = "", "", ""
		}
	}
	b.WriteString(governancePage)
	for _, a := range Governance() {
		name := a.Name
		for _, x := range a.Tries {
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s | `%s` | %s |\n", name, x.Fixture, x.About, x.By, x.Code, x.By.Unchanged())
			name = ""
		}
	}
	return b.String()
}

const governancePage = `
## Attacks on governance

The rows 43 to 48 and 58 hold the attacks on the life of a release. Each is tried end to end, on a whole replica that
admits transactions, prechecks what is proposed and certifies blocks, and refused with a code that no
other of these attacks has.

| attack | fixture | what it does | refused by | code | what stays as it was |
|---|---|---|---|---|---|
`
