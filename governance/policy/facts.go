package policy

import "cel.dev/cel-go/common/types"

// FactBytesMax bounds the strings of Facts; what Check promises about cost holds for facts within it.
const FactBytesMax = 128

// Facts is what a policy may know about one proposal when a step is judged: the ledger's state and
// nothing else. A nil group is evidence that nobody has given yet: no data. In JSON the names are those
// of the language, with an object for a group.
type Facts struct {
	Class   string `json:"class"` // N, L, D or G
	Step    string `json:"step"`
	Subject string `json:"subject"` // release, builtin, unbind, validators, parameters, members or policies
	Slot    string `json:"slot"`
	Hook    string `json:"hook"`
	// Namespace is the slot's. CEL reserves the word: a policy says slot_namespace.
	Namespace     string `json:"slot_namespace"`
	Name          string `json:"name"`           // of a release
	Version       string `json:"version"`        // likewise
	Height        int64  `json:"height"`         // of the block that is executed
	Proposed      int64  `json:"proposed"`       // height
	Patch         bool   `json:"patch"`          // a release inside the envelope that an approved one declared
	Incumbent     bool   `json:"incumbent"`      // something serves the slot now
	Diverges      bool   `json:"diverges"`       // the proposer says that results are meant to differ
	ShadowHeights int64  `json:"shadow_heights"` // declared by the proposal; 0 none
	TrialHeights  int64  `json:"trial_heights"`  // likewise

	Proposer      string `json:"proposer"`      // organisation; "" is no data
	Author        string `json:"author"`        // likewise
	Approvals     int64  `json:"approvals"`     // by others than the proposer and the author
	Organisations int64  `json:"organisations"` // distinct ones among the approvals
	Rejections    int64  `json:"rejections"`    // by others than the proposer and the author
	Weight        int64  `json:"weight"`        // of all validators
	Prechecked    int64  `json:"prechecked"`    // weight of the validators whose precheck passed
	Ready         int64  `json:"ready"`         // weight of the validators that are ready

	Security  *Security  `json:"security"`
	Benchmark *Benchmark `json:"benchmark"`
	Shadow    *Shadow    `json:"shadow"`
	Trial     *Trial     `json:"trial"`
}

// Security counts the security assessments that have not expired; nil if none was ever made.
type Security struct {
	Passed int64 `json:"passed"`
	Failed int64 `json:"failed"`
}

// Benchmark counts the verdicts of A/B comparisons that have not expired; nil if none was ever given.
type Benchmark struct {
	Better       int64 `json:"better"`
	Same         int64 `json:"same"`
	Worse        int64 `json:"worse"`
	Inconclusive int64 `json:"inconclusive"`
}

// Shadow is what a quorum agreed on about a run beside the incumbent.
type Shadow struct {
	Heights  int64 `json:"heights"`  // covered by agreed reports
	Compared int64 `json:"compared"` // calls whose results were compared
	Diverged int64 `json:"diverged"` // of those, results that differed
	Faults   int64 `json:"faults"`   // of the candidate
	Skipped  int64 `json:"skipped"`  // calls that were not compared, for lack of fuel
}

// Trial is how a live trial goes.
type Trial struct {
	Blocks int64 `json:"blocks"` // served so far
	Good   int64 `json:"good"`   // weight of the validators whose newest report says so
	Bad    int64 `json:"bad"`    // likewise
}

// Name is a variable of the language.
type Name struct {
	Name    string
	Type    string // int, bool or string
	Unit    string // of an int
	Meaning string
	value   func(*Facts) (any, bool) // a types.Int, Bool or String; false: no data
}

