package main

import "github.com/spf13/cobra"

func newLab(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "lab", Short: "Try algorithms and protocols: simulate, check, break, measure, compare"},
		newLabSim(t), newLabReplay(t), newLabShrink(t), newLabDebug(t), newLabTrace(t), newLabReport(t),
		newLabTwins(t), newLabCheck(t), newLabProtocol(t), newLabSpeed(t),
		newLabChaos(t), newLabNode(t), newLabBench(t), newLabAB(t), newLabFuel(t), newLabObserve(t), newLabAudience(t))
}
