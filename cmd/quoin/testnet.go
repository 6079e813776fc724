package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
)

// A network's folder, as `testnet` and `dev` make it:
//
//	genesis.json, peers.json   what all have in common
//	keys/<role>.key            account, author, proposer, approver-1, approver-2
//	<validator>/               a node's folder (see node.go)
//
// For a real network nobody holds all of this: each operator runs `node init`, and the public parts
// meet in `genesis`.

const (
	devValidatorsMax = 31
	peerPort         = 26700 // of the first validator; the others follow
	apiPort          = 26600
	dashboardPort    = 26680
)

func newTestnet(t *terminal) *cobra.Command {
	var (
		dir, host, network string
		n                  int
		unsigned           bool
		parameters         []string
	)
	c := &cobra.Command{
		Use: "testnet --nodes N --dir FOLDER", Short: "Write folders for N validators, to run as processes of their own", Args: args(0, 0),
		Long: "Write the folders of N validators with their keys, a genesis and operators' keys, all on one machine:\n" +
			"for trying things out. For a network whose keys never leave their machines see `quoin node init` and\n" +
			"`quoin genesis`. The context is set to the new network.",
		RunE: func(*cobra.Command, []string) error {
			if dir == "" {
				return usage("--dir is needed", "use: quoin testnet --nodes 4 --dir FOLDER")
			}
			values, err := trialParameters(parameters, unsigned)
			if err != nil {
				return err
			}
			nodes := make([]nodeSettings, n)
			for i := range nodes {
				nodes[i] = nodeSettings{Name: validatorName(i), Listen: net.JoinHostPort(host, strconv.Itoa(peerPort+i)), API: net.JoinHostPort(host, strconv.Itoa(apiPort+i))}
				if net.ParseIP(host).IsLoopback() {
					nodes[i].Dashboard = net.JoinHostPort(host, strconv.Itoa(dashboardPort+i))
				}
			}
			if _, err := os.Stat(filepath.Join(dir, anchorFile)); err == nil {
				return &fault{exit: exitUsage, code: "exists", what: "there is a network in " + dir, todo: "choose another folder"}
			}
			g, err := makeNetwork(dir, network, nodes, values)
			if err != nil {
				return err
			}
			var apis []apiNode
			for _, x := range nodes {
				m, err := readMember(filepath.Join(dir, x.Name, publicFile))
				if err != nil {
					return err
				}
				apis = append(apis, apiNode{"https://" + x.API, m.Key})
			}
			s, err := networkContext(dir, apis, n)
			if err != nil {
				return err
			}
			if err := saveContext(s, g); err != nil {
				return err
			}
			var starts []string
			for _, x := range nodes {
				starts = append(starts, "quoin node start --dir "+filepath.Join(dir, x.Name))
			}
			return t.data(map[string]any{"folder": dir, "origin": g.Origin(), "start": starts, "api": s.API}, func(w io.Writer) {
				fmt.Fprintf(w, "wrote %s: %d validators of %s\nstart each in a terminal of its own:\n", dir, n, g.Origin())
				for _, x := range starts {
					fmt.Fprintln(w, "  "+x)
				}
				fmt.Fprintln(w, "then:\n  quoin status")
			})
		},
	}
	f := c.Flags()
	f.IntVar(&n, "nodes", 4, "how many validators: 1 to "+strconv.Itoa(devValidatorsMax))
	f.StringVar(&dir, "dir", "", "the folder to write")
	f.StringVar(&host, "host", "127.0.0.1", "the address on which all listen")
	f.StringVar(&network, "network", "testnet", "the network's name: [a-z0-9.-]")
	f.BoolVar(&unsigned, "unsigned", false, "allow transactions without a sender")
	f.StringArrayVar(&parameters, "parameter", nil, "a parameter of the chain, as NAME=NUMBER; may be repeated")
	return c
}

// trialParameters are the parameters of a network to try things out on: faults may be injected into it,
// unless the texts, NAME=NUMBER each, say otherwise.
func trialParameters(texts []string, unsigned bool) (map[string]uint64, error) {
	values, err := parseParameters(texts)
	if err != nil {
		return nil, err
	}
	if _, given := values["fault_injection"]; !given {
		values["fault_injection"] = 1
	}
	if unsigned {
		values["unsigned_transactions"] = 1
	}
	return values, nil
}

func validatorName(i int) string { return "validator-" + strconv.Itoa(i+1) }

// makeNetwork makes a network's folder, or completes one whose making was cut short. The genesis is
// written last: a folder that has one is whole.
func makeNetwork(dir, network string, nodes []nodeSettings, parameters map[string]uint64) (*quoin.Genesis, error) {
	if len(nodes) < 1 || len(nodes) > devValidatorsMax {
		return nil, usage(fmt.Sprintf("%d validators", len(nodes)), fmt.Sprintf("choose 1 to %d with --nodes", devValidatorsMax))
	}
	p := plan{policies: policiesLight, network: network, parameters: parameters, now: time.Now()}
	for i := range nodes {
		m, err := initNode(filepath.Join(dir, nodes[i].Name), &nodes[i], true)
		if err != nil {
			return nil, err
		}
		p.members = append(p.members, m)
	}
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		return nil, failure("the folder cannot be made", err, "")
	}
	for _, role := range operatorRoles {
		key, err := keyAt(keyPath(dir, role))
		if err != nil {
			return nil, err
		}
		switch role {
		case roleProposer:
			p.proposers = append(p.proposers, publicOf(key))
		case roleApprover, roleApprover2:
			p.approvers = append(p.approvers, publicOf(key))
		}
	}
	g, err := p.genesis()
	if err != nil {
		return nil, err
	}
	return g, writeNetwork(dir, g, p.members)
}

const roleApprover2 = "approver-2"

// operatorRoles are the roles other than validators' for which a network's folder has keys.
var operatorRoles = []string{roleAccount, roleAuthor, roleProposer, roleApprover, roleApprover2}

func keyPath(dir, role string) string { return filepath.Join(dir, "keys", role+".key") }

// networkContext is the context for a network's folder: with all of its keys, validators' too, so
// that one person can play every part.
func networkContext(dir string, nodes []apiNode, validators int) (*settings, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, failure("the folder's path cannot be made absolute", err, "")
	}
	s := &settings{API: nodes[0].API, Nodes: nodes, Keys: map[string]string{}}
	for _, role := range operatorRoles {
		s.Keys[role] = keyPath(dir, role)
	}
	for i := range validators {
		s.Keys[validatorName(i)] = filepath.Join(dir, validatorName(i), nodeKeyFile)
	}
	return s, nil
}
