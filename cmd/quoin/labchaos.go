package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/bench/chaos"
	"quoin.dev/quoin/client"
)

// smallDiskBytes is the size of the disk that fills up.
const smallDiskBytes = 256 << 20

// chaosRun is what `lab chaos` is told.
type chaosRun struct {
	o      chaos.Options
	nodes  int
	faults []string
	dir    string
	save   string
	netns  bool
	inside string // of what: see chaos.Room

	program string // that nodes run
}

func newLabChaos(t *terminal) *cobra.Command {
	x := chaosRun{}
	c := &cobra.Command{
		Use: "chaos", Short: "Break a network of real processes under load, and check what its clients saw", Args: args(0, 0),
		Long: "Start a network of real node processes, break it every few seconds while clients use it, and check: the\n" +
			"clients' history is linearizable, nothing acknowledged is lost, all nodes end with one chain. Faults:\n  " + chaos.KindNames(chaos.Kinds()) + "\n\n" +
			"As root on Linux everything runs in namespaces of its own, and one node's disk can fill up. The seed decides\n" +
			"which faults strike whom, in which order and for how long, and each client's operations; real processes\n" +
			"do not repeat how these interleave.",
		RunE: func(c *cobra.Command, _ []string) error { return x.run(c.Context(), t) },
	}
	f := c.Flags()
	f.DurationVar(&x.o.Duration, "duration", time.Minute, "how long faults strike")
	f.IntVar(&x.nodes, "nodes", 4, "validators, each a process")
	f.Uint64Var(&x.o.Seed, "seed", 0, "for the same faults and operations again (0: new ones)")
	f.StringSliceVar(&x.faults, "faults", nil, "only these kinds, separated by commas (default: all that are possible here)")
	f.IntVar(&x.o.Clients, "clients", 0, "how many clients (0: two for each node)")
	f.IntVar(&x.o.Rate, "rate", 20, "operations a second of each client at most")
	f.BoolVar(&x.netns, "netns", false, "give each node a network namespace, and cut links instead of relays: needs root")
	f.StringVar(&x.dir, "dir", "", "keep the network's folder, which must not exist (default: one that is removed afterwards)")
	f.StringVar(&x.save, "save", "", "save the run with its report in this folder, such as runs")
	f.StringVar(&x.inside, "inside", "", "where this process runs: "+insideRoom+" or "+insidePlain)
	_ = f.MarkHidden("inside") // fails only for a flag that is not there
	return c
}

func (x *chaosRun) run(ctx context.Context, t *terminal) error {
	if x.nodes < 4 || x.nodes > devValidatorsMax || x.o.Duration <= 0 {
		return usage(fmt.Sprintf("%d nodes and %v", x.nodes, x.o.Duration), fmt.Sprintf("choose --nodes 4 to %d and a --duration above 0", devValidatorsMax))
	}
	if x.o.Seed == 0 {
		x.o.Seed = rand.Uint64N(1_000_000) + 1
	}
	for _, name := range x.faults {
		x.o.Kinds = append(x.o.Kinds, chaos.Kind(name))
	}
	if x.inside == "" {
		return x.supervise(ctx, t)
	}
	var err error
	if x.program, err = os.Executable(); err != nil {
		return failure("this program does not know where it lies", err, "")
	}
	x.o.Progress = t.note
	t.note("breaking %d nodes for %v, seed %d", x.nodes, x.o.Duration, x.o.Seed)
	r, err := x.play(ctx)
	if err != nil {
		if errors.Is(err, chaos.ErrOptions) {
			return usage(err.Error(), "see `quoin lab chaos --help`")
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return failure("the network could not be broken in an orderly way", err, x.reproduce(x.o.Kinds))
	}
	again := x.reproduce(r.Kinds)
	if x.save != "" {
		folder, err := r.Run(programVersion(), again).Save(x.save)
		if err != nil {
			return failure("the run cannot be saved", err, "choose another folder with --save")
		}
		t.note("saved in %s", folder)
	}
	if err := t.data(r, func(w io.Writer) { chaosText(w, r) }); err != nil {
		return err
	}
	if r.Failed() {
		return &fault{exit: exitFailure, code: "chaos", what: fmt.Sprintf("chaos with seed %d found %d problems", r.Seed, len(r.Findings)), why: r.Findings[0],
			todo: again + "  (the same faults and operations; their interleaving does not repeat)"}
	}
	return nil
}

// Where the process runs that breaks the network: always below one that cleans up after it, however it
// ends.
const (
	insideRoom  = "room"  // in namespaces of its own
	insidePlain = "plain" // not so
)

// supervise has another process do it, in namespaces if possible, and removes what it leaves.
func (x *chaosRun) supervise(ctx context.Context, t *terminal) error {
	arguments := append(os.Args[1:len(os.Args):len(os.Args)], "--seed", strconv.FormatUint(x.o.Seed, 10))
	clean := func() error { return nil }
	if x.dir == "" {
		dir, err := os.MkdirTemp("", "quoin-chaos-")
		if err != nil {
			return failure("there is no place for the network's folder", err, "name one with --dir")
		}
		clean = func() error { return os.RemoveAll(dir) }
		arguments = append(arguments, "--dir", filepath.Join(dir, "net"))
	}
	code, err := chaos.Room(ctx, append(arguments, "--inside", insideRoom), true)
	if errors.Is(err, chaos.ErrRoom) && !x.netns {
		t.note("without namespaces, and so without a disk that fills up: %v", err)
		code, err = chaos.Room(ctx, append(arguments, "--inside", insidePlain), false)
	}
	if err := errors.Join(err, clean()); err != nil {
		return failure("the process that breaks the network failed", err, "with --netns run it as root")
	}
	switch {
	case code < 0:
		return failure("the process that breaks the network was killed", nil, "")
	case code != exitOK:
		os.Exit(code) // it has said why
	}
	return nil
}

// reproduce is the command that strikes the same faults again: of kinds, since fewer may be possible here
// than elsewhere.
func (x *chaosRun) reproduce(kinds []chaos.Kind) string {
	command := fmt.Sprintf("go run ./cmd/quoin lab chaos --seed %d --duration %v --nodes %d --rate %d", x.o.Seed, x.o.Duration, x.nodes, x.o.Rate)
	if x.o.Clients != 0 {
		command += fmt.Sprintf(" --clients %d", x.o.Clients)
	}
	if n := len(kinds); n > 0 && n < len(chaos.Kinds()) {
		command += " --faults " + strings.ReplaceAll(chaos.KindNames(kinds), ", ", ",")
	}
	if x.netns {
		command += " --netns"
	}
	return command
}

// play makes the network's folder and has the network broken.
func (x *chaosRun) play(ctx context.Context) (r *chaos.Result, err error) {
	if err := os.Mkdir(x.dir, 0o700); err != nil {
		return nil, failure("the network's folder cannot be made", err, "choose one that does not exist with --dir")
	}
	x.o.Host = fmt.Sprintf("127.%d.%d.1", 64+os.Getpid()%128, os.Getpid()/128%256)
	if x.inside == insideRoom {
		if err := chaos.EnterRoom(); err != nil {
			return nil, err
		}
		data := filepath.Join(x.dir, validatorName(chaos.DiskNode(x.o.Seed, x.nodes)), "data")
		if x.o.Disk, err = chaos.MountSmallDisk(data, smallDiskBytes); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, x.o.Disk.Close()) }()
	}
	var spaces *chaos.Namespaces
	if x.netns {
		if spaces, err = chaos.NewNamespaces(x.nodes, peerPort); err != nil {
			return nil, err
		}
		x.o.Networks = spaces
	}
	if err := x.makeNodes(x.dir, spaces); err != nil {
		return nil, err
	}
	return chaos.Run(ctx, x.o)
}

