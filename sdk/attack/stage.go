package attack

import (
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// witness is one host's view of the plugins: a table over an engine.
type witness struct {
	name  string
	host  *plugin.Host
	table *plugin.Table
}

// stage is where a case plays: two engines, and three replicas over them. The third differs from the
// first in nothing but its engine, the second in nothing at all.
type stage struct {
	hosts    [2]*plugin.Host // compiler, interpreter
	replicas [3]witness
	beside   *quoin.Binding // of the bystander
	hole     Hole
	peaks    uint64 // fuel of the most expensive call
	note     string // figures of the case, for people
}

// author is the author of all fixtures.
var author = personKey("author")

func newStage(h Hole) (*stage, error) {
	s, err := newStageOf(h.limits(0), h.limits(1))
	if err != nil {
		return nil, err
	}
	s.hole = h
	f, _ := hostile.Find(hostile.MachineSelective)
	r, err := s.load(f.Release(author.public))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.beside = r.Binding(f.Hook)
	return s, nil
}

// newStageOf returns an empty stage; compiler and interpreter have limits of their own.
func newStageOf(limits ...plugin.Limits) (*stage, error) {
	s := &stage{}
	for i := range s.hosts {
		var err error
		if s.hosts[i], err = plugin.NewHost(plugin.Options{Interpreter: i == 1, Limits: &limits[i]}); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	for i, name := range []string{"compiled", "compiled again", "interpreted"} {
		table, err := plugin.NewTable(plugin.Builtins())
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.replicas[i] = witness{name, s.hosts[i/2], table}
	}
	return s, nil
}

func (s *stage) close() (err error) {
	for _, h := range s.hosts {
		if h != nil {
			err = errors.Join(err, h.Close())
		}
	}
	return err
}

// load compiles a file with both engines and puts it into all tables.
func (s *stage) load(file []byte) (*plugin.Release, error) {
	var releases [2]*plugin.Release
	for i, h := range s.hosts {
		r, err := h.Compile(file)
		if err != nil {
			return nil, err
		}
		releases[i] = r
	}
	for i := range s.replicas {
		s.replicas[i].table.Add(releases[i/2])
	}
	return releases[0], nil
}

// fixture loads a fixture and returns a binding that grants what its manifest names.
func (s *stage) fixture(name string) (*hostile.Fixture, *quoin.Binding, error) {
	f, ok := hostile.Find(name)
	if !ok {
		return nil, nil, fmt.Errorf("there is no fixture %s", name)
	}
	r, err := s.load(f.Release(author.public))
	if err != nil {
		return nil, nil, err
	}
	return &f, r.Binding(f.Hook), nil
}

// answer is how a question ended: all of it enters results.
type answer struct {
	fault hook.Fault
	fuel  uint64
	code  uint32
	text  string // output, events and writes
	// clamped says what the host cut down, for people.
	clamped string
}

func (a answer) String() string {
	if a.fault != hook.FaultNone {
		return "fault " + a.fault.String()
	}
	if a.code != 0 {
		return fmt.Sprintf("code %d", a.code)
	}
	return "answered"
}

// agree asks every replica a question twice and returns the answer that all gave.
func (s *stage) agree(ask func(r *witness) (answer, error)) (answer, error) {
	var first answer
	for i := range s.replicas {
		for again := range 2 {
			r := &s.replicas[i]
			got, err := ask(r)
			switch {
			case err != nil:
				return got, fmt.Errorf("%s: %w", r.name, err)
			case i == 0 && again == 0:
				first = got
			case got != first:
				return got, fmt.Errorf("%s, call %d, differs: %s, fuel %d, %x; the first: %s, fuel %d, %x",
					r.name, again+1, got, got.fuel, got.text, first, first.fuel, first.text)
			}
		}
	}
	s.peaks = max(s.peaks, first.fuel)
	return first, nil
}

// apply lets all replicas apply a transaction, each on a copy of the space.
func (s *stage) apply(b *quoin.Binding, q *hook.ApplyRequest, before *space) (answer, error) {
	return s.agree(func(r *witness) (answer, error) {
		sp, request := before.clone(), *q
		s.hole.clock(r, &request.Time)
		got, err := r.table.Apply(b, &request, sp)
		if err != nil {
			return answer{}, err
		}
		return answered(&got.Outcome, got.Code, fmt.Sprintf("%x %x %v", got.Output, got.Events, sp.text())), logs(&got.Outcome)
	})
}

// logs checks what the host keeps for people.
func logs(o *plugin.Outcome) error {
	if len(o.Log) > hook.LogMax {
		return fmt.Errorf("%d bytes of log were kept, at most %d may be", len(o.Log), hook.LogMax)
	}
	return nil
}

// transaction is a request like those of blocks.
func transaction(payload []byte) *hook.ApplyRequest {
	return &hook.ApplyRequest{Height: 7, Time: 1_700_000_000_000, Index: 3, Transaction: [32]byte{1, 2, 3}, Sender: [32]byte{9}, Payload: payload}
}

// lead asks all replicas for a leader.
func (s *stage) lead(b *quoin.Binding, q *hook.LeaderRequest) (answer, error) {
	return s.agree(func(r *witness) (answer, error) {
		got, err := r.table.Lead(b, q)
		return answer{fault: got.Fault, fuel: got.Fuel, text: fmt.Sprint(got.Proposer)}, err
	})
}

// bystander asks the plugin beside the attacked ones; what it answers must never change.
func (s *stage) bystander() (answer, error) {
	return s.apply(s.beside, transaction([]byte{hostile.SelectiveKeep, 1, 2, 3}), newSpace(map[string]string{"a": "b"}))
}

// drop removes what a case has loaded, but for the bystander.
func (s *stage) drop(digests ...quoin.Hash) {
	for _, d := range digests {
		for i := range s.replicas {
			s.replicas[i].table.Remove(d)
		}
	}
}

// validators returns n validators of equal weight.
func validators(n int) []hook.Validator {
	list := make([]hook.Validator, n)
	for i := range list {
		list[i] = hook.Validator{Weight: 1, Key: [32]byte{byte(i), byte(i >> 8), 1}}
	}
	return list
}

func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m { // any order: sorted below
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
