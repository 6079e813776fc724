package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

func newReleaseRollback(t *terminal) *cobra.Command {
	var f txFlags
	var note string
	c := &cobra.Command{Use: "rollback SLOT", Short: "Return a slot, such as leader.v1, to what served it before", Args: args(1, 1),
		Long: "Return a slot to what served it before: one responder is enough, or validators of more than f, since that\n" +
			"brings no new code. A slot is a hook, or a hook and a namespace: leader.v1, machine.v1/bank."}
	addTxFlags(c, &f, roleApprover)
	c.Flags().StringVar(&note, "note", "", "why: one line")
	c.RunE = func(c *cobra.Command, a []string) error {
		if _, err := noteText(note); err != nil {
			return err
		}
		served, err := t.history(c.Context(), a[0], 1)
		if err != nil {
			return err
		}
		if len(served) == 0 {
			return notFound("nothing serves the slot "+quote(a[0]), "see `quoin release show`")
		}
		from := served[0].Number
		r, err := t.sendOne(c.Context(), &f, quoin.KernelNamespace, governance.Encode(governance.Rollback{Slot: a[0], From: from, Note: note}))
		if err != nil {
			return named(err, "SLOT", a[0])
		}
		last, counted := quoin.Height(0), len(r.result.Output) == 0
		if !counted {
			last = r.number()
		}
		v := map[string]any{"slot": a[0], "from": from, "asked_by_enough": !counted, "height_last": last, "transaction": r.view()}
		return t.data(v, func(w io.Writer) {
			if counted {
				fmt.Fprintf(w, "your voice for the return of %s is counted; validators of more than f must ask (height %d, entry %d)\n", a[0], r.height, r.entry)
				return
			}
			fmt.Fprintf(w, "%s returns to what served before %s, after height %d (height %d, entry %d)\n", a[0], servedName(&served[0]), last, r.height, r.entry)
		})
	}
	return c
}

func newReleaseLift(t *terminal) *cobra.Command {
	var f txFlags
	c := &cobra.Command{Use: "lift NAMESPACE", Short: "Ask that the suspension of a namespace ends, as an approver", Args: args(1, 1),
		Long: "Ask that the suspension of a namespace ends. Two approvers must, or all there are."}
	addTxFlags(c, &f, roleApprover)
	c.RunE = func(c *cobra.Command, a []string) error {
		if !quoin.IsName(a[0], quoin.NamespaceMax) {
			return usage(quote(a[0])+" is no namespace", "`quoin status` names those that are suspended")
		}
		r, err := t.sendOne(c.Context(), &f, quoin.KernelNamespace, governance.Encode(governance.Lift{Namespace: a[0]}))
		if err != nil {
			return err
		}
		status, err := t.statusOnce(c.Context())
		if err != nil {
			return err
		}
		v := map[string]any{"namespace": a[0], "suspended": orEmpty(status.GetSuspended()), "transaction": r.view()}
		return t.data(v, func(w io.Writer) {
			fmt.Fprintf(w, "your voice for lifting the suspension of %s is counted (height %d, entry %d)\n", a[0], r.height, r.entry)
		})
	}
	return c
}