// makeNodes writes the network's folder and describes its nodes, in namespaces if there are.
func (x *chaosRun) makeNodes(dir string, spaces *chaos.Namespaces) error {
	settings := make([]nodeSettings, x.nodes)
	for i := range settings {
		s := nodeSettings{Name: validatorName(i), Listen: net.JoinHostPort(x.o.Host, strconv.Itoa(peerPort+i)), API: net.JoinHostPort(x.o.Host, strconv.Itoa(apiPort+i))}
		if spaces != nil {
			s.Listen, s.API = net.JoinHostPort("0.0.0.0", strconv.Itoa(peerPort)), net.JoinHostPort(spaces.Host(i), strconv.Itoa(apiPort))
		}
		settings[i] = s
	}
	g, err := makeNetwork(dir, chaos.NetworkName, settings, nil)
	if err != nil {
		return err
	}
	x.o.Genesis = g
	var members []member
	for i := range settings {
		m, err := readMember(filepath.Join(dir, settings[i].Name, publicFile))
		if err != nil {
			return err
		}
		members = append(members, m)
	}
	for i, s := range settings {
		key, err := quoin.ParsePublicKey(members[i].Key)
		if err != nil {
			return err
		}
		folder := filepath.Join(dir, s.Name)
		command := []string{x.program, "lab", "node", "--dir", folder}
		if spaces != nil {
			command = spaces.Command(i, command)
		}
		x.o.Nodes = append(x.o.Nodes, chaos.Node{Name: s.Name, Dir: folder, Command: command, Listen: s.Listen,
			API:      client.Endpoint{URL: "https://" + s.API, Key: key},
			SetPeers: func(addresses []string) error { return writePeers(folder, g, members, addresses) }})
	}
	return nil
}

// writePeers gives a node peers of its own beside the network's genesis: what leads to them differs
// from node to node.
func writePeers(dir string, g *quoin.Genesis, members []member, addresses []string) error {
	list := make([]member, len(members))
	for i := range list {
		list[i] = members[i]
		list[i].Address = addresses[i]
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, peersFile), append(b, '\n'), 0o644); err != nil {
		return err
	}
	return writeGenesis(filepath.Join(dir, anchorFile), g)
}

func chaosText(w io.Writer, r *chaos.Result) {
	for _, x := range r.Tables() {
		fmt.Fprintln(w, x.Title)
		table(w, func(row func(...any)) {
			for _, cells := range append([][]string{x.Columns}, x.Rows...) {
				line := make([]any, len(cells))
				for i := range cells {
					line[i] = cells[i]
				}
				row(line...)
			}
		})
		if x.Note != "" {
			fmt.Fprintln(w, x.Note)
		}
		fmt.Fprintln(w)
	}
	for _, f := range r.Findings {
		fmt.Fprintln(w, "broken: "+f)
	}
	fmt.Fprintln(w, r.Verdict())
}
