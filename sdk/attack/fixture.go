package attack

import (
	"errors"
	"fmt"
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

// ask asks all replicas a plain question of the binding's hook.
func (s *stage) ask(b *quoin.Binding) (answer, error) {
	if b.Hook == hook.Machine.Name {
		return s.apply(b, transaction([]byte("x")), newSpace(nil))
	}
	return s.agree(func(r *replica) (a answer, err error) {
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
	attacked := *b
	attacked.Namespace = hostileNamespace
	harmless := quoin.Binding{Hook: b.Hook, Namespace: hostileNamespace, Builtin: "kv"}
	var chains [3]*chain
	for i := range chains {
		binding := attacked
		if i == 2 {
			binding = harmless
		}
		c, err := configuration(4, binding)
		if err != nil {
			return err
		}
		if chains[i], err = newChain(s.replicas[i%2*2].table, c, s.hole); err != nil {
			return err
		}
	}
	var batch plugin.KVBatch
	batch.Put([]byte("key"), []byte("value"))
	for block := range 3 {
		var results [3][]quoin.Result
		for i, c := range chains {
			txs := []quoin.Transaction{c.transact(bystanderNamespace, batch.Payload()), c.transact(hostileNamespace, []byte("x")),
				c.transact(bystanderNamespace, batch.Payload()), c.transact(hostileNamespace, []byte{1})}
			o, err := c.block(txs[:2+2*(block%2)]...)
			if err != nil {
				return fmt.Errorf("block %d: %w", block+1, err)
			}
			results[i] = o.Results
		}
		if chains[0].executor.Tip().Digest() != chains[1].executor.Tip().Digest() {
			return fmt.Errorf("block %d: the replicas have different results", block+1)
		}
		for k, r := range results[0] {
			if k%2 == 1 && want.fault != hook.FaultNone && (r.Code != quoin.ResultFault+uint32(want.fault) || len(r.Output) > 0 || r.Fuel != b.FuelMax) {
				return fmt.Errorf("block %d: the result is code %d, fuel %d, %d bytes", block+1, r.Code, r.Fuel, len(r.Output))
			}
			if k%2 == 0 && string(r.AppendBinary(nil)) != string(results[2][k].AppendBinary(nil)) {
				return fmt.Errorf("block %d: the bystander has another result", block+1)
			}
		}
	}
	if chains[0].rootOf(bystanderNamespace) != chains[2].rootOf(bystanderNamespace) {
		return errors.New("the bystander has another state")
	}
	if want.fault != hook.FaultNone && !chains[0].rootOf(hostileNamespace).IsZero() {
		return errors.New("writes of a call that faulted were kept")
	}
	return nil
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
