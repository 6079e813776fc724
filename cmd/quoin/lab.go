package main

import "github.com/spf13/cobra"

func newLab(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "lab", Short: "Simulate networks, replay what was found, and measure"},
		newLabSim(t), newLabReplay(t), newLabBench(t), newLabFuel(t))
}
