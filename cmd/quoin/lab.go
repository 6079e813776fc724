package main

import "github.com/spf13/cobra"

func newLab(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "lab", Short: "Simulate networks, replay what was found, and measure"},
		newLabSim(t), newLabCheck(t), newLabReplay(t), newLabShrink(t), newLabDebug(t), newLabTrace(t), newLabReport(t), newLabBench(t), newLabAB(t), newLabFuel(t), newLabTwins(t), newLabProtocol(t), newLabSpeed(t), newLabChaos(t), newLabNode(t))
}
