package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/bench"
	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/lab/protocol"
)

const (
	protocolSeedsMax   = 1_000_000 // of one command, which prints a line for each
	protocolCrashesMax = 1_000_000
)

func newLabProtocol(t *terminal) *cobra.Command {
	var (
		o                     protocol.Options
		name                  string
		seeds                 int
		first                 uint64
		length, delay, jitter time.Duration
		crashEvery, crashFor  time.Duration
	)
	c := &cobra.Command{
		Use: "protocol", Short: "Run worlds of bare consensus machines: the first place to try a new protocol", Args: args(0, 0),
		Long: "Play a world for each seed, of a protocol's machines alone: links with a delay, jitter and loss, crashes,\n" +
			"blocks always wanted. Observers check I1, I2 and I8; the first violation fails the command.\n\n" +
			"Protocols: " + protocolNames() + ".",
		RunE: func(c *cobra.Command, _ []string) error {
			l, ok := protocol.Named(name)
			if !ok {
				return usage("there is no protocol "+quote(name), "choose one of "+protocolNames())
			}
			if seeds < 1 || seeds > protocolSeedsMax || length <= 0 || delay <= 0 || jitter < 0 || crashFor <= 0 {
				return usage("numbers and times must be above 0", fmt.Sprintf("choose --seeds 1 to %d; see `quoin lab protocol --help`", protocolSeedsMax))
			}
			if crashEvery < 0 || crashEvery > 0 && length/crashEvery > protocolCrashesMax {
				return usage(fmt.Sprintf("a crash every %v for %v", crashEvery, length), fmt.Sprintf("choose a longer --crash-every: at most %d crashes", protocolCrashesMax))
			}
			o.Protocol, o.SimulatedUS, o.DelayUS, o.JitterUS = l.Protocol, uint64(length.Microseconds()), uint64(delay.Microseconds()), uint64(jitter.Microseconds())
			for i, at := 0, crashEvery; crashEvery > 0 && at < length; i, at = i+1, at+crashEvery {
				from := uint64(at.Microseconds())
				o.Outages = append(o.Outages, protocol.Outage{Node: i % max(o.Nodes, 1), FromUS: from, ToUS: from + uint64(crashFor.Microseconds())})
			}
			return runProtocol(c.Context(), t, o, first, seeds, func(seed uint64) string {
				return fmt.Sprintf("go run ./cmd/quoin lab protocol --protocol %s --nodes %d --first %d --seeds 1 --length %v --delay %v --jitter %v --loss %d --crash-every %v --crash-for %v",
					name, o.Nodes, seed, length, delay, jitter, o.Loss, crashEvery, crashFor)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&name, "protocol", "simplex", "the protocol")
	f.IntVar(&o.Nodes, "nodes", 4, "replicas of equal weight")
	f.Uint64Var(&first, "first", 1, "the first seed")
	f.IntVar(&seeds, "seeds", 1, "how many seeds")
	f.DurationVar(&length, "length", time.Minute, "simulated time of each")
	f.DurationVar(&delay, "delay", 50*time.Millisecond, "of every link, one way")
	f.DurationVar(&jitter, "jitter", 0, "what a message may take longer, at random")
	f.Uint64Var(&o.Loss, "loss", 0, "messages lost of a thousand")
	f.DurationVar(&crashEvery, "crash-every", 0, "crash the replicas in turn, one each time (0: none)")
	f.DurationVar(&crashFor, "crash-for", time.Second, "how long a crashed replica is down")
	return c
}

func runProtocol(ctx context.Context, t *terminal, o protocol.Options, first uint64, seeds int, reproduce func(seed uint64) string) error {
	type line struct {
		Seed uint64 `json:"seed"`
		protocol.Result
		Digest string `json:"digest"`
		Replay string `json:"replay,omitempty"`
	}
	var lines []line
	broken := -1
	for i := range seeds {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		o.Seed = first + uint64(i)
		r, err := protocol.Run(o)
		if err != nil {
			return usage(err.Error(), "see `quoin lab protocol --help`")
		}
		l := line{Seed: o.Seed, Result: r, Digest: r.Digest.String()}
		if r.Violation != nil {
			l.Replay = reproduce(o.Seed)
			if broken < 0 {
				broken = i
			}
		}
		lines = append(lines, l)
	}
	if err := t.data(lines, func(w io.Writer) {
		table(w, func(row func(...any)) {
			row("SEED", "HEIGHTS", "BY ALL", "VIEWS", "TIMED OUT", "MESSAGES", "LOST", "DIGEST", "BROKEN")
			for _, l := range lines {
				says := "nothing"
				if l.Violation != nil {
					says = l.Violation.String()
				}
				row(l.Seed, l.Heights, l.Slowest, l.Views, l.TimedOut, l.Messages, l.Lost, l.Digest[:16], says)
			}
		})
	}); err != nil {
		return err
	}
	if broken >= 0 {
		l := lines[broken]
		return &fault{exit: exitFailure, code: "invariant", what: fmt.Sprintf("seed %d broke %s", l.Seed, l.Violation.Invariant), why: l.Violation.Text, todo: l.Replay}
	}
	return nil
}

// speed is how fast one kind of world runs, on one core.
type speed struct {
	World     string  `json:"world"`
	Simulated float64 `json:"simulated_seconds"`
	Wall      float64 `json:"wall_seconds"`
	CPU       float64 `json:"cpu_seconds"`
	PerWall   float64 `json:"simulated_per_wall_second"`
	PerCPU    float64 `json:"simulated_per_cpu_second"`
	Blocks    uint64  `json:"blocks"`
	Messages  uint64  `json:"messages"`
}

func newLabSpeed(t *terminal) *cobra.Command {
	var rounds int
	c := &cobra.Command{
		Use: "speed", Short: "Measure simulated seconds per second: bare protocols, real signatures, whole replicas", Args: args(0, 0),
		Long: "Measure how fast the simulators are on one core: networks of four, whose links take 50 ms one way, of each\n" +
			"sound protocol's bare machines with modelled signatures, with Ed25519, and of whole replicas in the\n" +
			"simulator's default world. Each is run --rounds times in turn; the fastest round counts.",
		RunE: func(*cobra.Command, []string) error {
			if rounds < 1 {
				return usage("no rounds", "choose --rounds 1 or more")
			}
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			defer debug.SetGCPercent(debug.SetGCPercent(400))
			best, err := measureSpeeds(rounds)
			if err != nil {
				return err
			}
			return t.data(best, func(w io.Writer) {
				table(w, func(row func(...any)) {
					row("WORLD", "SIMULATED", "WALL", "CPU", "PER WALL s", "PER CPU s", "BLOCKS", "MESSAGES")
					for _, s := range best {
						row(s.World, fmt.Sprintf("%.0f s", s.Simulated), fmt.Sprintf("%.2f s", s.Wall), fmt.Sprintf("%.2f s", s.CPU),
							fmt.Sprintf("%.0f", s.PerWall), fmt.Sprintf("%.0f", s.PerCPU), s.Blocks, s.Messages)
					}
				})
			})
		},
	}
	c.Flags().IntVar(&rounds, "rounds", 3, "how often each is run")
	return c
}

func measureSpeeds(rounds int) ([]speed, error) {
	type world struct {
		name string
		run  func() (us, blocks, messages uint64, err error)
	}
	bare := func(l protocol.Listed, seconds uint64, real bool) func() (uint64, uint64, uint64, error) {
		return func() (uint64, uint64, uint64, error) {
			r, err := protocol.Run(protocol.Options{Protocol: l.Protocol, SimulatedUS: seconds * 1_000_000, Real: real})
			if err == nil && r.Violation != nil {
				err = fmt.Errorf("%s", r.Violation)
			}
			return r.SimulatedUS, r.Heights, r.Messages, err
		}
	}
	var worlds []world
	for _, l := range protocol.Protocols() {
		if l.Broken == "" {
			worlds = append(worlds, world{l.Name + ", modelled signatures", bare(l, 1000, false)}, world{l.Name + ", Ed25519", bare(l, 50, true)})
		}
	}
	worlds = append(worlds, world{"whole replicas, calm, between regions", func() (uint64, uint64, uint64, error) {
		r, err := lab.Run(lab.Options{Seed: 1, Calm: &lab.Calm{}})
		return r.SimulatedUS, r.Blocks, r.Messages, err
	}})
	best := make([]speed, len(worlds))
	for range rounds {
		for i, w := range worlds {
			runtime.GC()
			cpu, begin := bench.ProcessUse(os.Getpid()).CPU, time.Now()
			us, blocks, messages, err := w.run()
			s := speed{World: w.name, Simulated: float64(us) / 1e6, Wall: time.Since(begin).Seconds(), Blocks: blocks, Messages: messages,
				CPU: (bench.ProcessUse(os.Getpid()).CPU - cpu).Seconds()}
			if err != nil {
				return nil, failure(w.name+" cannot be measured", err, "")
			}
			s.PerWall = s.Simulated / s.Wall
			if s.CPU > 0 {
				s.PerCPU = s.Simulated / s.CPU
			}
			if s.PerWall > best[i].PerWall {
				best[i] = s
			}
		}
	}
	return best, nil
}
