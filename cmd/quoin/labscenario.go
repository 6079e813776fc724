package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab"
)

// scenarioFlags name what simulated worlds are made of: a scenario, as a file or as its directives with
// semicolons between, or only the network.
type scenarioFlags struct {
	command       *cobra.Command
	file, network string
}

// inlineScenario begins a scenario that stands on the command line itself.
const inlineScenario = "scenario "

func (f *scenarioFlags) add(c *cobra.Command) {
	f.command = c
	c.Flags().StringVar(&f.file, "scenario", "", "play the scenario of a file with every seed, or of the text itself: \"scenario NAME; nodes 4; ...\"; docs/lab-scenarios.md tells the format")
	c.Flags().StringVar(&f.network, "network", "", "lan, wan, \"wan REGION...\" or \"fixed 50ms\" (default: as the seed chooses)")
}

// apply reads the file that the flags name into the options. It sets the number of validators to what
// the scenario says, unless the command line says something else too.
func (f *scenarioFlags) apply(o *lab.Options) error {
	o.Network = f.network
	if f.file == "" {
		return nil
	}
	name, text, err := f.file, []byte(nil), error(nil)
	if strings.HasPrefix(f.file, inlineScenario) {
		name, text = "--scenario", []byte(strings.ReplaceAll(f.file, ";", "\n"))
	} else if text, err = readScenario(f.file); err != nil {
		return &fault{exit: exitUsage, code: "no-scenario", what: "the scenario " + f.file + " cannot be read", cause: err, todo: "see docs/lab-scenarios.md"}
	}
	if o.Scenario, err = lab.Parse(name, text); err != nil {
		return &fault{exit: exitUsage, code: "bad-scenario", what: err.Error(), todo: "see docs/lab-scenarios.md"}
	}
	if !f.command.Flags().Changed("nodes") {
		o.Nodes = o.Scenario.Nodes
	}
	return nil
}

func readScenario(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, lab.ScenarioBytesMax+1))
	if err == nil && len(text) > lab.ScenarioBytesMax {
		err = fmt.Errorf("it is larger than %d bytes", lab.ScenarioBytesMax)
	}
	return text, err
}

// again returns the flags as a command line has them, for the command that replays a seed.
func (f *scenarioFlags) again() string {
	b := ""
	for _, x := range [][2]string{{"scenario", f.file}, {"network", f.network}} {
		if x[1] != "" {
			b += fmt.Sprintf(" --%s %s", x[0], shellQuote(x[1]))
		}
	}
	return b
}

// printScenario prints what a seed plays.
func printScenario(t *terminal, o lab.Options) error {
	s, err := o.Scenario, error(nil)
	if s == nil {
		if s, err = lab.Draw(o); err != nil {
			return usage(err.Error(), "see `quoin lab sim --help`")
		}
	}
	return t.data(struct {
		Seed     uint64   `json:"seed"`
		Scenario []string `json:"scenario"`
	}{o.Seed, s.Lines()}, func(w io.Writer) { fmt.Fprint(w, s) })
}
