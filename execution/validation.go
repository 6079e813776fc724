package execution

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// validationSlot is the slot of a namespace's validation.
func validationSlot(namespace string) string { return hook.Validation.Name + "/" + namespace }

// verdict is what validation said of a transaction. The zero verdict accepts, for nothing.
type verdict struct {
	code  uint32
	fault hook.Fault
	fuel  uint64
}

// result returns the result of a refused transaction.
func (v *verdict) result() quoin.Result {
	if v.fault != hook.FaultNone {
		return quoin.Result{Code: ResultValidationFault + uint32(v.fault), Fuel: v.fuel}
	}
	return quoin.Result{Code: ResultValidation, Fuel: v.fuel, Output: canonical.AppendUint32(nil, v.code)}
}

func (v *verdict) refuses() bool { return v.code != 0 || v.fault != hook.FaultNone }

// judgement is what a block's validations said, by transaction; nil where no namespace has any.
type judgement []verdict

func (j judgement) of(i int) verdict {
	if j == nil {
		return verdict{}
	}
	return j[i]
}

// validations asks the validations of a block's namespaces about all of its transactions, before any
// is applied: on the state after the block before.
func (x *Executor) validations(o *Outcome, kernel *kernelState, w *world) (judgement, error) {
	c := &x.tip.Configuration
	if !slices.ContainsFunc(c.Bindings, func(b quoin.Binding) bool { return b.Hook == hook.Validation.Name }) {
		return nil, nil
	}
	transactions := o.Block.Transactions()
	all := make(judgement, len(transactions))
	asked := map[string]bool{}
	for i := range transactions {
		namespace := transactions[i].Namespace
		if transactions[i].Kernel() || asked[namespace] {
			continue
		}
		asked[namespace] = true
		binding, ok := c.Binding(validationSlot(namespace))
		if _, served := x.machine(namespace); !ok || !served || o.isSuspended(kernel, namespace) {
			continue
		}
		var of []int
		for k := i; k < len(transactions); k++ {
			if transactions[k].Namespace == namespace {
				of = append(of, k)
			}
		}
		if err := x.validateAll(o, kernel, binding, of, &stateBefore{w, namespace}, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// validateAll asks one validation about its namespace's transactions, in one call if it can.
func (x *Executor) validateAll(o *Outcome, kernel *kernelState, b *quoin.Binding, of []int, s *stateBefore, all judgement) error {
	h, transactions := o.Block.Header(), o.Block.Transactions()
	var q hook.ValidationRequest
	request := func(i int) *hook.ValidationRequest {
		q = validationRequest(h.Height, h.Time, o.IDs[i], &transactions[i])
		return &q
	}
	batch, faulted, logs := x.batches(kernel, b), hook.FaultNone, len(o.Logs)
	if batch {
		fault, err := x.c.Table.ValidateBatch(b, len(of), func(k int) *hook.ValidationRequest { return request(of[k]) }, s, func(k int, r plugin.ValidateResult) error {
			o.log(of[k], &r.Outcome)
			all[of[k]] = verdict{code: r.Code, fuel: r.Fuel}
			return nil
		})
		if err != nil {
			return local(err, o.IDs[of[0]])
		}
		if fault == hook.FaultNone {
			return nil
		}
		faulted, o.Logs = fault, o.Logs[:logs]
	}
	clean := true
	for _, i := range of {
		r, err := x.c.Table.Validate(b, request(i), s)
		if err != nil {
			return local(err, o.IDs[i])
		}
		o.log(i, &r.Outcome)
		all[i] = verdict{code: r.Code, fault: r.Fault, fuel: r.Fuel}
		clean = clean && r.Fault == hook.FaultNone
	}
	if batch && clean {
		x.noteBatchFault(o, kernel, b, faulted)
	}
	return nil
}

func validationRequest(h quoin.Height, at quoin.Time, id quoin.Hash, t *quoin.Transaction) hook.ValidationRequest {
	return hook.ValidationRequest{Height: uint64(h), Time: uint64(at), Transaction: id, Sender: t.Sender, Payload: t.Payload}
}

// Accepts reports whether a transaction's namespace would accept it now: its validation, if it has
// one, on the certified state; and what asking cost. What cannot be asked is accepted: execution
// decides.
func (x *Executor) Accepts(id quoin.Hash, t *quoin.Transaction) (ok bool, fuel uint64) {
	if t.Kernel() {
		return true, 0
	}
	binding, ok := x.tip.Configuration.Binding(validationSlot(t.Namespace))
	if !ok {
		return true, 0
	}
	q := validationRequest(x.tip.Checkpoint.Height+1, x.tip.Checkpoint.Time, id, t)
	r, err := x.c.Table.Validate(binding, &q, x.certified(t.Namespace))
	return err != nil || r.Fault == hook.FaultNone && r.Code == 0, r.Fuel
}
