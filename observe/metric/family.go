package metric

import "strings"

// Kind is the kind of a family.
type Kind string

// The kinds of families.
const (
	Counter   Kind = "counter"   // only grows while the node runs
	Gauge     Kind = "gauge"     // goes up and down
	Histogram Kind = "histogram" // counts by upper bounds
)

// Family is one metric, with all its series.
type Family struct {
	Name    string // as OpenTelemetry has it: words with dots, without the unit
	Kind    Kind
	Unit    string // by UCUM: "s", "By", "1", or what is counted, in braces
	Help    string
	Labels  []string
	Buckets []float64 // of a histogram, in its unit
}

// Prometheus returns the name as Prometheus has it, which is the one that is served. It follows from Name, Kind
// and Unit by the rules of OpenTelemetry ("Prometheus and OpenMetrics Compatibility").
func (f *Family) Prometheus() string {
	name := strings.ReplaceAll(f.Name, ".", "_")
	suffix := map[string]string{"s": "_seconds", "By": "_bytes", "1": "_ratio"}[f.Unit]
	if !strings.HasSuffix(name, suffix) {
		name += suffix
	}
	if f.Kind == Counter {
		name += "_total"
	}
	return name
}

// Families returns the table of all families of a node, by their sections on the page. What the Go runtime
// and the process give besides is Prometheus' client's.
func Families() []Family { return append([]Family(nil), table[:]...) }
