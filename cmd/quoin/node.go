package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	injected "quoin.dev/quoin/fault"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/node/compile"
	"quoin.dev/quoin/observe/logs"
	"quoin.dev/quoin/transport"
)

// A node's folder:
//
//	node.key      its identity; made here and never copied
//	node.json     name and addresses
//	public.json   its public part, for `quoin genesis`
//	genesis.json, peers.json   the network's; or in the folder above
//	data/         vote log, state, ledger, releases
const (
	nodeKeyFile  = "node.key"
	nodeFile     = "node.json"
	nodeBytesMax = 64 << 10
)

// nodeSettings is node.json.
type nodeSettings struct {
	Name   string `json:"name"`
	Listen string `json:"listen"` // for other nodes
	API    string `json:"api"`    // for clients
	// Dashboard is where browsers find the node's page, and Prometheus its metrics; empty: nowhere. Where others can
	// reach it, it needs a certificate and its key, as PEM files. DashboardHosts are names for it beside its address.
	Dashboard            string   `json:"dashboard"`
	DashboardCertificate string   `json:"dashboard_certificate,omitempty"`
	DashboardKey         string   `json:"dashboard_key,omitempty"`
	DashboardHosts       []string `json:"dashboard_hosts,omitempty"`
	Runs                 string   `json:"runs,omitempty"` // a folder with lab runs, for the page
	CacheMiB             int64    `json:"cache_mib"`      // of the state's trie; 0 is the default

	Plugins pluginSettings  `json:"plugins,omitzero"`
	Observe observeSettings `json:"observe,omitzero"`
}

// pluginSettings say how the node runs plugins. Zeros are the defaults.
type pluginSettings struct {
	CompileSeconds uint32 `json:"compile_seconds,omitempty"` // of the processor, to compile one release
	CompileMiB     uint32 `json:"compile_mib,omitempty"`     // of memory, to compile one release
	SampleEvery    uint64 `json:"sample_every,omitempty"`    // replay one call in so many on the interpreter; 0: none
}

// options are the settings as the node takes them.
func (s *pluginSettings) options() node.PluginOptions {
	return node.PluginOptions{Compile: compileCommand(), CompileTime: time.Duration(s.CompileSeconds) * time.Second,
		CompileMemory: int64(s.CompileMiB) << 20, SampleEvery: s.SampleEvery}
}

// compileRelease is the hidden command by which a node compiles a release in a process of its own.
const compileRelease = "compile-release"

// compileCommand runs this very program, also when another one has been installed over it.
func compileCommand() []string {
	if strings.HasSuffix(os.Args[0], ".test") {
		return nil // the binary of a test is no quoin
	}
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return []string{self, "node", compileRelease}
	}
	program, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{program, "node", compileRelease}
}

func newCompileRelease() *cobra.Command {
	return &cobra.Command{
		Use: compileRelease, Short: "Compile one release for the node that started this process", Hidden: true, Args: args(0, 0),
		RunE: func(*cobra.Command, []string) error { return compile.Child(os.Stdin, os.Stdout) },
	}
}

func newNode(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "node", Short: "Make and run one node"}, newNodeInit(t), newNodeStart(t), newCompileRelease())
}

