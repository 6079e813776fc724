package attack

import (
	"errors"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/replica"
)

// serving proposes the key-value store for a namespace.
func serving(namespace string) governance.Propose {
	return governance.NewBuiltin(quoin.Binding{Hook: "machine.v1", Namespace: namespace, Builtin: "kv"})
}

// crowdedTown takes many proposals in few blocks.
func crowdedTown(c *quoin.Configuration) { c.Parameters.KernelMaxTransactions = 256 }

func proposalsByStrangers(w *town) (string, error) {
	var all []func() quoin.Transaction
	for _, by := range []string{"stranger", "approver", townAssessor, townMayor} {
		all = append(all, func() quoin.Transaction { return w.command(by, proposal()) })
	}
	return w.refuses(all...)
}

func proposalsForOneSlot(w *town) (string, error) {
	if err := w.must("proposer", proposal()); err != nil {
		return "", err
	}
	return w.refuses(
		func() quoin.Transaction { return w.command("proposer", proposal()) },
		func() quoin.Transaction { return w.command(townSecond, governance.NewUnbind("leader.v1", "")) })
}

func proposalsOfOneName(w *town) (string, error) {
	p, err := w.bring("bank", 1)
	if err != nil {
		return "", err
	}
	if err := w.must("proposer", p); err != nil {
		return "", err
	}
	again := p
	again.Binding.Namespace = "elsewhere"
	next, err := w.bring("bank", 2)
	if err != nil {
		return "", err
	}
	next.Binding.Namespace = "elsewhere"
	return w.refusesCommand(townSecond, again, next)
}

// fill has somebody propose for as many slots.
func (w *town) fill(by, prefix string, proposals int) error {
	for i := range proposals {
		observed, err := w.send(w.command(by, serving(fmt.Sprint(prefix, i))))
		if err != nil || observed != accepted {
			return errors.Join(err, fmt.Errorf("proposal %d of the %s: %s", i, by, observed))
		}
	}
	return w.pass(3) // the validator has its say
}

func proposalsWithoutEnd(w *town) (string, error) {
	if err := w.fill("proposer", "n", governance.OpenPerProposerMax); err != nil {
		return "", err
	}
	observed, err := w.refusesCommand("proposer", serving("one-more"), proposal())
	if err == nil {
		err = w.must(townSecond, proposal()) // others have room
	}
	return observed, err
}

func proposalsOfMany(w *town) (string, error) {
	if err := w.fill("proposer", "n", governance.OpenPerProposerMax); err != nil {
		return "", err
	}
	if err := w.fill(townSecond, "m", governance.OpenProposalsMax-governance.OpenPerProposerMax); err != nil {
		return "", err
	}
	return w.refuses(
		func() quoin.Transaction { return w.command("proposer", serving("one-more")) },
		func() quoin.Transaction { return w.command(townSecond, serving("one-more")) })
}

// proposalsWithoutFee sends a block's worth of commands many times over, at once. What the node took it
// works off; the rest leaves no trace, and the bystander is served all along.
func proposalsWithoutFee(w *town) (string, error) {
	const flood = 2000
	var all []quoin.Transaction
	for range flood {
		all = append(all, w.command("stranger", proposal()))
	}
	before, err := w.records()
	if err != nil {
		return "", err
	}
	var out replica.Output
	w.replica.Step(w.now, replica.Submit{Transactions: all}, &out)
	taken := 0
	for _, a := range out.Admissions {
		switch a.Code {
		case replica.Admitted:
			taken++
		case replica.RefusedFull:
		default:
			return a.Code.String(), errors.New("of a transaction of the flood")
		}
	}
	if out.Fatal != nil || taken == 0 || taken == flood {
		return accepted, errors.Join(out.Fatal, fmt.Errorf("%d of %d were taken", taken, flood))
	}
	w.finished = append(w.finished, out.Finished...)
	if err := w.pass(3); err != nil {
		return "", err
	}
	for range 2 * taken {
		if w.replica.Overview().Pending == 0 {
			break
		}
		if err := w.pass(1); err != nil {
			return "", err
		}
	}
	after, err := w.records()
	if err == nil && (after != before || w.replica.Overview().Pending > 0) {
		err = fmt.Errorf("%d are pending; the records of governance have changed: %t", w.replica.Overview().Pending, after != before)
	}
	return refusedBy(ByAdmission, replica.RefusedFull.String()), err
}
