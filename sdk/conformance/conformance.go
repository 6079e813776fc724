// Package conformance judges a release by the contracts of the hooks that it serves. An author runs it
// on the file that the network would run; nodes' operators and approvers may as well.
//
// The suites ask the release, compiled and interpreted, what a chain would ask it: requests at random,
// requests at the ends of what the contract allows, and those of recorded blocks. Where a transaction's
// payload is the plugin's own format, they begin with the examples that they are given and with bytes
// at random, and go on from whatever the plugin answered, or spent fuel on, in a new way.
//
// # Checks
//
// For every operation:
//
//	OPERATION/answers       no valid request ends in a fault
//	OPERATION/repeatable    the same question twice in a row has the same answer
//	OPERATION/fresh         a new instance answers as a used one
//	OPERATION/request-only  asked in the other order, the answers are the same; not of machine.v1.apply
//	OPERATION/engines       the interpreter answers as the compiler
//	OPERATION/fuel          the dearest call leaves head-room below the limit
//	OPERATION/log           the log fits its budget
//	OPERATION/parameters    parameters at random, which a binding could have, cause no fault
//
// "Same" is what replicas compare: fault, response, events, writes and fuel. Of single hooks:
//
//	leader.v1/liveness              views have blocks, with as many validators down as may be
//	leader.v1/fairness              no validator leads far more than its share
//	machine.v1.apply/accepted       some transactions were accepted at all, or the suite saw little
//	machine.v1.apply/refusal        what was refused or faulted leaves nothing
//	machine.v1.query/read-only      a query does not try to write
//	machine.v1/batch                a batch gives what its transactions give one by one
//	validation.v1.validate/accepted some transactions were accepted at all
//	validation.v1/batch             a batch gives what its transactions give one by one
//	finality.v1/bounds              delays lie within what the host waits at most
//	pacemaker.v1/bounds             time-outs lie within what the host allows
//	pacemaker.v1/growth             time-outs do not fall while views go by without a certificate
//	priority.v1/order               the order of two transactions does not hang on how full the pool is
//
// And of the whole release:
//
//	release/initialisation   the module initialises, on both engines
//	release/least-privilege  each capability of the manifest makes a difference
//	record/answers           recorded blocks get the recorded answers
//
// A check that does not apply is left out. A warning is for a person to judge; a failure is not.
// The report is a function of the file and the options, on every machine.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/conformance/trial"
	"quoin.dev/quoin/sdk/plugintest"
)

// Options say what to ask.
type Options struct {
	Seed     uint64               // of all that is random
	Calls    int                  // random requests for each operation; 0: CallsDefault
	Params   []byte               // of the binding
	Payloads [][]byte             // examples of payloads, of transactions and of queries
	Records  []*plugintest.Record // blocks to answer again, and to take payloads from
}

// CallsDefault is how many random requests each operation gets.
const CallsDefault = 200

// Verdict is what became of a check.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Warn Verdict = "warn"
	Fail Verdict = "fail"
)

// Check is one thing that was looked at.
type Check struct {
	Name    string  `json:"name"` // stable, see the package's documentation
	Verdict Verdict `json:"verdict"`
	Figure  float64 `json:"figure"`
	Unit    string  `json:"unit"`   // of the figure: "faults", "% of the limit"
	Detail  string  `json:"detail"` // for people
	Cases   []Case  `json:"cases,omitempty"`
}

// Case is a request that shows what is wrong.
type Case struct {
	Operation string `json:"operation"`
	Number    int    `json:"number"` // of the request among the operation's
	Note      string `json:"note"`
	Request   []byte `json:"-"`
	File      string `json:"file,omitempty"` // where the caller put the request, if anywhere
}

// casesMax bounds the cases of one check.
const casesMax = 3

// Report is what came of a run.
type Report struct {
	Verdict Verdict `json:"verdict"` // the worst of the checks
	Seed    uint64  `json:"seed"`
	Checks  []Check `json:"checks"`
}

// Find returns the check with the name, or nil.
func (r *Report) Find(name string) *Check {
	for i := range r.Checks {
		if r.Checks[i].Name == name {
			return &r.Checks[i]
		}
	}
	return nil
}

