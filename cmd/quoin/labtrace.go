package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab/events"
)

func newLabTrace(t *terminal) *cobra.Command {
	var (
		w     worldFlags
		where []string
		most  uint64
		chart bool
	)
	c := &cobra.Command{
		Use: "trace [FOLDER]", Short: "Print the events of a seed or of a run's log that hold a condition", Args: args(0, 1),
		Long: "Print the events of a world, or of a run's FOLDER, that hold all conditions: as text, as JSON lines with\n" +
			"--output json, or with --chart as a message-sequence chart. A condition is as in `quoin lab debug`:\n" +
			"--where 'certifies node=v2' --where 'at>=12.5 at<13'.",
		RunE: func(c *cobra.Command, a []string) error {
			f, err := events.ParseFilter(where...)
			if err != nil {
				return usage(err.Error(), "see `quoin lab debug --help`")
			}
			p, err := w.tape(c, a)
			if err != nil {
				return err
			}
			var chosen []events.Event
			lines := json.NewEncoder(t.out)
			for n := uint64(0); n < most && p.Step() && c.Context().Err() == nil; {
				log := p.Log()
				e := log[len(log)-1]
				if !f.Match(&e) {
					continue
				}
				n++
				switch {
				case chart:
					chosen = append(chosen, e)
				case t.json():
					if err := lines.Encode(&e); err != nil {
						return err
					}
				default:
					fmt.Fprintln(t.out, &e)
				}
			}
			if chart {
				return events.Chart(t.out, p.Nodes(), chosen)
			}
			return c.Context().Err()
		},
	}
	w.add(c)
	c.Flags().StringArrayVar(&where, "where", nil, "print only what holds this condition; may be repeated")
	c.Flags().Uint64Var(&most, "most", 1_000_000, "print at most so many")
	c.Flags().BoolVar(&chart, "chart", false, "draw a message-sequence chart")
	return c
}
