package metric

import (
	"fmt"
	"strconv"
	"strings"
)

// PageMark stands in docs/metrics.md before what Page returns.
const PageMark = "<!-- generated: go test ./observe/metric -run TestPage -rewrite -->\n"

// Page returns the tables of docs/metrics.md.
func Page() string {
	var b strings.Builder
	for i, s := range sections {
		end := familyCount
		if i+1 < len(sections) {
			end = sections[i+1].first
		}
		fmt.Fprintf(&b, "\n## %s\n\n| metric | OpenTelemetry | kind | unit | labels | what |\n|---|---|---|---|---|---|\n", s.title)
		for n := s.first; n < end; n++ {
			f := &table[n]
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s | %s |\n", f.Prometheus(), f.Name, f.Kind, f.unit(), code(f.Labels), f.Help)
		}
	}
	b.WriteString("\n## Buckets\n\n| histogram | upper bounds, in seconds |\n|---|---|\n")
	for i := range table {
		if f := &table[i]; f.Kind == Histogram {
			var bounds []string
			for _, v := range f.Buckets {
				bounds = append(bounds, strconv.FormatFloat(v, 'g', -1, 64))
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", f.Prometheus(), strings.Join(bounds, ", "))
		}
	}
	return b.String()
}

func (f *Family) unit() string {
	if f.Unit == "" {
		return ""
	}
	return "`" + f.Unit + "`"
}

func code(names []string) string {
	var b []string
	for _, n := range names {
		b = append(b, "`"+n+"`")
	}
	return strings.Join(b, ", ")
}
