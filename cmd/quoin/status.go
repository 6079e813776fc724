package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/observe/health"
)

func newStatus(t *terminal) *cobra.Command {
	var watch bool
	var every time.Duration
	c := &cobra.Command{
		Use: "status", Short: "Show how a node and its network are", Args: args(0, 0),
		Long: "Show how a node is: first whether all is well, why not, and what to do next. All of it is the node's word.\n" +
			"With --watch it is asked again and again; with --output json each answer is one JSON value then.",
		RunE: func(c *cobra.Command, _ []string) error {
			if every < 100*time.Millisecond {
				return usage("--every "+every.String()+" is too often", "write 100ms or more, such as 2s")
			}
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			if !watch {
				return t.showStatus(c.Context(), n, t.out)
			}
			return t.watchStatus(c.Context(), n, every)
		},
	}
	c.Flags().BoolVar(&watch, "watch", false, "ask again and again, until you stop it")
	c.Flags().DurationVar(&every, "every", 2*time.Second, "how often --watch asks")
	return c
}

// showStatus asks a node once and shows what it says.
func (t *terminal) showStatus(ctx context.Context, n *conn, out io.Writer) error {
	s, h, err := n.howIsIt(ctx)
	if err != nil {
		return err
	}
	to := *t
	to.out = out
	return to.data(statusView(s, h), func(w io.Writer) { writeStatus(w, s, h) })
}

// howIsIt asks a node for its status and its health. A node that does not know of health does not fail for that.
func (n *conn) howIsIt(ctx context.Context) (*quoinv1.Status, *quoinv1.Health, error) {
	s, err := n.status(ctx)
	if err != nil {
		return nil, nil, err
	}
	h, err := n.Health(ctx)
	if connect.CodeOf(err) == connect.CodeUnimplemented {
		return s, &quoinv1.Health{Verdict: string(health.Unknown)}, nil
	}
	return s, h, netFault(err)
}

