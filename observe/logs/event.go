package logs

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Event is what one kind of line in a log says. Its name stands in the attribute "event" and is stable: alerts and
// searches may use it. The message beside it is for people, and may change.
type Event struct {
	Name    string
	Level   slog.Level
	Meaning string
	Fields  []string // the attributes beside event and, where a process has several nodes, node
}

// eventMissing is the event of a handler's own.
const eventMissing = "records-missing"

// Fields of what the replica tells, see node's loop.
var (
	ofViews  = []string{"epoch", "view", "peer", "reason"}
	ofChains = []string{"epoch", "view", "height", "block", "peer", "reason"}
)

// sections of docs/logs.md, in its order.
var sections = []struct {
	title  string
	events []Event
}{
	{"The node", []Event{
		{"vote-log-untrusted", slog.LevelError, "The vote log is missing or damaged: the node follows, and never votes again with its key.", []string{"error"}},
		{"node-stopped", slog.LevelError, "The node cannot go on, and stops.", []string{"error"}},
		{eventMissing, slog.LevelWarn, "Records were dropped before this line, for nobody read the log fast enough: how many of each level.", levelNames[:]},
	}},
	{"Consensus", []Event{
		{"epoch-began", slog.LevelInfo, "An epoch began: another configuration is in force.", []string{"epoch", "height"}},
		{"view-timed-out", slog.LevelDebug, "The view's time is over, and no block of it is notarized.", ofViews},
		{"view-nullified", slog.LevelDebug, "A quorum gave the view up.", ofViews},
		{"message-refused", slog.LevelDebug, "A peer's message is malformed or badly signed.", ofViews},
		{"block-refused", slog.LevelWarn, "A proposed block is invalid: its proposer is faulty.", ofChains},
		{"block-withheld", slog.LevelWarn, "A notarized block is not here: its proposer keeps it back, or it is on its way.", ofChains},
		{"abstained", slog.LevelWarn, "This node cannot judge a block now, for a reason of its own, and does not vote on it.", ofChains},
		{"equivocation", slog.LevelWarn, "A validator signed two different votes.", ofChains},
		{"split", slog.LevelWarn, "Honest validators may have different results for one block.", ofChains},
		{"diverged", slog.LevelWarn, "The others certified another result than this node has.", ofChains},
		{"result-adopted", slog.LevelWarn, "This node took the certified result in place of its own.", ofChains},
		{"halted", slog.LevelWarn, "The state contradicts what is certified: the node follows no further.", ofChains},
		{"namespace-suspended", slog.LevelWarn, "A namespace is suspended: its machine gave honest validators different results.", ofChains},
	}},
	{"Plugins", []Event{
		{"leader-fault", slog.LevelWarn, "What serves leader.v1 faulted: the leader is the fallback's.", ofChains},
		{"finality-fault", slog.LevelWarn, "What serves finality.v1 faulted.", ofChains},
		{"batch-fault", slog.LevelWarn, "A machine faulted on a whole batch of transactions.", ofChains},
		{"trial-fault", slog.LevelWarn, "What is on trial faulted.", ofChains},
		{"undo-fault", slog.LevelWarn, "A machine's state could not be brought back.", ofChains},
		{"migrate-fault", slog.LevelWarn, "A machine's state could not be migrated.", ofChains},
		{"machine-fault", slog.LevelWarn, "Machines faulted on so many transactions of a block: one line for each kind of fault.", []string{"height", "reason", "count"}},
		{"pacemaker-fault", slog.LevelWarn, "This node's pacemaker faulted: the kernel's time-outs hold.", ofChains},
		{"priority-fault", slog.LevelWarn, "This node's priority plugin faulted: the transaction has none.", ofChains},
		{"precheck-failed", slog.LevelWarn, "This node finds that a proposed release cannot run.", ofChains},
		{"deprecated-in-use", slog.LevelWarn, "Something serves that should not be used much longer.", ofChains},
		{"sample-differed", slog.LevelError, "A replayed call gave something else: the compiler, the interpreter or this machine is wrong.", []string{"release", "operation", "request", "difference"}},
		{"sample-not-replayed", slog.LevelWarn, "A call that was to be replayed cannot be.", []string{"release", "operation", "error"}},
		{"call-endless", slog.LevelError, "A call of a plugin runs on although its fuel should have ended it.", []string{"release", "operation", "runs_for"}},
	}},
	{"Releases", []Event{
		{"release-ready", slog.LevelInfo, "A release is compiled.", []string{"release", "name", "took"}},
		{"release-refused", slog.LevelWarn, "A peer sent a release that no node can accept.", []string{"release", "peer", "error"}},
		{"release-lost", slog.LevelError, "A stored release is damaged or gone; peers are asked for it.", []string{"release", "error"}},
		{"release-not-compiled", slog.LevelWarn, "A release does not compile on this node.", []string{"release", "error"}},
		{"release-not-tried", slog.LevelWarn, "A proposed release cannot be tried on this node now.", []string{"proposal", "release", "error"}},
		{"release-interpreted", slog.LevelError, "A release that the chain needs does not compile here, and is interpreted: slowly.", []string{"release"}},
		{"release-unusable", slog.LevelError, "A release that the chain needs can be neither compiled nor interpreted here: this node abstains.", []string{"release", "error"}},
		{"second-ready", slog.LevelWarn, "A release can be interpreted too, for this node's results differ from the others'.", []string{"release"}},
		{"second-unusable", slog.LevelWarn, "A release that should be interpreted too, for results differ, cannot be.", []string{"release", "error"}},
	}},
	{"Links", []Event{
		{"peer-connected", slog.LevelInfo, "The link to a peer is up.", []string{"peer", "address"}},
		{"peer-lost", slog.LevelInfo, "The link to a peer broke.", []string{"peer", "address", "error", "lasted"}},
		{"peer-unreachable", slog.LevelDebug, "A peer does not answer; it is tried again.", []string{"peer", "address", "error", "retry_within"}},
		{"peer-refused", slog.LevelInfo, "A peer's own link to this node is refused.", []string{"peer", "remote", "reason"}},
		{"connection-refused", slog.LevelDebug, "A connection is refused before it is known whose it is.", []string{"remote", "reason", "error"}},
		{"accept-failed", slog.LevelWarn, "The system gives this node no more connections.", []string{"error"}},
	}},
	{"Serving", []Event{
		{"api-stopped", slog.LevelError, "The API cannot listen any more.", []string{"error"}},
		{"api-connection", slog.LevelDebug, "What Go's HTTP server says of a client's connection.", nil},
		{"request-panicked", slog.LevelError, "A request broke an invariant: a defect of the program.", []string{"procedure", "panic"}},
		{"tile-unreadable", slog.LevelError, "A tile of the ledger cannot be read from the store.", []string{"path", "error"}},
		{"dashboard-stopped", slog.LevelError, "The dashboard cannot listen any more.", []string{"error"}},
		{"dashboard-connection", slog.LevelDebug, "What Go's HTTP server says of a browser's connection.", nil},
		{"runs-unreadable", slog.LevelWarn, "The folder with the lab's runs cannot be read.", []string{"folder", "error"}},
		{"traces-lost", slog.LevelWarn, "The collector does not take traces: they are dropped. At most once a minute.", []string{"spans", "reason"}},
	}},
}

// Events returns every event, by name.
func Events() []Event {
	var all []Event
	for _, s := range sections {
		all = append(all, s.events...)
	}
	slices.SortFunc(all, func(a, b Event) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// PageMark stands in docs/logs.md before what Page returns.
const PageMark = "<!-- generated: go test ./observe/logs -run TestPage -rewrite -->\n"

// Page returns the tables of docs/logs.md.
func Page() string {
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| event | level | what | attributes |\n|---|---|---|---|\n", s.title)
		for _, e := range s.events {
			fields := ""
			if len(e.Fields) > 0 {
				fields = "`" + strings.Join(e.Fields, "`, `") + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Name, strings.ToLower(e.Level.String()), e.Meaning, fields)
		}
	}
	return b.String()
}