func newNodeInit(t *terminal) *cobra.Command {
	var (
		dir       string
		s         nodeSettings
		weight    uint64
		advertise string
	)
	c := &cobra.Command{
		Use: "init --dir FOLDER --name NAME", Short: "Make a node's folder and key, and its public part", Args: args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if dir == "" || s.Name == "" {
				return usage("--dir and --name are needed", "use: quoin node init --dir FOLDER --name NAME")
			}
			if !quoin.IsName(s.Name, quoin.ValidatorNameMax) {
				return usage("a node cannot be named "+quote(s.Name), "choose 1 to 64 of [a-z0-9.-]")
			}
			m, err := initNode(dir, &s, false)
			if err != nil {
				return err
			}
			if advertise != "" {
				m.Address = advertise
			}
			m.Weight = weight
			if err := writePublic(dir, m); err != nil {
				return err
			}
			return t.data(map[string]any{"folder": dir, "public": filepath.Join(dir, publicFile), "key": m.Key}, func(w io.Writer) {
				fmt.Fprintf(w, "key     %s\npublic  %s\n", m.Key, filepath.Join(dir, publicFile))
				t.note("give %s to whoever runs `quoin genesis`; keep %s here", publicFile, nodeKeyFile)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "dir", "", "the node's folder")
	f.StringVar(&s.Name, "name", "", "the node's name: [a-z0-9.-]")
	f.StringVar(&s.Listen, "listen", "127.0.0.1:26700", "where to listen for other nodes")
	f.StringVar(&s.API, "listen-api", "127.0.0.1:26600", "where to listen for clients")
	f.StringVar(&s.Dashboard, "dashboard", "127.0.0.1:26680", "where browsers find its page, and Prometheus its metrics; empty: nowhere")
	f.StringVar(&advertise, "address", "", "where other nodes reach it (default: --listen)")
	f.Uint64Var(&weight, "weight", 1, "its weight, if it becomes a validator")
	return c
}

// initNode makes a node's folder; with again it completes one that exists.
func initNode(dir string, s *nodeSettings, again bool) (member, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return member{}, failure("the node's folder cannot be made", err, "")
	}
	addresses := []string{s.Listen, s.API}
	if s.Dashboard != "" {
		addresses = append(addresses, s.Dashboard)
	}
	if err := checkAddresses(addresses); err != nil {
		return member{}, err
	}
	makeOrRead := makeKey
	if again {
		makeOrRead = keyAt
	}
	key, err := makeOrRead(filepath.Join(dir, nodeKeyFile))
	if err != nil {
		return member{}, err
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return member{}, err
	}
	if err := writeFile(filepath.Join(dir, nodeFile), append(b, '\n'), 0o644); err != nil {
		return member{}, failure("the node's settings cannot be written", err, "")
	}
	m := member{Name: s.Name, Key: publicOf(key).String(), Weight: 1, Address: s.Listen}
	return m, writePublic(dir, m)
}

func checkAddresses(addresses []string) error {
	for _, address := range addresses {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return usage(quote(address)+" is no address", "write HOST:PORT")
		}
	}
	return nil
}

func writePublic(dir string, m member) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, publicFile), append(b, '\n'), 0o644); err != nil {
		return failure("the node's public part cannot be written", err, "")
	}
	return nil
}

func newNodeStart(t *terminal) *cobra.Command {
	var dir, level, sample string
	c := &cobra.Command{
		Use: "start --dir FOLDER", Short: "Run a node until it is told to stop", Args: args(0, 0),
		Long: "Run the node whose folder `node init`, `testnet` or `dev` made. The network's " + anchorFile + " and\n" +
			peersFile + " lie in that folder or in the one above.",
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usage("--dir is needed", "use: quoin node start --dir FOLDER")
			}
			log, err := t.logger(level)
			if err != nil {
				return err
			}
			n, err := loadNode(dir)
			if err != nil {
				return err
			}
			if sample != "" {
				if n.settings.Plugins.SampleEvery, err = sampleEvery(sample); err != nil {
					return err
				}
			}
			n.crash = endProcess
			return t.runNode(c.Context(), n.withLogger(log))
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the node's folder")
	c.Flags().StringVar(&sample, "sample-interpreter", "", "replay this share of the plugins' calls on the interpreter and report differences: 1/1000; 0: none")
	c.Flags().StringVar(&level, "log", "warn", "what to log on standard error: debug, info, warn or error")
	return c
}

