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

// flood is more commands than a node keeps for the blocks to come.
const flood = 2000

// pour sends a flood of a stranger's commands at once, and returns how many the node took.
func (w *town) pour() (taken int, err error) {
	var all []quoin.Transaction
	for range flood {
		all = append(all, w.command("stranger", proposal()))
	}
	var out replica.Output
	w.replica.Step(w.now, replica.Submit{Transactions: all}, &out)
	w.finished = append(w.finished, out.Finished...)
	for _, a := range out.Admissions {
		switch a.Code {
		case replica.Admitted:
			taken++
		case replica.RefusedFull:
		default:
			return taken, fmt.Errorf("a transaction of the flood is %s", a.Code)
		}
	}
	return taken, out.Fatal
}

// proposalsWithoutFee floods a node. What it took it works off, and the rest leaves no trace; the bystander is
// served all along, and in the next flood so is a member.
func proposalsWithoutFee(w *town) (string, error) {
	before, err := w.records()
	if err != nil {
		return "", err
	}
	taken, err := w.pour()
	if err != nil || taken == 0 || taken == flood {
		return accepted, errors.Join(err, fmt.Errorf("%d of %d were taken", taken, flood))
	}
	for range 2 * taken {
		if err := w.pass(1); err != nil {
			return "", err
		}
		if w.replica.Overview().Pending == 0 {
			break
		}
	}
	after, err := w.records()
	if err != nil || after != before || w.replica.Overview().Pending > 0 {
		return accepted, errors.Join(err, fmt.Errorf("%d are pending; the records of governance have changed: %t", w.replica.Overview().Pending, after != before))
	}
	if _, err := w.pour(); err != nil {
		return "", err
	}
	if observed, err := w.send(w.command("proposer", proposal())); err != nil || observed != accepted {
		return accepted, errors.Join(err, fmt.Errorf("beside the flood a member's proposal is %s", observed))
	}
	return refusedBy(ByAdmission, replica.RefusedFull.String()), nil
}
