package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	injected "quoin.dev/quoin/fault"
)

func newFaultList(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Print the faults that are not over", Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			s, err := n.status(c.Context())
			if err != nil {
				return err
			}
			list, err := n.activeFaults(c.Context())
			if err != nil {
				return err
			}
			name := validatorNamer(s)
			views := []map[string]any{}
			for i := range list {
				views = append(views, faultView(&list[i], name))
			}
			return t.data(map[string]any{"faults": views}, func(w io.Writer) {
				if len(list) == 0 {
					fmt.Fprintln(w, "no fault is active")
				}
				for i := range list {
					fmt.Fprintf(w, "%s, for %v more\n", list[i].Sentence(name), time.Until(list[i].Until).Round(time.Second/10))
				}
			})
		},
	}
}

// activeFaults returns the faults that any node of the context says are not over, each once, ascending by
// number, as the node tells them that it lasts longest for.
func (n *conn) activeFaults(ctx context.Context) ([]injected.Fault, error) {
	answers, err := n.faults(ctx)
	now := time.Now()
	longest := map[uint64]injected.Fault{}
	for _, a := range answers {
		for _, x := range a.GetFaults() {
			f := readFault(x, now)
			if old, ok := longest[f.ID]; !ok || f.Until.After(old.Until) {
				longest[f.ID] = f
			}
		}
	}
	var list []injected.Fault
	for _, f := range longest {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b injected.Fault) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}

// readFault reads a fault as a node tells it, for people: nothing is decided by it.
func readFault(x *quoinv1.Fault, now time.Time) injected.Fault {
	keys := func(list [][]byte) (keys []quoin.PublicKey) {
		for _, b := range list {
			if len(b) == len(quoin.PublicKey{}) {
				keys = append(keys, quoin.PublicKey(b))
			}
		}
		return keys
	}
	return injected.Fault{ID: x.GetId(), Kind: injected.Kind(x.GetKind()), Targets: keys(x.GetTargets()), Peers: keys(x.GetPeers()),
		Delay: time.Duration(x.GetDelayUs()) * time.Microsecond, Share: uint16(x.GetShare()), Slot: x.GetSlot(),
		Until: now.Add(time.Duration(x.GetForMs()) * time.Millisecond), Note: x.GetNote()}
}

func newFaultLift(t *terminal) *cobra.Command {
	all := false
	c := &cobra.Command{
		Use: "lift NUMBER...", Short: "End faults before their time", Args: args(0, -1),
		Example: "  quoin fault lift 3\n  quoin fault lift --all",
	}
	c.Flags().BoolVar(&all, "all", false, "all faults")
	key := roleFlags(c, roleProposer)
	c.RunE = func(c *cobra.Command, numbers []string) error {
		if all == (len(numbers) > 0) {
			return usage("which faults?", "name their numbers (see `quoin fault list`), or give --all")
		}
		admin, err := key()
		if err != nil {
			return err
		}
		n, err := t.connect(c.Context())
		if err != nil {
			return err
		}
		defer n.close()
		ids, err := n.faultNumbers(c.Context(), numbers)
		if err != nil {
			return err
		}
		for _, id := range ids {
			found := false
			answers := n.Lift(c.Context(), id, admin)
			for _, a := range answers {
				found = found || a.Answer.GetFound()
			}
			if err := firstRefusal(answers); err != nil && !found {
				return netFault(err)
			}
			if !found && !all {
				return notFound(fmt.Sprintf("there is no fault %d", id), "see `quoin fault list`; faults also end by themselves")
			}
		}
		return t.data(map[string]any{"lifted": ids}, func(w io.Writer) {
			for _, id := range ids {
				fmt.Fprintf(w, "fault %d is over\n", id)
			}
			if len(ids) == 0 {
				fmt.Fprintln(w, "no fault is active")
			}
		})
	}
	return c
}

// faultNumbers reads numbers; none are those of all active faults.
func (n *conn) faultNumbers(ctx context.Context, texts []string) ([]uint64, error) {
	ids := []uint64{}
	for _, s := range texts {
		id, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return nil, usage(quote(s)+" is no number of a fault", "see `quoin fault list`")
		}
		ids = append(ids, id)
	}
	if len(texts) > 0 {
		return ids, nil
	}
	list, err := n.activeFaults(ctx)
	for i := range list {
		ids = append(ids, list[i].ID)
	}
	return ids, err
}
