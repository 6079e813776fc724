// Command quoin runs networks of validators, talks to them, checks their proofs offline, builds
// and governs their plugins, and simulates them.
//
// Data goes to standard output, as text or with --output json as one JSON value; messages go to
// standard error. Every failure has an exit code (quoin help exit-codes) and a stable name.
// Commands find their network by --api, or by the context that the last `quoin dev` or
// `quoin context use` wrote (see context.go).
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:])) }

// run executes one command line and returns the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not heed the first, such as reading a pipe
	t := &terminal{out: os.Stdout, err: os.Stderr}
	root := newRoot(t)
	root.SetArgs(args)
	root.SetOut(t.out)
	root.SetErr(t.err)
	err := root.ExecuteContext(ctx)
	t.endLog()
	if err == nil {
		return exitOK
	}
	f := faultOf(err, t.began)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		f = &fault{exit: exitInterrupted, code: "interrupted", what: "interrupted"}
	}
	t.fail(f)
	return f.exit
}

func newRoot(t *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "quoin",
		Short: "A consensus backplane whose algorithms are plugins",
		Long: "Quoin runs verifiable, replicated ledgers. A small kernel decides what is final; plugins decide\n" +
			"who leads, what is valid, and what transactions do, and are changed by vote while the network runs.\n\n" +
			"Begin with:  quoin dev",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			t.began = true
			return t.checkFormat()
		},
	}
	root.PersistentFlags().StringVar(&t.api, "api", "", "the API's address, such as https://127.0.0.1:26600 (default: the context's)")
	root.PersistentFlags().StringVarP(&t.format, "output", "o", formatText, "how to print data: text or json")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(err.Error(), "see `"+c.CommandPath()+" --help`")
	})
	group(root)
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run a network:"},
		&cobra.Group{ID: "use", Title: "Use it:"},
		&cobra.Group{ID: "govern", Title: "Change its algorithms:"},
		&cobra.Group{ID: "study", Title: "Study it:"})
	add := func(id string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add("run", newDev(t), newTestnet(t), newNode(t), newGenesis(t), newKey(t), newContext(t))
	add("use", newTx(t), newGet(t), newProof(t), newStatus(t), newDoctor(t), newFault(t))
	add("govern", newPlugin(t), newRelease(t), newPolicy(t), newAudit(t))
	add("study", newLab(t))
	root.AddCommand(newVersion(t), newExitCodes())
	return root
}

// group makes c a command that only holds others: without arguments it prints its help, with an
// unknown one it fails instead of being content.
func group(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.AddCommand(children...)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return usage("there is no command "+quote(c.CommandPath()+" "+args[0]), "see `"+c.CommandPath()+" --help`")
	}
	return c
}

// args demands from least to most arguments and says in the command's own words what is missing.
func args(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		return usage("wrong number of arguments", "use: quoin "+c.UseLine()[len("quoin "):])
	}
}