// runNode runs a node with its API until it is told to stop, or stops by itself.
func (t *terminal) runNode(ctx context.Context, n *nodePlan) error {
	s, err := n.open()
	if err != nil {
		return err
	}
	if err := s.serve(n, n.settings.API); err != nil {
		f := failure("the API cannot listen on "+n.settings.API, err, "change api in "+filepath.Join(n.dir, nodeFile))
		return errors.Join(f, s.close())
	}
	if err := s.show(n, n.settings.Dashboard); err != nil {
		f := failure("the dashboard cannot listen on "+n.settings.Dashboard, err, "change dashboard in "+filepath.Join(n.dir, nodeFile)+"; empty is none")
		return errors.Join(f, s.close())
	}
	t.note("node %s of %s\npeers: %s\nAPI:   %s", n.settings.Name, n.genesis.Origin(), s.node.Addr(), s.url())
	if page := s.pageURL(); page != "" {
		t.note("page:  %s", page)
	}
	select {
	case <-ctx.Done():
		t.note("stopping")
		return s.close()
	case <-s.node.Done():
		return errors.Join(stopped(s.node.Err()), s.close())
	}
}

// sampleEvery reads a share: 0, or 1/N.
func sampleEvery(s string) (uint64, error) {
	if s == "0" {
		return 0, nil
	}
	every, ok := strings.CutPrefix(s, "1/")
	if n, err := strconv.ParseUint(every, 10, 32); ok && err == nil && n > 0 {
		return n, nil
	}
	return 0, usage(quote(s)+" is no share of the calls", "write 1/1000 for one in a thousand, or 0 for none")
}

func stopped(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) {
		return &fault{exit: exitFailure, code: "no-space", what: "the node stopped: its disk is full", cause: err, todo: "make space and start it again; nothing that it reported is lost"}
	}
	return failure("the node stopped", err, "read the log above; never copy an old folder back: a node whose vote log went back in time must not vote")
}

// nodePlan is a node's folder, read.
type nodePlan struct {
	dir      string
	settings nodeSettings
	genesis  *quoin.Genesis
	members  []member
	peers    []transport.Peer
	log      *slog.Logger
	lab      node.Lab              // what only `lab node` sets
	crash    func(*injected.Fault) // what an injected crash calls; nil: there are none
	crew     *crew                 // of the stations in this process, which faults are for; nil: this one alone
}

func loadNode(dir string) (*nodePlan, error) {
	n := &nodePlan{dir: dir}
	if err := readJSON(filepath.Join(dir, nodeFile), nodeBytesMax, &n.settings, "a folder that `quoin node init` made"); err != nil {
		return nil, err
	}
	common, err := commonDir(dir)
	if err != nil {
		return nil, err
	}
	if n.genesis, err = readGenesis(filepath.Join(common, anchorFile)); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(common, peersFile), memberBytesMax, &n.members, "the "+peersFile+" that `quoin genesis` wrote"); err != nil {
		return nil, err
	}
	n.peers, err = peersOf(n.members)
	return n, err
}

// data is the folder of what the node itself keeps.
func (p *nodePlan) data() string { return filepath.Join(p.dir, "data") }

// commonDir finds the folder with the network's genesis.
func commonDir(dir string) (string, error) {
	for _, d := range []string{dir, filepath.Dir(filepath.Clean(dir))} {
		if _, err := os.Stat(filepath.Join(d, anchorFile)); err == nil {
			return d, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", failure(d+" cannot be read", err, "")
		}
	}
	return "", &fault{exit: exitNotFound, code: "no-genesis", what: "there is no genesis in " + dir + " or above",
		todo: "copy the network's " + anchorFile + " and " + peersFile + " into it (see `quoin genesis`)"}
}

// logger returns the log of a command that runs nodes, once.
func (t *terminal) logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usage("unknown level "+quote(level), "use --log debug, info, warn or error")
	}
	t.log = logs.New(t.err, logs.Options{JSON: t.json(), Level: l})
	return slog.New(t.log), nil
}

// endLog writes what waits in the log, if there is one and somebody reads it.
func (t *terminal) endLog() {
	if t.log == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endLogTimeout)
	defer cancel()
	_ = t.log.Close(ctx) // what takes no line takes no complaint either
}

const endLogTimeout = 2 * time.Second
