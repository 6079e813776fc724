package governance

import "quoin.dev/quoin/canonical"

var (
	_ Command = Propose{}
	_ Command = Approve{}
	_ Command = Schedule{}
	_ Command = Ready{}
	_ Command = Veto{}
	_ Command = Rollback{}
	_ Command = Cancel{}
	_ Command = Lift{}
	_ Command = Precheck{}
	_ Command = Reject{}
	_ Command = Attest{}
	_ Command = Shadow{}
	_ Command = Report{}
	_ Command = Health{}
	_ Command = Confirm{}
	_ Command = Pause{}
	_ Command = Resume{}
	_ Command = Deprecate{}
	_ Command = Retire{}
	_ Command = Rotate{}
	_ Command = Revoke{}
)

// Kind returns KindPropose.
func (Propose) Kind() Kind { return KindPropose }

// Kind returns KindApprove.
func (Approve) Kind() Kind { return KindApprove }

// Kind returns KindSchedule.
func (Schedule) Kind() Kind { return KindSchedule }

// Kind returns KindReady.
func (Ready) Kind() Kind { return KindReady }

// Kind returns KindVeto.
func (Veto) Kind() Kind { return KindVeto }

// Kind returns KindRollback.
func (Rollback) Kind() Kind { return KindRollback }

// Kind returns KindCancel.
func (Cancel) Kind() Kind { return KindCancel }

// Kind returns KindLift.
func (Lift) Kind() Kind { return KindLift }

// Kind returns KindPrecheck.
func (Precheck) Kind() Kind { return KindPrecheck }

// Kind returns KindReject.
func (Reject) Kind() Kind { return KindReject }

// Kind returns KindAttest.
func (Attest) Kind() Kind { return KindAttest }

// Kind returns KindShadow.
func (Shadow) Kind() Kind { return KindShadow }

// Kind returns KindReport.
func (Report) Kind() Kind { return KindReport }

// Kind returns KindHealth.
func (Health) Kind() Kind { return KindHealth }

// Kind returns KindConfirm.
func (Confirm) Kind() Kind { return KindConfirm }

// Kind returns KindPause.
func (Pause) Kind() Kind { return KindPause }

// Kind returns KindResume.
func (Resume) Kind() Kind { return KindResume }

// Kind returns KindDeprecate.
func (Deprecate) Kind() Kind { return KindDeprecate }

// Kind returns KindRetire.
func (Retire) Kind() Kind { return KindRetire }

// Kind returns KindRotate.
func (Rotate) Kind() Kind { return KindRotate }

// Kind returns KindRevoke.
func (Revoke) Kind() Kind { return KindRevoke }

func (c Approve) appendBody(b []byte) []byte {
	return appendNote(appendJudged(b, c.Proposal, c.Restarts), c.Note)
}

func (c Reject) appendBody(b []byte) []byte {
	return appendNote(appendJudged(b, c.Proposal, c.Restarts), c.Note)
}

func (c Veto) appendBody(b []byte) []byte {
	return appendNumbered(b, c.Proposal, c.Note)
}

func (c Cancel) appendBody(b []byte) []byte {
	return appendNumbered(b, c.Proposal, c.Note)
}

func (c Confirm) appendBody(b []byte) []byte {
	return appendNote(appendJudged(b, c.Proposal, c.Restarts), c.Note)
}

func (c Pause) appendBody(b []byte) []byte {
	return appendNumbered(b, c.Proposal, c.Note)
}

func (c Resume) appendBody(b []byte) []byte {
	return appendNumbered(b, c.Proposal, c.Note)
}

func (c Retire) appendBody(b []byte) []byte {
	return appendNumbered(b, c.Proposal, c.Note)
}

func (c Schedule) appendBody(b []byte) []byte {
	return canonical.AppendUint64(appendJudged(b, c.Proposal, c.Restarts), c.Height)
}

func (c Precheck) appendBody(b []byte) []byte {
	return canonical.AppendUint32(appendJudged(b, c.Proposal, c.Restarts), c.Code)
}

func (c Ready) appendBody(b []byte) []byte {
	return appendJudged(b, c.Proposal, c.Restarts)
}

func (c Shadow) appendBody(b []byte) []byte {
	return canonical.AppendUint64(b, c.Proposal)
}

func (c Lift) appendBody(b []byte) []byte {
	return canonical.AppendBytes8(b, c.Namespace)
}

func (c Deprecate) appendBody(b []byte) []byte {
	return appendNote(canonical.AppendUint64(canonical.AppendUint64(b, c.Proposal), c.EndOfLife), c.Note)
}

func (c Rollback) appendBody(b []byte) []byte {
	return appendNote(canonical.AppendUint64(canonical.AppendBytes8(b, c.Slot), c.From), c.Note)
}

func (c Rotate) appendBody(b []byte) []byte {
	return append(append(b, c.New[:]...), c.Signature[:]...)
}

func (c Revoke) appendBody(b []byte) []byte {
	return appendNote(append(b, c.Key[:]...), c.Note)
}

func (c Report) appendBody(b []byte) []byte {
	return c.Comparison.append(canonical.AppendUint64(appendJudged(b, c.Proposal, c.Restarts), c.Through))
}

func (c Attest) appendBody(b []byte) []byte {
	b = append(appendJudged(b, c.Proposal, c.Restarts), byte(c.Evidence), byte(c.Result))
	return appendNote(canonical.AppendUint64(append(b, c.Digest[:]...), c.Until), c.Note)
}

func (c Health) appendBody(b []byte) []byte {
	b = canonical.AppendUint64(appendJudged(b, c.Proposal, c.Restarts), c.Through)
	b = canonical.AppendUint32(b, c.Reason)
	for _, n := range []uint64{c.Gaps, c.SlowCalls, c.LatencyMS} {
		b = canonical.AppendUint64(b, n)
	}
	return c.Comparison.append(b)
}
