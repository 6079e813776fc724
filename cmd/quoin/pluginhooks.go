package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/client"
	"quoin.dev/quoin/plugin"
)

// hooksView is what a program or a node offers plugins.
type hooksView struct {
	Node         uint32     `json:"node_version"`
	Engine       uint32     `json:"engine_version"`
	Schedule     uint32     `json:"schedule_version"`
	Hooks        []hookView `json:"hooks"`
	Capabilities []string   `json:"capabilities"`
}

type hookView struct {
	Name     string   `json:"name"`
	Purpose  string   `json:"purpose"`
	Class    string   `json:"class"`
	FuelMax  uint64   `json:"fuel_max"`
	Fallback string   `json:"fallback"`
	Builtins []string `json:"builtins"`
	Exports  []string `json:"exports"`
}

func newPluginHooks(t *terminal) *cobra.Command {
	var ask bool
	c := &cobra.Command{Use: "hooks", Short: "List the hooks and capabilities that this program, or a node, offers plugins", Args: args(0, 0)}
	c.Flags().BoolVar(&ask, "node", false, "ask the node instead of this program")
	c.RunE = func(c *cobra.Command, _ []string) error {
		v := offered()
		if ask {
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			if v, err = offeredBy(c.Context(), n.Client); err != nil {
				return netFault(err)
			}
		}
		return t.data(v, func(w io.Writer) {
			fmt.Fprintf(w, "node version %d, engine %d, fuel schedule %d\n", v.Node, v.Engine, v.Schedule)
			table(w, func(row func(...any)) {
				row("HOOK", "CLASS", "FUEL", "BUILT-INS", "DECIDES")
				for _, h := range v.Hooks {
					row(h.Name, h.Class, h.FuelMax, strings.Join(h.Builtins, " "), h.Purpose)
				}
			})
			fmt.Fprintf(w, "capabilities: %s (foreign. is followed by a namespace)\n", strings.Join(v.Capabilities, " "))
		})
	}
	return c
}

func offered() hooksView {
	c := plugin.Compatible(append(plugin.Builtins(), extraBuiltins()...))
	v := hooksView{Node: c.NodeVersion, Engine: c.EngineVersion, Schedule: c.ScheduleVersion, Capabilities: c.Capabilities}
	for _, h := range c.Hooks {
		x := hookView{h.Name, h.Purpose, h.Class, h.FuelMax, h.Fallback, orEmpty(h.Builtins), nil}
		for _, o := range h.Operations {
			x.Exports = append(x.Exports, o.Export)
		}
		v.Hooks = append(v.Hooks, x)
	}
	return v
}

func offeredBy(ctx context.Context, n *client.Client) (hooksView, error) {
	m, err := n.Compatibility(ctx)
	if err != nil {
		return hooksView{}, err
	}
	v := hooksView{Node: m.NodeVersion, Engine: m.EngineVersion, Schedule: m.ScheduleVersion, Capabilities: orEmpty(m.Capabilities)}
	for _, h := range m.Hooks {
		x := hookView{h.Name, h.Purpose, h.Class, h.FuelMax, h.Fallback, orEmpty(h.Builtins), nil}
		for _, o := range h.Operations {
			x.Exports = append(x.Exports, o.Export)
		}
		v.Hooks = append(v.Hooks, x)
	}
	return v, nil
}
