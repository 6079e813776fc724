package attack

import (
	"fmt"
	"strings"
)

// Page returns the table of docs/attack-corpus.md: every attack by its row, with what contains it and
// what each fixture must end in.
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
	return b.String()
}
