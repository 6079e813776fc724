package attack

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// refuse observes how both engines refuse to compile a fixture.
func refuse(s *stage, f *hostile.Fixture) (string, error) {
	file := f.Release(author.public)
	first := ""
	for i, h := range s.hosts {
		observed := ""
		r, err := h.Compile(file)
		var refusal *plugin.Refusal
		switch {
		case errors.As(err, &refusal):
			observed = "refused " + string(refusal.Code)
		case errors.Is(err, plugin.ErrInit):
			name, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), plugin.ErrInit.Error()+": "), " ")
			observed = "initialisation fault " + name
		case err != nil:
			return "", err
		default:
			observed = "compiled"
			_ = r.Close()
		}
		if i > 0 && observed != first {
			return observed, fmt.Errorf("one engine: %s; the other: %s", first, observed)
		}
		first = observed
	}
	return first, nil
}

// fault observes how the calls of a fixture end, by themselves and on a chain.
func fault(s *stage, f *hostile.Fixture) (string, error) {
	_, b, err := s.fixture(f.Name)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	got, err := s.ask(b)
	if err != nil {
		return got.String(), err
	}
	limit := f.Manifest(author.public).FuelMax
	if h, _ := hook.Find(f.Hook); h.FuelMax < limit {
		limit = h.FuelMax
	}
	if got.fault != hook.FaultNone && got.fuel != limit {
		return got.String(), fmt.Errorf("it costs %d, not the limit of %d", got.fuel, limit)
	}
	b.FuelMax = limit
	switch f.Hook {
	case hook.Machine.Name:
		err = s.machineOnChain(b, got)
	case hook.Leader.Name, hook.Finality.Name:
		err = s.policyOnChain(b, got.fault)
	}
	return got.String(), err
}

// misuse observes how a batch ends that a fixture misuses; its transactions, one by one, are fine.
func misuse(s *stage, f *hostile.Fixture) (string, error) {
	_, b, err := s.fixture(f.Name)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	got, err := s.agree(func(r *witness) (a answer, err error) {
		a.fault, err = r.table.ApplyBatch(b, 3, func(int) *hook.ApplyRequest { return transaction(nil) }, newSpace(nil),
			func(int, plugin.ApplyResult) error { return nil })
		return a, err
	})
	if err != nil {
		return got.String(), err
	}
	if alone, err := s.ask(b); err != nil || alone.fault != hook.FaultNone {
		return alone.String(), errors.Join(err, errors.New("one by one"))
	}
	return got.String(), nil
}

// ask asks all replicas a plain question of the binding's hook.
func (s *stage) ask(b *quoin.Binding) (answer, error) {
	if b.Hook == hook.Machine.Name {
		return s.apply(b, transaction([]byte("x")), newSpace(nil))
	}
	return s.agree(func(r *witness) (a answer, err error) {
		var o plugin.Outcome
		switch b.Hook {
		case hook.Leader.Name:
			q := &hook.LeaderRequest{View: 7, ParentView: 6, ParentHeight: 100, Validators: validators(4)}
			got, failed := r.table.Lead(b, q)
			o, err, a.text = got.Outcome, failed, fmt.Sprint(got.Proposer)
		case hook.Validation.Name:
			got, failed := r.table.Validate(b, &hook.ValidationRequest{Payload: []byte("x")}, newSpace(nil))
			o, err, a.code = got.Outcome, failed, got.Code
		case hook.Finality.Name:
			got, failed := r.table.Delay(b, &hook.FinalityRequest{Height: 7, Validators: 4})
			o, err, a.text = got.Outcome, failed, fmt.Sprint(got.FinalityResponse)
		case hook.Pacemaker.Name:
			got, failed := r.table.Timeout(b, &hook.PacemakerRequest{View: 7, BaseMS: 500, MaxMS: 20_000, BuiltinMS: 500})
			o, err, a.text = got.Outcome, failed, fmt.Sprint(got.MS)
		case hook.Priority.Name:
			got, failed := r.table.Priority(b, &hook.PriorityRequest{Payload: []byte("x")})
			o, err, a.text = got.Outcome, failed, fmt.Sprint(got.Priority)
		}
		a.fault, a.fuel = o.Fault, o.Fuel
		return a, err
	})
}

