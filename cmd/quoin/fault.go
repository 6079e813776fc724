package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/client"
	injected "quoin.dev/quoin/fault"
)

func newFault(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "fault", Short: "Inject faults into a running network for development or tests",
		Long: "Inject faults into the validators of a running network: slow and lossy links, partitions, crashes, slow\n" +
			"disks, slow plugins. Each ends by itself, and is marked in the feed of every node that is told of it.\n" +
			"Only networks whose genesis says so take faults (those of `quoin dev` and `quoin testnet`, and of\n" +
			"`quoin genesis --parameter fault_injection=1`), and only from administrators: members with the role\n" +
			"proposer, or the node's own key. All nodes of the context are told.\n\n" +
			"Faults cost time, never safety: they delay and lose, and alter nothing. See docs/faults.md.",
		Example: "  quoin fault crash --leader --for 5s\n" +
			"  quoin fault partition validator-1 validator-2 --for 10s\n" +
			"  quoin fault delay validator-3 --by 100ms --for 1m\n" +
			"  quoin fault list\n" +
			"  quoin fault lift --all",
	}
	children := []*cobra.Command{newFaultList(t), newFaultLift(t)}
	for i := range faultKinds {
		children = append(children, newFaultKind(t, &faultKinds[i]))
	}
	return group(c, children...)
}

// faultKind is one command that injects.
type faultKind struct {
	kind                   injected.Kind
	use, short, long       string
	example                string
	peers, by, share, slot bool // flags that it has
}

var faultKinds = []faultKind{
	{kind: injected.Delay, use: "--by TIME", short: "Messages to and from validators take longer", peers: true, by: true,
		long:    "Each message to and from the validators takes longer, each way, and keeps its place among the others.",
		example: "  quoin fault delay validator-3 --by 100ms --for 1m\n  quoin fault delay validator-1 --peers validator-2 --by 2s"},
	{kind: injected.Drop, use: "--share PERCENT", short: "Some messages to and from validators are lost", peers: true, share: true,
		long:    "A share of the messages to and from the validators is lost, chosen at random.",
		example: "  quoin fault drop validator-3 --share 20% --for 30s\n  quoin fault drop --all --share 2.5%"},
	{kind: injected.Partition, short: "Validators cannot reach the others", peers: true,
		long: "The validators reach each other, but none of the others, or none of --peers. A side without a quorum stops,\n" +
			"and goes on when the partition is over.",
		example: "  quoin fault partition validator-1 validator-2 --for 10s\n  quoin fault partition validator-1 --peers validator-4"},
	{kind: injected.Crash, short: "Nodes of validators end at once",
		long: "The nodes end at once, without a goodbye. In `quoin dev` they are closed, and opened again from their folders\n" +
			"at the same addresses after the time that --for says; if it is the first validator, the API and the dashboard\n" +
			"are away until then. A process of `quoin node start` ends with exit code " + strconv.Itoa(exitCrashed) + " and without flushing anything;\n" +
			"start it again when you like.",
		example: "  quoin fault crash --leader --for 5s\n  quoin fault crash validator-3 --for 20s --note \"power cut\""},
	{kind: injected.SlowDisk, use: "--by TIME", short: "Each fsync of validators takes longer", by: true,
		long:    "Each fsync of the vote log and of certified blocks takes longer.",
		example: "  quoin fault slow-disk validator-2 --by 200ms --for 1m"},
	{kind: injected.SlowPlugin, use: "--slot SLOT --by TIME", short: "Each call of a plugin takes longer on validators", by: true, slot: true,
		long: "Each call of the release that serves a slot takes longer, which health reports and the limits of a trial see.\n" +
			"Built-ins cannot be slow.",
		example: "  quoin fault slow-plugin --all --slot leader.v1 --by 50ms --for 30s"},
}

// faultFlags are the flags of a command that injects.
type faultFlags struct {
	all, leader       bool
	peers             []string
	by, lasts         time.Duration
	share, slot, note string
	key               func() (ed25519.PrivateKey, error)
}

