package main

import (
	"github.com/spf13/cobra"

	"quoin.dev/quoin/bench/chaos"
)

// newLabNode runs a node whose clock and disk obey files in its folder: for `lab chaos`, which starts
// it. It runs no network but those that `lab chaos` makes.
func newLabNode(t *terminal) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "node --dir FOLDER", Short: "Run a node of `lab chaos`", Hidden: true, Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usage("--dir is needed", "use: quoin lab node --dir FOLDER")
			}
			log, err := t.logger("warn")
			if err != nil {
				return err
			}
			n, err := loadNode(dir)
			if err != nil {
				return err
			}
			if n.genesis.Network != chaos.NetworkName {
				return &fault{exit: exitUsage, code: "not-lab", what: "the node in " + dir + " is of the network " + quote(n.genesis.Network),
					why: "a node whose clock and disk obey files runs only networks that were made to be broken", todo: "use: quoin node start --dir " + dir}
			}
			n.lab = chaos.Seams(c.Context(), dir)
			return t.runNode(c.Context(), n.withLogger(log))
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the node's folder")
	return c
}