// Names lists every variable, in the order of the documentation.
func Names() []Name {
	return []Name{
		text("class", "`N` one node's speed, `L` time but never safety, `D` results, `G` governance itself", func(f *Facts) string { return f.Class }),
		text("step", "the step that is judged", func(f *Facts) string { return f.Step }),
		text("subject", "`release`, `builtin`, `unbind`, `validators`, `parameters`, `members` or `policies`", func(f *Facts) string { return f.Subject }),
		text("slot", "what is changed, for example `leader.v1` or `machine.v1/kv`", func(f *Facts) string { return f.Slot }),
		text("hook", "the slot's hook, empty if it has none", func(f *Facts) string { return f.Hook }),
		text("slot_namespace", "the slot's namespace or label, empty if it has none (`namespace` is a reserved word)", func(f *Facts) string { return f.Namespace }),
		text("name", "a release's name, empty for other subjects", func(f *Facts) string { return f.Name }),
		text("version", "a release's version, empty for other subjects; compared as text only", func(f *Facts) string { return f.Version }),
		number("height", "height", "of the block that is executed", func(f *Facts) int64 { return f.Height }),
		number("proposed", "height", "at which the proposal was made", func(f *Facts) int64 { return f.Proposed }),
		boolean("patch", "a patch release inside the envelope that an approved release declared", func(f *Facts) bool { return f.Patch }),
		boolean("incumbent", "something serves the slot now", func(f *Facts) bool { return f.Incumbent }),
		boolean("diverges", "the proposer says that results are meant to differ from the incumbent's", func(f *Facts) bool { return f.Diverges }),
		number("shadow_heights", "heights", "length of the shadow that the proposal declares, 0 none", func(f *Facts) int64 { return f.ShadowHeights }),
		number("trial_heights", "heights", "length of the trial that the proposal declares, 0 none", func(f *Facts) int64 { return f.TrialHeights }),
		known("proposer", "organisation of the proposer", func(f *Facts) string { return f.Proposer }),
		known("author", "organisation of the release's author", func(f *Facts) string { return f.Author }),
		number("approvals", "members", "that approve, proposer and author never counted", func(f *Facts) int64 { return f.Approvals }),
		number("organisations", "organisations", "distinct ones among those that approve", func(f *Facts) int64 { return f.Organisations }),
		number("rejections", "members", "that reject, proposer and author never counted", func(f *Facts) int64 { return f.Rejections }),
		number("weight", "weight", "of all validators", func(f *Facts) int64 { return f.Weight }),
		number("prechecked", "weight", "of the validators whose precheck passed", func(f *Facts) int64 { return f.Prechecked }),
		number("ready", "weight", "of the validators that attest readiness", func(f *Facts) int64 { return f.Ready }),
		boolean("assessed", "a security assessment was made: `security.*` has data", func(f *Facts) bool { return f.Security != nil }),
		group("security.passed", "assessments", "that passed and have not expired", security, func(s *Security) int64 { return s.Passed }),
		group("security.failed", "assessments", "that failed and have not expired", security, func(s *Security) int64 { return s.Failed }),
		boolean("measured", "an A/B verdict was given: `benchmark.*` has data", func(f *Facts) bool { return f.Benchmark != nil }),
		group("benchmark.better", "verdicts", "better than the incumbent, not expired", benchmark, func(b *Benchmark) int64 { return b.Better }),
		group("benchmark.same", "verdicts", "no difference, not expired", benchmark, func(b *Benchmark) int64 { return b.Same }),
		group("benchmark.worse", "verdicts", "worse than the incumbent, not expired", benchmark, func(b *Benchmark) int64 { return b.Worse }),
		group("benchmark.inconclusive", "verdicts", "that decide nothing, not expired", benchmark, func(b *Benchmark) int64 { return b.Inconclusive }),
		group("shadow.heights", "heights", "covered by reports that a quorum agreed on", shadow, func(s *Shadow) int64 { return s.Heights }),
		group("shadow.compared", "calls", "whose results were compared with the incumbent's", shadow, func(s *Shadow) int64 { return s.Compared }),
		group("shadow.diverged", "calls", "whose results differed", shadow, func(s *Shadow) int64 { return s.Diverged }),
		group("shadow.faults", "calls", "at which the candidate trapped or ran out of fuel", shadow, func(s *Shadow) int64 { return s.Faults }),
		group("shadow.skipped", "calls", "not compared, because the block's fuel for comparisons was used up", shadow, func(s *Shadow) int64 { return s.Skipped }),
		group("trial.blocks", "blocks", "served by the trial so far", trial, func(t *Trial) int64 { return t.Blocks }),
		group("trial.good", "weight", "of the validators whose newest health report is good", trial, func(t *Trial) int64 { return t.Good }),
		group("trial.bad", "weight", "of the validators whose newest health report is bad", trial, func(t *Trial) int64 { return t.Bad }),
	}
}

func security(f *Facts) *Security   { return f.Security }
func benchmark(f *Facts) *Benchmark { return f.Benchmark }
func shadow(f *Facts) *Shadow       { return f.Shadow }
func trial(f *Facts) *Trial         { return f.Trial }

func number(name, unit, meaning string, field func(*Facts) int64) Name {
	return Name{name, "int", unit, meaning, func(f *Facts) (any, bool) { return types.Int(field(f)), true }}
}

func boolean(name, meaning string, field func(*Facts) bool) Name {
	return Name{name, "bool", "", meaning, func(f *Facts) (any, bool) { return types.Bool(field(f)), true }}
}

func text(name, meaning string, field func(*Facts) string) Name {
	return Name{name, "string", "", meaning, func(f *Facts) (any, bool) { return types.String(field(f)), true }}
}

// known is a string that is never empty where there is data.
func known(name, meaning string, field func(*Facts) string) Name {
	return Name{name, "string", "", meaning, func(f *Facts) (any, bool) { return types.String(field(f)), field(f) != "" }}
}

// group is a number of a group that may be nil.
func group[G any](name, unit, meaning string, of func(*Facts) *G, field func(*G) int64) Name {
	return Name{name, "int", unit, meaning, func(f *Facts) (any, bool) {
		g := of(f)
		if g == nil {
			return nil, false
		}
		return types.Int(field(g)), true
	}}
}
