package compare

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/conformance/trial"
)

// Operation is what the two did with the same questions. The new one has what the old binding
// grants. Of each namespace both have their own, which their own answers change.
type Operation struct {
	Operation string `json:"operation"`
	Asked     int    `json:"asked"`
	Different int    `json:"different"` // answers: fault, response, events or writes
	FaultsOld int    `json:"faults_old"`
	FaultsNew int    `json:"faults_new"`
	FuelOld   uint64 `json:"fuel_old"` // of the median question
	FuelNew   uint64 `json:"fuel_new"`
	// FuelRatio is new to old, of the median question and of the one whose fuel grew the most.
	FuelRatio     float64   `json:"fuel_ratio"`
	FuelRatioMost float64   `json:"fuel_ratio_most"`
	Examples      []Example `json:"examples,omitempty"` // of different answers
}

// Example is a question with two answers.
type Example struct {
	Number  int    `json:"number"`  // of the question
	Request string `json:"request"` // hexadecimal
	Old     string `json:"old"`
	New     string `json:"new"`
}

// Bounds of the work on one operation.
const (
	examplesMax  = 3
	exploreCalls = 12 // for each of Options.Calls
	askFuelMax   = 600_000_000
	textMax      = 400
	requestMax   = 4 << 10 // bytes of an example's request; longer ones are left out
)

// pair is the two, with a namespace each.
type pair struct {
	old, new           *trial.Guest
	oldState, newState *trial.State
}

// tallies hold what came of the questions, by operation.
type tallies struct {
	operations []*tally
}

type tally struct {
	Operation
	olds, news []uint64
	ratios     []float64
	newFaults  int // where the old one had none
}

func (t *tallies) of(operation string) *tally {
	for _, o := range t.operations {
		if o.Operation.Operation == operation {
			return o
		}
	}
	o := &tally{Operation: Operation{Operation: operation}}
	t.operations = append(t.operations, o)
	return o
}

// behaviour asks both, what the records hold or else at random.
func (r *Report) behaviour(ctx context.Context, old, new *trial.Guest, o *Options) error {
	new.Grants = slices.DeleteFunc(slices.Clone(new.Grants), func(c string) bool { return !slices.Contains(old.Grants, c) })
	t := &tallies{}
	differs := false
	if len(o.Records) > 0 {
		for _, record := range o.Records {
			p := &pair{old, new, trial.NewState(record.State), trial.NewState(record.State)}
			for i := range record.Calls {
				c := &record.Calls[i]
				if h, _ := hook.FindOperation(c.Operation); !old.Release.Manifest().Serves(h.Hook) || !new.Release.Manifest().Serves(h.Hook) {
					continue
				}
				if err := t.ask(ctx, p, c.Operation, c.Request); err != nil {
					return err
				}
			}
			differs = differs || p.oldState.Digest() != p.newState.Digest()
		}
	} else {
		var err error
		if differs, err = t.atRandom(ctx, old, new, o); err != nil {
			return err
		}
	}
	r.judge(t, differs)
	return nil
}

// atRandom asks both what either does something with.
func (t *tallies) atRandom(ctx context.Context, old, new *trial.Guest, o *Options) (differs bool, err error) {
	source := trial.NewSource(o.Seed, o.Params)
	pairs := map[string]*pair{}
	for _, op := range old.Operations() {
		if !new.Release.Manifest().Serves(op.Hook) {
			continue
		}
		p := pairs[op.Hook]
		if p == nil {
			p = &pair{old, new, trial.NewState(nil), trial.NewState(nil)}
			pairs[op.Hook] = p
		}
		requests := source.Examples(op.Name, o.Payloads)
		for _, g := range []*trial.Guest{old, new} {
			state := p.oldState
			if g == new {
				state = p.newState
			}
			if err := source.Explore(ctx, g, op.Name, state, exploreCalls*o.Calls); err != nil {
				return false, err
			}
		}
		requests = append(requests, trial.Edges(op.Name, o.Params)...)
		for n := 0; n < len(requests)+o.Calls && t.of(op.Name).spent() < askFuelMax; n++ {
			request := []byte(nil)
			if n < len(requests) {
				request = requests[n]
			} else {
				request = source.Request(op.Name)
			}
			if err := t.ask(ctx, p, op.Name, request); err != nil {
				return false, err
			}
		}
		differs = differs || p.oldState.Digest() != p.newState.Digest()
	}
	return differs, nil
}

func (o *tally) spent() (sum uint64) {
	for i := range o.olds {
		sum += o.olds[i] + o.news[i]
	}
	return sum
}

// ask puts a question to both.
func (t *tallies) ask(ctx context.Context, p *pair, operation string, request []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q, err := trial.NewQuestion(operation, request)
	if err != nil {
		return fmt.Errorf("compare: a recorded request of %s is none: %w", operation, err)
	}
	a, err := p.old.Ask(q, p.oldState)
	if err != nil {
		return err
	}
	b, err := p.new.Ask(q, p.newState)
	if err != nil {
		return err
	}
	o := t.of(operation)
	if !a.Answer.Equal(&b.Answer) {
		o.Different++
		if len(o.Examples) < examplesMax && len(request) <= requestMax {
			o.Examples = append(o.Examples, Example{o.Asked, hex.EncodeToString(request), shorten(a.Answer.String()), shorten(b.Answer.String())})
		}
	}
	o.Asked++
	if a.Fault != "" {
		o.FaultsOld++
	}
	if b.Fault != "" {
		o.FaultsNew++
		if a.Fault == "" {
			o.newFaults++
		}
	}
	o.olds, o.news = append(o.olds, a.Fuel), append(o.news, b.Fuel)
	if a.Fault == "" && b.Fault == "" {
		o.ratios = append(o.ratios, float64(b.Fuel)/float64(max(1, a.Fuel)))
	}
	return nil
}

func shorten(s string) string {
	if len(s) > textMax {
		return s[:textMax] + "..."
	}
	return s
}

// judge makes differences of what came of the questions.
func (r *Report) judge(t *tallies, state bool) {
	for _, o := range t.operations {
		slices.Sort(o.olds)
		slices.Sort(o.news)
		slices.Sort(o.ratios)
		o.FuelOld, o.FuelNew = o.olds[len(o.olds)/2], o.news[len(o.news)/2]
		if n := len(o.ratios); n > 0 {
			o.FuelRatio, o.FuelRatioMost = round(o.ratios[n/2]), round(o.ratios[n-1])
		}
		name := o.Operation.Operation
		if o.newFaults > 0 {
			r.add("faults", false, o.FaultsOld, o.FaultsNew, "%s: %d of %d questions that had an answer end in a fault", name, o.newFaults, o.Asked)
		}
		if o.Different > 0 {
			r.add("results", false, "", "", "%s: %d of %d questions have another answer", name, o.Different, o.Asked)
		}
		if len(o.ratios) > 0 && differsByTenth(1, o.ratios[len(o.ratios)/2]) {
			r.add("fuel", false, o.FuelOld, o.FuelNew, "%s: %.2f times that of the old one, at most %.2f times", name, o.FuelRatio, o.FuelRatioMost)
		}
		r.Operations = append(r.Operations, o.Operation)
	}
	if state {
		r.add("state", false, "", "", "after the same transactions the namespace is another one")
	}
}

// round keeps three digits behind the point.
func round(x float64) float64 { return float64(int64(x*1000+0.5)) / 1000 }
