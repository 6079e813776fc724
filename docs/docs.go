// Package docs has the pages that the program shows itself.
package docs

import _ "embed"

// Playbooks is playbooks.md: what to do when something is wrong.
//
//go:embed playbooks.md
var Playbooks string