// Run runs the suites of all hooks of a release file. The error is a *plugin.Refusal when no node
// would accept the file, wraps plugin.ErrLocal when this host failed, or is the context's. It takes a
// second or two for a Go plugin, most of it to compile; whatever the guest does, fuel bounds it to
// some ten.
func Run(ctx context.Context, file []byte, o Options) (*Report, error) {
	if o.Calls == 0 {
		o.Calls = CallsDefault
	}
	s := &suite{ctx: ctx, o: o, report: &Report{Verdict: Pass, Seed: o.Seed}}
	guests, err := open(file)
	if err != nil {
		if errors.Is(err, plugin.ErrInit) {
			s.add(Check{Name: "release/initialisation", Verdict: Fail, Figure: 1, Unit: "faults", Detail: err.Error()})
			return s.report, nil
		}
		return nil, err
	}
	defer guests[0].Close()
	defer guests[1].Close()
	s.add(Check{Name: "release/initialisation", Verdict: Pass, Unit: "faults", Detail: "it initialises, compiled and interpreted"})
	s.guest, s.compiled, s.interpreted = guests[0], guests[0], guests[1]
	if err := s.run(); err != nil {
		return nil, err
	}
	return s.report, nil
}

// open compiles the release for both engines, at the same time.
func open(file []byte) (guests [2]*trial.Guest, err error) {
	var errs [2]error
	var both sync.WaitGroup
	for i := range guests {
		both.Go(func() { guests[i], errs[i] = trial.Open(file, plugin.Options{Interpreter: i == 1}) })
	}
	both.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		for _, g := range guests {
			if g != nil {
				g.Close()
			}
		}
		if (errs[0] == nil) != (errs[1] == nil) {
			return guests, fmt.Errorf("%w: the engines disagree about the initialisation", err)
		}
		return guests, errs[0]
	}
	return guests, nil
}

// answerer is what a suite asks: a *trial.Guest, or in tests one with a planted bug.
type answerer interface {
	Ask(q *trial.Question, s *trial.State) (trial.Answer, error)
	Renew()
}

var _ answerer = (*trial.Guest)(nil)

// suite is a run.
type suite struct {
	ctx         context.Context
	o           Options
	guest       *trial.Guest // the compiled one
	compiled    answerer
	interpreted answerer
	report      *Report
}

// add takes a check into the report.
func (s *suite) add(c Check) {
	if len(c.Cases) > casesMax {
		c.Cases = c.Cases[:casesMax]
	}
	s.report.Checks = append(s.report.Checks, c)
	if c.Verdict == Fail || c.Verdict == Warn && s.report.Verdict == Pass {
		s.report.Verdict = c.Verdict
	}
}

// run asks about one operation after the other. Those of a hook share a namespace, so that queries
// find what transactions wrote.
func (s *suite) run() error {
	source := trial.NewSource(s.o.Seed, s.o.Params)
	states := map[string]*trial.State{}
	var all []*survey
	for _, o := range s.guest.Operations() {
		if states[o.Hook] == nil {
			states[o.Hook] = trial.NewState(s.namespace())
		}
		v, err := s.survey(o, source, states[o.Hook])
		if err != nil {
			return err
		}
		all = append(all, v)
		for _, check := range append(common, special[o.Name]...) {
			if err := check(s, v); err != nil {
				return err
			}
		}
	}
	if err := s.leastPrivilege(all); err != nil {
		return err
	}
	return s.records()
}

// namespace returns what the first record begins with, so that its requests find what they are about.
func (s *suite) namespace() []plugintest.Pair {
	if len(s.o.Records) == 0 {
		return nil
	}
	return s.o.Records[0].State
}

// check looks at an operation and adds what it found.
type check = func(*suite, *survey) error

// common are the checks of every operation, special those of single ones.
var (
	common  = []check{answers, repeatable, fresh, requestOnly, engines, fuel, logBudget, parameters}
	special = map[string][]check{
		hook.Lead.Name:       {liveness, fairness},
		hook.Apply.Name:      {accepted, refusal, batch},
		hook.Query.Name:      {readOnly},
		hook.Validate.Name:   {accepted, batch},
		hook.Delay.Name:      {delays},
		hook.Timeout.Name:    {timeouts, growth},
		hook.Prioritize.Name: {order},
	}
)
