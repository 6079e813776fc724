package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

func newStatus(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show how a node and its network are", Args: args(0, 0),
		Long: "Show how a node is. The height is verified by its certificate; the rest is the node's word.",
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			s, err := n.status(c.Context())
			if err != nil {
				return err
			}
			return t.data(statusView(s), func(w io.Writer) { writeStatus(w, s) })
		},
	}
}

func statusView(s *quoinv1.Status) any {
	type validator struct {
		Name   string `json:"name"`
		Key    string `json:"key"`
		Weight uint64 `json:"weight"`
	}
	validators := []validator{}
	for _, v := range s.GetValidators() {
		validators = append(validators, validator{v.GetName(), hex.EncodeToString(v.GetKey()), v.GetWeight()})
	}
	deprecations := []map[string]any{}
	for _, d := range s.GetDeprecations() {
		deprecations = append(deprecations, messageView(d))
	}
	return map[string]any{
		"origin": s.GetOrigin(), "node": hex.EncodeToString(s.GetNode()), "validator": s.GetValidator(), "observer": s.GetObserver(),
		"epoch": s.GetEpoch(), "view": s.GetView(), "certified_view": s.GetCertifiedView(), "height": s.GetHeight(),
		"ledger_size": s.GetLedgerSize(), "time_ms": s.GetTimeMs(), "leader": s.GetLeader(), "leader_release": s.GetLeaderRelease(),
		"validators": validators, "pending": s.GetPending(), "uncertified": s.GetUncertified(), "blocks": s.GetBlocks(),
		"transactions": s.GetTransactions(), "timeouts": s.GetTimeouts(), "nullified": s.GetNullified(),
		"leader_faults": s.GetLeaderFaults(), "machine_faults": s.GetMachineFaults(), "finality_faults": s.GetFinalityFaults(), "batch_faults": s.GetBatchFaults(),
		"pacemaker_faults": s.GetPacemakerFaults(), "priority_faults": s.GetPriorityFaults(),
		"guest_calls": s.GetGuestCalls(), "guest_calls_slow": s.GetGuestCallsSlow(), "samples_replayed": s.GetSamplesReplayed(),
		"samples_differed": s.GetSamplesDiffered(), "samples_dropped": s.GetSamplesDropped(), "diverged": s.GetDiverged(), "splits": s.GetSplits(),
		"messages_refused": s.GetMessagesRefused(), "fsyncs": s.GetFsyncs(), "diverges": s.GetDiverges(),
		"state_root": hex.EncodeToString(s.GetStateRoot()), "suspended": orEmpty(s.GetSuspended()), "deprecations": deprecations,
	}
}

func writeStatus(w io.Writer, s *quoinv1.Status) {
	table(w, func(row func(...any)) {
		row("network", s.GetOrigin())
		who := "observer"
		if s.GetValidator() != "" {
			who = s.GetValidator()
		}
		row("node", who+" "+hex.EncodeToString(s.GetNode()))
		if s.GetObserver() != "" {
			row("does not vote", s.GetObserver())
		}
		if s.GetDiverges() {
			row("does not vote", "its own results differ from the certified ones")
		}
		row("height", fmt.Sprintf("%d, epoch %d, view %d", s.GetHeight(), s.GetEpoch(), s.GetView()))
		row("ledger", fmt.Sprintf("%d entries", s.GetLedgerSize()))
		row("state root", hex.EncodeToString(s.GetStateRoot()))
		if s.GetTimeMs() > 0 {
			row("newest block", time.UnixMilli(int64(s.GetTimeMs())).UTC().Format(time.RFC3339Nano))
		}
		row("leader release", s.GetLeaderRelease())
		var names []string
		for _, v := range s.GetValidators() {
			names = append(names, fmt.Sprintf("%s (%d)", v.GetName(), v.GetWeight()))
		}
		row("validators", strings.Join(names, ", "))
		row("pending", fmt.Sprintf("%d transactions, %d uncertified blocks", s.GetPending(), s.GetUncertified()))
		row("since start", fmt.Sprintf("%d blocks, %d transactions, %d time-outs, %d nullified views", s.GetBlocks(), s.GetTransactions(), s.GetTimeouts(), s.GetNullified()))
		row("faults", fmt.Sprintf("%d of leaders, %d of machines, %d of finality, %d of batches, %d splits, %d messages refused", s.GetLeaderFaults(), s.GetMachineFaults(), s.GetFinalityFaults(), s.GetBatchFaults(), s.GetSplits(), s.GetMessagesRefused()))
		row("its own faults", fmt.Sprintf("%d of the pacemaker, %d of priorities", s.GetPacemakerFaults(), s.GetPriorityFaults()))
		if s.GetSamplesReplayed()+s.GetSamplesDropped()+s.GetGuestCallsSlow() > 0 {
			row("sandbox", fmt.Sprintf("%d calls, %d of them replayed, %d of these differed; %d calls were slow", s.GetGuestCalls(), s.GetSamplesReplayed(), s.GetSamplesDiffered(), s.GetGuestCallsSlow()))
		}
		if len(s.GetSuspended()) > 0 {
			row("suspended", strings.Join(s.GetSuspended(), ", "))
		}
		for _, d := range s.GetDeprecations() {
			row("deprecated", deprecationText(d, s.GetHeight()))
		}
	})
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