func newFaultKind(t *terminal, k *faultKind) *cobra.Command {
	var f faultFlags
	c := &cobra.Command{
		Use: strings.TrimSpace(string(k.kind) + " VALIDATOR... " + k.use), Short: k.short, Long: k.long, Example: k.example, Args: args(0, -1),
		RunE: func(c *cobra.Command, names []string) error { return injectFault(c.Context(), t, k, &f, names) },
	}
	fl := c.Flags()
	fl.BoolVar(&f.all, "all", false, "all validators")
	fl.BoolVar(&f.leader, "leader", false, "the validator that leads now")
	fl.DurationVar(&f.lasts, "for", 10*time.Second, "how long it lasts: at most "+injected.LongestMax.String())
	fl.StringVar(&f.note, "note", "", "why, shown with the mark")
	if k.peers {
		fl.StringSliceVar(&f.peers, "peers", nil, "only on links to these validators (default: all others)")
	}
	if k.by {
		fl.DurationVar(&f.by, "by", 0, "how much longer: 1ms to "+injected.DelayMax.String())
	}
	if k.share {
		fl.StringVar(&f.share, "share", "", "how many are lost: 0.1% to 100%")
	}
	if k.slot {
		fl.StringVar(&f.slot, "slot", "", "what the plugin serves, such as leader.v1 or machine.v1/bank")
	}
	f.key = roleFlags(c, roleProposer)
	return c
}

// leaderWithin is how long to wait for somebody to lead.
const leaderWithin = 15 * time.Second

