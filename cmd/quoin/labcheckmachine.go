package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab/check"
)

// plantedMachine stands in for a release that is not deterministic, which the sandbox does not let exist.
const plantedMachine = "planted"

// machineFlags name what executes the blocks of a check.
type machineFlags struct{ path, params, payloads string }

func (f *machineFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.path, "machine", "", "a release of machine.v1, a .wasm file or a project's folder, that executes the blocks, each replica on another engine;\n"+
		"or "+plantedMachine+": one that is not deterministic, as a positive control")
	c.Flags().StringVar(&f.params, "params", "", "the machine's parameters, as text, or 0x and hexadecimal, or @FILE")
	c.Flags().StringVar(&f.payloads, "payloads", "", "a file of payloads for the machine, one a line (default: "+payloadsFile+" of the folder, or else one empty payload)")
}

// open returns the machine; nil if none is named.
func (f *machineFlags) open(ctx context.Context) (*check.Machine, error) {
	if f.path == "" && (f.params != "" || f.payloads != "") {
		return nil, usage("--params or --payloads without --machine", "name the machine")
	}
	var s subject
	switch f.path {
	case "":
		return nil, nil
	case plantedMachine:
	default:
		opened, err := openSubject(ctx, f.path)
		if err != nil {
			return nil, err
		}
		s = *opened
	}
	params, err := parameterBytes(f.params)
	if err != nil {
		return nil, err
	}
	payloads, err := payloadsOf(f.payloads, s.dir)
	if err != nil {
		return nil, err
	}
	if len(payloads) == 0 {
		payloads = [][]byte{nil}
	}
	if f.path == plantedMachine {
		return check.CountingMachine(payloads), nil
	}
	m, err := check.PluginMachine(s.file, params, payloads)
	switch {
	case errors.Is(err, check.ErrOptions):
		return nil, usage(fmt.Sprintf("%s: %v", f.path, err), "choose a release that does")
	case err != nil:
		return nil, toolFault(ctx, "the host refuses the release "+f.path, err)
	}
	return m, nil
}

// again returns the flags as a command line has them.
func (f *machineFlags) again() string {
	b := ""
	for _, x := range [][2]string{{"machine", f.path}, {"params", f.params}, {"payloads", f.payloads}} {
		if x[1] != "" {
			b += fmt.Sprintf(" --%s %s", x[0], shellQuote(x[1]))
		}
	}
	return b
}

func (f *machineFlags) describe(m *check.Machine) string {
	var engines []string
	for _, e := range m.Engines {
		engines = append(engines, e.Name)
	}
	return fmt.Sprintf("%s; payloads: %d; engines, by replica in turn: %s", f.path, len(m.Payloads), strings.Join(engines, "; "))
}