// machineOnChain plays a hostile machine in blocks of a compiling and an interpreting replica, and the
// same blocks with a harmless machine in its place: the fault is in the result of who asked for it, the
// replicas agree, and the bystander's results and state are those without the attack.
func (s *stage) machineOnChain(b *quoin.Binding, want answer) error {
	attacked, harmless := *b, quoin.Binding{Hook: b.Hook, Namespace: hostileNamespace, Builtin: "kv"}
	attacked.Namespace = hostileNamespace
	compiled, err := s.machinePlay(0, attacked)
	if err != nil {
		return err
	}
	interpreted, err := s.machinePlay(2, attacked)
	if err != nil {
		return err
	}
	without, err := s.machinePlay(0, harmless)
	if err != nil {
		return err
	}
	if compiled.tip != interpreted.tip {
		return errors.New("the replicas have different results")
	}
	for i, r := range compiled.hostile {
		if want.fault != hook.FaultNone && (r.Code != quoin.ResultFault+uint32(want.fault) || len(r.Output) > 0 || r.Fuel != b.FuelMax) {
			return fmt.Errorf("transaction %d: the result is code %d, fuel %d, %d bytes", i, r.Code, r.Fuel, len(r.Output))
		}
	}
	switch {
	case !slices.EqualFunc(compiled.bystander, without.bystander, func(x, y quoin.Result) bool {
		return string(x.AppendBinary(nil)) == string(y.AppendBinary(nil))
	}):
		return errors.New("the bystander has other results")
	case compiled.bystanderRoot != without.bystanderRoot:
		return errors.New("the bystander has another state")
	case want.fault != hook.FaultNone && !compiled.hostileRoot.IsZero():
		return errors.New("writes of a call that faulted were kept")
	}
	return nil
}

// machinePlayed is what came of a chain with a machine in the hostile namespace.
type machinePlayed struct {
	tip                        quoin.Hash
	bystander, hostile         []quoin.Result
	bystanderRoot, hostileRoot quoin.Hash
}

// machinePlay plays some blocks on a replica.
func (s *stage) machinePlay(replica int, b quoin.Binding) (p machinePlayed, err error) {
	config, err := configuration(4, b)
	if err != nil {
		return p, err
	}
	c, err := newChain(s.replicas[replica].table, config, s.hole)
	if err != nil {
		return p, err
	}
	var batch plugin.KVBatch
	batch.Put([]byte("key"), []byte("value"))
	for block := range 3 {
		txs := []quoin.Transaction{c.transact(bystanderNamespace, batch.Payload()), c.transact(hostileNamespace, []byte("x")),
			c.transact(bystanderNamespace, batch.Payload()), c.transact(hostileNamespace, []byte{1})}
		o, err := c.block(txs[:2+2*(block%2)]...)
		if err != nil {
			return p, fmt.Errorf("block %d: %w", block+1, err)
		}
		for i, r := range o.Results {
			if i%2 == 0 {
				p.bystander = append(p.bystander, r)
			} else {
				p.hostile = append(p.hostile, r)
			}
		}
	}
	p.tip, p.bystanderRoot, p.hostileRoot = c.executor.Tip().Digest(), c.rootOf(bystanderNamespace), c.rootOf(hostileNamespace)
	return p, nil
}

// policyOnChain plays a leader or finality plugin that faults: each block counts a fault against the
// release, and the third takes it away.
func (s *stage) policyOnChain(b *quoin.Binding, want hook.Fault) error {
	c, err := configuration(4, *b)
	if err != nil {
		return err
	}
	var chains [2]*chain
	for i := range chains {
		if chains[i], err = newChain(s.replicas[2*i].table, c, s.hole); err != nil {
			return err
		}
	}
	for n := uint64(1); n <= governance.FaultsMax; n++ {
		for _, x := range chains {
			if _, err := x.block(); err != nil {
				return err
			}
			f, ok := governance.ReadFault(x.governed(), 1, b.Slot())
			if !ok || f.Release != b.Release || f.Count != n || f.Code != uint32(want) {
				return fmt.Errorf("after %d blocks the ledger has %d faults with code %d of release %v", n, f.Count, f.Code, f.Release)
			}
		}
		if chains[0].executor.Tip().Digest() != chains[1].executor.Tip().Digest() {
			return fmt.Errorf("block %d: the replicas have different results", n)
		}
	}
	if slot, _ := governance.ReadSlot(chains[0].governed(), b.Slot()); slot.Return.Cause != governance.CauseQuarantine {
		return fmt.Errorf("after %d faults the release is not quarantined: %v", governance.FaultsMax, slot.Return.Cause)
	}
	for range 2 { // the last block of the epoch, and one more
		if _, err := chains[0].block(); err != nil {
			return err
		}
	}
	if now, ok := chains[0].executor.Configuration().Binding(b.Slot()); !ok || !now.Release.IsZero() {
		return errors.New("the quarantined release still serves")
	}
	return nil
}