func injectFault(ctx context.Context, t *terminal, k *faultKind, flags *faultFlags, names []string) error {
	key, err := flags.key()
	if err != nil {
		return err
	}
	n, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer n.close()
	next, err := n.nextFault(ctx)
	if err != nil {
		return err
	}
	s, err := n.status(ctx)
	for late := time.Now().Add(leaderWithin); err == nil && flags.leader && s.GetLeader() < 0 && time.Now().Before(late); {
		time.Sleep(20 * time.Millisecond) // between two views
		s, err = n.status(ctx)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	f, err := flags.fault(k, s, names, now)
	if err != nil {
		return err
	}
	f.ID = next
	if err := f.Check(now); err != nil {
		return usage(err.Error(), "see `quoin fault "+string(k.kind)+" --help`")
	}
	return told(t, f, s, n.Inject(ctx, quoinv1.NewFault(f, now), key))
}

// fault reads the flags and arguments. The number is not known yet.
func (x *faultFlags) fault(k *faultKind, s *quoinv1.Status, names []string, now time.Time) (f *injected.Fault, err error) {
	f = &injected.Fault{Kind: k.kind, Delay: x.by, Slot: x.slot, Until: now.Add(x.lasts), Note: x.note}
	validators := s.GetValidators()
	switch {
	case x.all && (x.leader || len(names) > 0), x.leader && len(names) > 0:
		return nil, usage("validators are named twice", "name them, or give one of --all and --leader")
	case x.all:
		for _, v := range validators {
			names = append(names, v.GetName())
		}
	case x.leader && (s.GetLeader() < 0 || int(s.GetLeader()) >= len(validators)):
		return nil, failure("nobody knows who leads", nil, "name a validator")
	case x.leader:
		names = []string{validators[s.GetLeader()].GetName()}
	case len(names) == 0:
		return nil, usage("no validator is named", "for example "+strings.TrimSpace(strings.Split(k.example, "\n")[0]))
	}
	if f.Targets, err = validatorKeys(validators, names); err != nil {
		return nil, err
	}
	if f.Peers, err = validatorKeys(validators, x.peers); err != nil {
		return nil, err
	}
	if k.kind == injected.Partition && len(f.Peers) == 0 {
		for _, v := range validators {
			if key := quoin.PublicKey(v.GetKey()); !f.Targeted(key) {
				f.Peers = append(f.Peers, key)
			}
		}
	}
	if k.share {
		f.Share, err = readShare(x.share)
	}
	return f, err
}

// validatorKeys finds validators by their names or keys.
func validatorKeys(validators []*quoinv1.Validator, names []string) (keys []quoin.PublicKey, err error) {
	for _, name := range names {
		i := slices.IndexFunc(validators, func(v *quoinv1.Validator) bool {
			key, err := quoin.ParsePublicKey(name)
			return v.GetName() == name || err == nil && slices.Equal(v.GetKey(), key[:])
		})
		if i < 0 {
			return nil, usage("there is no validator "+quote(name), "name validators as `quoin status` does, or by their keys")
		}
		if len(validators[i].GetKey()) != len(quoin.PublicKey{}) {
			return nil, failure("the node says a key that is none", nil, "ask another node with --api")
		}
		keys = append(keys, quoin.PublicKey(validators[i].GetKey()))
	}
	return keys, nil
}

// readShare reads percent as parts of 1,000.
func readShare(s string) (uint16, error) {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if share := math.Round(percent * 10); err == nil && share >= 1 && share <= injected.ShareAll {
		return uint16(share), nil
	}
	return 0, usage("--share "+quote(s)+" is no share of the messages", "write 0.1% to 100%, for example --share 20%")
}

// nextFault returns a number that no node of the context has for a fault, or why none can be injected.
func (n *conn) nextFault(ctx context.Context) (uint64, error) {
	answers, err := n.faults(ctx)
	return freeFault(answers), err
}

// freeFault returns the least number that is free by what nodes say. What no network gets to by counting somebody
// made up, so that there is none left: it does not count.
func freeFault(answers []*quoinv1.ListFaultsResponse) uint64 {
	const countedMax = 1 << 32
	next := uint64(1)
	count := func(n uint64) {
		if n <= countedMax {
			next = max(next, n)
		}
	}
	for _, a := range answers {
		count(a.GetNext())
		for _, f := range a.GetFaults() {
			count(f.GetId() + 1)
		}
	}
	return next
}

// faults asks all nodes of the context for their faults. It fails if none answers, or none takes faults.
func (n *conn) faults(ctx context.Context) ([]*quoinv1.ListFaultsResponse, error) {
	answers := n.Faults(ctx)
	var list []*quoinv1.ListFaultsResponse
	allowed := false
	for _, a := range answers {
		if a.Answer != nil {
			list = append(list, a.Answer)
			allowed = allowed || a.Answer.GetAllowed()
		}
	}
	switch {
	case len(list) == 0:
		return nil, netFault(firstRefusal(answers))
	case !allowed:
		return nil, refused("faults-not-allowed", "this network's genesis does not allow that faults are injected", "",
			"try it in `quoin dev`, or begin a network with --parameter fault_injection=1")
	}
	return list, nil
}

// firstRefusal returns why an endpoint did not do as told: a refusal says more than a node that is away.
func firstRefusal[T any](answers []client.FaultAnswer[T]) error {
	var first error
	for _, a := range answers {
		if first == nil || a.Err != nil && refusalIn(first) == nil {
			first = a.Err
		}
	}
	return first
}

// told says what became of a fault.
func told(t *terminal, f *injected.Fault, s *quoinv1.Status, answers []client.FaultAnswer[quoinv1.InjectResponse]) error {
	name := validatorNamer(s)
	var told []string
	applied := map[quoin.PublicKey]bool{}
	reopens := false
	for _, a := range answers {
		if a.Answer == nil {
			continue
		}
		told = append(told, a.URL)
		for _, k := range a.Answer.GetApplied() {
			if len(k) == len(quoin.PublicKey{}) {
				applied[quoin.PublicKey(k)] = true
			}
		}
		reopens = reopens || a.Answer.GetReopens()
	}
	if len(told) == 0 {
		return netFault(firstRefusal(answers))
	}
	for _, a := range answers {
		if a.Err != nil {
			t.note("warning: %s was not told of it: %v", a.URL, a.Err)
		}
	}
	for _, k := range f.Targets {
		if !applied[k] {
			return &fault{exit: exitUnavailable, code: "not-applied", what: fmt.Sprintf("fault %d does not happen to %s", f.ID, name(k)),
				why: "no node of the context that answered is that validator's", todo: fmt.Sprintf("start it, wait until it is back if it has crashed, or name it with `quoin context use`; take the fault back with `quoin fault lift %d`", f.ID)}
		}
	}
	v := map[string]any{"fault": faultView(f, name), "told": told, "reopens": reopens}
	return t.data(v, func(w io.Writer) {
		fmt.Fprintf(w, "%s, for %v\n", f.Sentence(name), time.Until(f.Until).Round(time.Second/10))
		switch {
		case f.Kind != injected.Crash:
			fmt.Fprintf(w, "take it back with: quoin fault lift %d\n", f.ID)
		case reopens:
			fmt.Fprintln(w, "it is opened again by itself; commands have no answer while the node that they ask is away")
		default:
			fmt.Fprintln(w, "start it again with: quoin node start --dir FOLDER")
		}
	})
}

// validatorNamer returns what names keys as a status does.
func validatorNamer(s *quoinv1.Status) func(quoin.PublicKey) string {
	return func(key quoin.PublicKey) string {
		for _, v := range s.GetValidators() {
			if slices.Equal(v.GetKey(), key[:]) {
				return v.GetName()
			}
		}
		return key.String()
	}
}

func faultView(f *injected.Fault, name func(quoin.PublicKey) string) map[string]any {
	names := func(keys []quoin.PublicKey) []string {
		list := []string{}
		for _, k := range keys {
			list = append(list, name(k))
		}
		return list
	}
	return map[string]any{"number": f.ID, "kind": f.Kind, "targets": names(f.Targets), "peers": names(f.Peers), "delay_us": f.Delay.Microseconds(),
		"share": f.Share, "slot": f.Slot, "left_ms": time.Until(f.Until).Milliseconds(), "note": f.Note, "sentence": f.Sentence(name)}
}
