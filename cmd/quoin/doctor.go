package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/cmd/quoin/doctor"
)

func newDoctor(t *terminal) *cobra.Command {
	var dirs []string
	var strict bool
	long := "Look for what is wrong with the nodes of the context, and with a node's folder and its machine, and say how\n" +
		"to mend it. Nothing is changed. Works with a running network, with the folder of a stopped node, and with both.\n\nIt looks whether\n"
	for _, c := range doctor.Checks {
		long += fmt.Sprintf("  %-10s %s\n", c.Name, c.About)
	}
	c := &cobra.Command{
		Use: "doctor [--dir FOLDER]...", Short: "Look for what is wrong with nodes and their machines, and how to mend it", Args: args(0, 0),
		Long: long + "\nThe exit code is 0 if there is no problem, and 1 if there is one; with --strict also if there is a warning.",
		RunE: func(c *cobra.Command, _ []string) error {
			found, err := t.examine(c.Context(), dirs)
			if err != nil {
				return err
			}
			if c.Context().Err() != nil {
				return c.Context().Err()
			}
			doctor.Sort(found)
			v := map[string]any{"worst": doctor.Worst(found), "findings": found}
			if err := t.data(v, func(w io.Writer) { writeFindings(w, found) }); err != nil {
				return err
			}
			return verdictOf(found, strict)
		},
	}
	c.Flags().StringArrayVar(&dirs, "dir", nil, "a node's folder on this machine; may be repeated")
	c.Flags().BoolVar(&strict, "strict", false, "fail for warnings too")
	return c
}

func writeFindings(w io.Writer, found []doctor.Finding) {
	for _, f := range found {
		fmt.Fprintf(w, "%-8s %-10s %s: %s\n", f.Level, f.Check, f.About, f.Found)
		if f.Mend != "" && f.Level != doctor.OK {
			fmt.Fprintf(w, "%19s mend: %s\n", "", f.Mend)
		}
	}
}

// verdictOf makes the exit code.
func verdictOf(found []doctor.Finding, strict bool) error {
	counts := map[doctor.Level]int{}
	for _, f := range found {
		counts[f.Level]++
	}
	if counts[doctor.Problem] == 0 && (!strict || counts[doctor.Warning] == 0) {
		return nil
	}
	return &fault{exit: exitFailure, code: "unwell", what: fmt.Sprintf("problems: %d, warnings: %d", counts[doctor.Problem], counts[doctor.Warning]), todo: "see what each line says"}
}

// examine looks at the folders, and at the nodes of the context and of the folders.
func (t *terminal) examine(ctx context.Context, dirs []string) ([]doctor.Finding, error) {
	trusted, endpoints, err := t.known(len(dirs) > 0)
	if err != nil {
		return nil, err
	}
	var found []doctor.Finding
	for _, dir := range dirs {
		f, bad := openFolder(dir)
		found = append(found, bad...)
		if f.Genesis != nil && trusted == nil {
			trusted = f.Genesis
		} else if f.Genesis != nil && f.Genesis.Network == trusted.Network { // else the context is of something else
			f.Trusted = trusted
		}
		found = append(found, f.Examine(ctx)...)
		if f.Genesis != nil && f.Genesis.Hash() == trusted.Hash() && !f.Key.IsZero() && doctor.Fixed(f.API) && f.Running() {
			endpoints = append(endpoints, client.Endpoint{URL: "https://" + f.API, Key: f.Key})
		}
	}
	if len(endpoints) > 0 {
		more, err := examineNodes(ctx, trusted, endpoints)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// known returns what the context trusts and where its nodes are. Whoever examines a folder needs no context.
func (t *terminal) known(optional bool) (*quoin.Genesis, []client.Endpoint, error) {
	s, err := loadContext()
	if err == nil {
		var g *quoin.Genesis
		if g, err = trustAnchor(""); err == nil {
			return g, endpoints(s, t.api, g), nil
		}
	}
	if optional && t.api == "" {
		return nil, nil, nil
	}
	return nil, nil, err
}

// examineNodes asks the nodes at some endpoints. Of several keys at one address one must be the node's.
func examineNodes(ctx context.Context, g *quoin.Genesis, endpoints []client.Endpoint) ([]doctor.Finding, error) {
	network := doctor.Network{Genesis: g, Now: time.Now}
	at := map[string][]client.Endpoint{}
	var urls []string
	var clients []*client.Client
	for _, e := range endpoints {
		if at[e.URL] == nil {
			urls = append(urls, e.URL)
		}
		if !slices.Contains(at[e.URL], e) {
			at[e.URL] = append(at[e.URL], e)
		}
	}
	for _, url := range urls {
		c, err := client.New(client.Options{Endpoints: at[url], Trust: client.GenesisAnchor(g), Attempts: 1})
		if err != nil {
			return nil, usage(err.Error(), "write --api https://HOST:PORT")
		}
		defer c.Close()
		n := doctor.Node{Name: url, Ask: c}
		if len(at[url]) == 1 {
			n.Key = at[url][0].Key
		}
		if i, ok := g.Configuration.Validators.Index(n.Key); ok {
			n.Name = g.Configuration.Validators.At(i).Name
		}
		network.Nodes = append(network.Nodes, n)
		clients = append(clients, c)
	}
	network.Wanted = wanted(ctx, clients)
	return network.Examine(ctx), nil
}

// wantedWithin bounds how long nodes are asked for the configuration.
const wantedWithin = 5 * time.Second

// wanted returns the newest configuration on the ledger, verified, from the first node that tells; nil if none
// does. All are asked at once: one that hangs keeps nobody from the others.
func wanted(ctx context.Context, clients []*client.Client) *quoin.Configuration {
	ctx, cancel := context.WithTimeout(ctx, wantedWithin)
	defer cancel()
	told := make(chan *quoin.Configuration, len(clients))
	for _, c := range clients {
		go func() {
			n := conn{Client: c}
			if newest, err := n.configuration(ctx); err == nil {
				told <- &newest
			} else {
				told <- nil
			}
		}()
	}
	for range clients {
		if newest := <-told; newest != nil {
			return newest
		}
	}
	return nil
}
