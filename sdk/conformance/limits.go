package conformance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/conformance/trial"
)

// answers looks for faults.
func answers(s *suite, v *survey) error {
	var cases []Case
	for i := range v.calls {
		if c := &v.calls[i]; v.faulty(c) {
			note := "fault " + c.Fault
			if len(c.Log) > 0 {
				note += fmt.Sprintf(", log %q", c.Log)
			}
			cases = append(cases, v.show(i, note))
		}
	}
	c := Check{Name: v.name("answers"), Verdict: Pass, Figure: float64(len(cases)), Unit: "faults", Cases: cases,
		Detail: fmt.Sprintf("%d of %d valid requests end in a fault", len(cases), len(v.calls))}
	if len(cases) > 0 {
		c.Verdict = Fail
		c.Detail += ": " + tally(v)
	}
	if v.cut {
		c.Detail += "; the rest was not asked"
	}
	s.add(c)
	return nil
}

// tally counts the faults by name.
func tally(v *survey) string {
	count := map[string]int{}
	var names []string
	for i := range v.calls {
		if f := v.calls[i].Fault; f != "" {
			if count[f]++; count[f] == 1 {
				names = append(names, f)
			}
		}
	}
	slices.Sort(names)
	for i, f := range names {
		names[i] = fmt.Sprintf("%s %d", f, count[f])
	}
	return strings.Join(names, ", ")
}

// headRoom is the share of the limit, in percent, that the dearest call may use: what comes on a chain
// may be dearer than what was asked here.
const headRoom = 80

func fuel(s *suite, v *survey) error {
	var used []uint64
	for i := range v.calls {
		if v.calls[i].Fault == "" {
			used = append(used, v.calls[i].Fuel)
		}
	}
	if len(used) == 0 {
		return nil
	}
	slices.Sort(used)
	most, p99 := used[len(used)-1], used[(len(used)*99-1)/100]
	percent := float64(most) / float64(v.limit) * 100
	c := Check{Name: v.name("fuel"), Verdict: Pass, Figure: round(percent), Unit: "% of the limit",
		Detail: fmt.Sprintf("median %d, p99 %d, most %d of %d", used[len(used)/2], p99, most, v.limit)}
	if percent > headRoom {
		c.Verdict = Warn
		c.Detail += fmt.Sprintf("; leave more than %d %% for what comes on a chain", 100-headRoom)
		for i := range v.calls {
			if v.calls[i].Fuel == most && v.calls[i].Fault == "" {
				c.Cases = append(c.Cases, v.show(i, fmt.Sprintf("%d fuel", most)))
			}
		}
	}
	s.add(c)
	return nil
}

// round keeps two digits behind the point.
func round(x float64) float64 { return float64(int64(x*100+0.5)) / 100 }

func logBudget(s *suite, v *survey) error {
	var cases []Case
	most := uint64(0)
	for i := range v.calls {
		c := &v.calls[i]
		most = max(most, uint64(len(c.Log))+c.LogDropped)
		if c.LogDropped > 0 {
			cases = append(cases, v.show(i, fmt.Sprintf("%d bytes dropped", c.LogDropped)))
		}
	}
	c := Check{Name: v.name("log"), Verdict: Pass, Figure: float64(most), Unit: "bytes", Cases: cases,
		Detail: fmt.Sprintf("a call logs %d bytes at most; the host keeps %d", most, hook.LogMax)}
	if len(cases) > 0 {
		c.Verdict = Warn
	}
	s.add(c)
	return nil
}

// parametersTried is how many parameters each operation is asked with.
const parametersTried = 24

// parameters binds the release with others than the options': whoever proposes a binding may err.
func parameters(s *suite, v *survey) error {
	rng := rand.New(rand.NewPCG(s.o.Seed, 1))
	source := trial.NewSource(s.o.Seed, nil)
	var cases []Case
	faults := 0
	for n := range parametersTried {
		switch n {
		case 0:
			source.Params = []byte(strings.Repeat("\xff", hook.ParamsMax))
		case 1:
			source.Params = nil
		default:
			source.Params = make([]byte, rng.IntN(40))
			for i := range source.Params {
				source.Params[i] = byte(rng.Uint32())
			}
		}
		q, err := trial.NewQuestion(v.operation.Name, source.Request(v.operation.Name))
		if err != nil {
			return err
		}
		mark := v.after.Mark()
		a, err := s.compiled.Ask(q, v.after)
		v.after.Rollback(mark)
		if err != nil {
			return err
		}
		if a.Fault != "" {
			faults++
			cases = append(cases, Case{Operation: v.operation.Name, Number: n, Request: q.Request, Note: fmt.Sprintf("fault %s with the parameters %.80x", a.Fault, q.Params)})
		}
	}
	c := Check{Name: v.name("parameters"), Verdict: Pass, Figure: float64(faults), Unit: "faults", Cases: cases,
		Detail: fmt.Sprintf("%d of %d parameters at random cause a fault", faults, parametersTried)}
	if faults > 0 {
		c.Verdict = Warn
	}
	s.add(c)
	return nil
}

// privilegeCalls is how many calls of an operation are asked without a capability.
const privilegeCalls = 60

// leastPrivilege withholds one capability after the other.
func (s *suite) leastPrivilege(all []*survey) error {
	granted := s.guest.Grants
	if len(granted) == 0 {
		return nil
	}
	defer func() { s.guest.Grants = granted }()
	var idle []string
	asked := 0
	for _, capability := range granted {
		s.guest.Grants = slices.DeleteFunc(slices.Clone(granted), func(c string) bool { return c == capability })
		used := false
		for _, v := range all {
			accepted := 0
			pick := func(i int) bool {
				if !used && v.accepts(&v.calls[i]) && accepted < privilegeCalls {
					accepted++
					return true
				}
				return false
			}
			n, cases, err := s.differences(v, s.guest, pick, nil)
			if err != nil {
				return err
			}
			asked += n
			used = used || len(cases) > 0
		}
		if !used {
			idle = append(idle, capability)
		}
	}
	if asked == 0 {
		return nil // nothing was accepted, which another check says
	}
	c := Check{Name: "release/least-privilege", Verdict: Pass, Figure: float64(len(idle)), Unit: "unused capabilities",
		Detail: "each capability of the manifest makes a difference: " + strings.Join(granted, ", ")}
	if len(idle) > 0 {
		c.Verdict = Warn
		c.Detail = "no answer changed without " + strings.Join(idle, ", ") + ": leave it out of the manifest, or give examples that need it"
	}
	s.add(c)
	return nil
}