// watchStatus shows the status again and again. On a terminal it stays in its place; elsewhere one follows the
// other.
func (t *terminal) watchStatus(ctx context.Context, n *conn, every time.Duration) error {
	f, ok := t.out.(*os.File)
	live := ok && !t.json() && term.IsTerminal(int(f.Fd()))
	tick := time.NewTicker(every)
	defer tick.Stop()
	for first := true; ; first = false {
		var page bytes.Buffer
		asked, cancel := context.WithTimeout(ctx, max(every, 5*time.Second))
		err := t.showStatus(asked, n, &page)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			f := faultOf(err, true)
			t.note("%s: %s: %s", time.Now().Format(time.TimeOnly), f.what, f.whyText())
		case live:
			fmt.Fprint(t.out, "\x1b[H\x1b[J")
		case !first && !t.json():
			fmt.Fprintln(t.out)
		}
		if _, err := page.WriteTo(t.out); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func statusView(s *quoinv1.Status, h *quoinv1.Health) any {
	v := messageView(s)
	v["health"] = messageView(h)
	v["next"] = orEmpty(nextSteps(s, h))
	return v
}

func writeStatus(w io.Writer, s *quoinv1.Status, h *quoinv1.Health) {
	writeVerdict(w, s, h)
	table(w, func(row func(...any)) {
		row("network", s.GetOrigin())
		row("node", whoIs(s))
		if s.GetObserver() != "" {
			row("does not vote", s.GetObserver())
		}
		if s.GetDiverges() {
			row("does not vote", "its own results differ from the certified ones")
		}
		if s.GetProgram() != "" {
			row("program", s.GetProgram())
		}
		if s.GetDashboard() != "" {
			row("dashboard", s.GetDashboard())
		}
		row("height", fmt.Sprintf("%d, epoch %d, view %d", s.GetHeight(), s.GetEpoch(), s.GetView()))
		if s.GetBehind() > 0 {
			row("behind", fmt.Sprintf("%d heights", s.GetBehind()))
		}
		row("ledger", fmt.Sprintf("%d entries", s.GetLedgerSize()))
		row("state root", hex.EncodeToString(s.GetStateRoot()))
		if s.GetTimeMs() > 0 {
			row("newest block", time.UnixMilli(int64(s.GetTimeMs())).UTC().Format(time.RFC3339Nano))
		}
		row("leader release", s.GetLeaderRelease())
		for _, x := range atMost(s.GetServing()) {
			row("serves "+x.GetSlot(), servingText(x))
		}
		var names []string
		for _, v := range s.GetValidators() {
			names = append(names, fmt.Sprintf("%s (%d)", v.GetName(), v.GetWeight()))
		}
		row("validators", strings.Join(names, ", "))
		if text := peersText(s); text != "" {
			row("peers", text)
		}
		row("pending", fmt.Sprintf("%d transactions of %d bytes, %d uncertified blocks", s.GetPending(), s.GetPoolBytes(), s.GetUncertified()))
		writeHealth(row, h)
		row("since start", fmt.Sprintf("%d blocks, %d transactions, %d time-outs, %d nullified views, %d views without a block, %d rescues", s.GetBlocks(), s.GetTransactions(), s.GetTimeouts(), s.GetNullified(), s.GetGaps(), s.GetRescues()))
		row("faults", fmt.Sprintf("%d of leaders, %d of machines, %d of finality, %d of batches, %d splits, %d messages refused", s.GetLeaderFaults(), s.GetMachineFaults(), s.GetFinalityFaults(), s.GetBatchFaults(), s.GetSplits(), s.GetMessagesRefused()))
		row("its own faults", fmt.Sprintf("%d of the pacemaker, %d of priorities", s.GetPacemakerFaults(), s.GetPriorityFaults()))
		if s.GetSamplesReplayed()+s.GetSamplesDropped()+s.GetGuestCallsSlow() > 0 {
			row("sandbox", fmt.Sprintf("%d calls, %d of them replayed, %d of these differed; %d could not be replayed; %d calls were slow", s.GetGuestCalls(), s.GetSamplesReplayed(), s.GetSamplesDiffered(), s.GetSamplesDropped(), s.GetGuestCallsSlow()))
		}
		if len(s.GetSuspended()) > 0 {
			row("suspended", strings.Join(s.GetSuspended(), ", "))
		}
		for _, d := range s.GetDeprecations() {
			row("deprecated", deprecationText(d, s.GetHeight()))
		}
	})
}

// whoIs names the node that answered: by the name with which it votes, or else the operator's.
func whoIs(s *quoinv1.Status) string {
	who := "observer"
	switch {
	case s.GetValidator() != "":
		who = s.GetValidator()
	case s.GetName() != "":
		who = s.GetName() + ", observer"
	}
	return who + " " + hex.EncodeToString(s.GetNode())
}

// peersText says how many peers a node can send to, and names those that it cannot.
func peersText(s *quoinv1.Status) string {
	if len(s.GetPeers()) == 0 {
		return ""
	}
	up := 0
	var down []string
	for _, p := range s.GetPeers() {
		if p.GetUp() {
			up++
			continue
		}
		name := hex.EncodeToString(p.GetKey()[:min(6, len(p.GetKey()))])
		for _, v := range s.GetValidators() {
			if slices.Equal(v.GetKey(), p.GetKey()) {
				name = v.GetName()
			}
		}
		down = append(down, name)
	}
	text := fmt.Sprintf("%d of %d are up", up, len(s.GetPeers()))
	if len(down) > 0 {
		text += "; not " + strings.Join(atMost(down), ", ")
	}
	return text
}

// servingText says what serves a slot, and since when.
func servingText(x *quoinv1.Serving) string {
	what := "built-in " + x.GetBuiltin()
	if len(x.GetRelease()) > 0 {
		what = strings.TrimSpace(x.GetName()+" "+x.GetVersion()) + " " + hex.EncodeToString(x.GetRelease()[:min(6, len(x.GetRelease()))])
	}
	if x.GetProposal() == 0 {
		return fmt.Sprintf("%s, from height %d on", what, x.GetSince())
	}
	return fmt.Sprintf("%s, from height %d on, by proposal %d (%s)", what, x.GetSince(), x.GetProposal(), x.GetStatus())
}

// deprecationText says what should not be used any more, and since when.
func deprecationText(d *quoinv1.Deprecation, height uint64) string {
	what := "the built-in"
	if d.GetName() != "" {
		what = d.GetName() + " " + d.GetVersion()
	}
	when := fmt.Sprintf("nobody should use it from height %d on", d.GetEndOfUse())
	if d.GetEndOfUse() <= height {
		when = fmt.Sprintf("nobody should use it since height %d", d.GetEndOfUse())
	}
	return fmt.Sprintf("%s: %s of proposal %d, %s%s", d.GetSlot(), what, d.GetProposal(), when, said(d.GetNote()))
}

// warn says on standard error what serves and should not be used any more.
func (t *terminal) warn(s *quoinv1.Status) {
	for _, d := range s.GetDeprecations() {
		t.note("warning: deprecated: %s", deprecationText(d, s.GetHeight()))
	}
}
