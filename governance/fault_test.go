package governance

import "testing"

// A migration that failed is as many faults as a slot does not survive; a full undo log takes what is on
// trial away as a rollback would, and counts as no fault.
func TestFaultsOfTheKernelsOwn(t *testing.T) {
	for _, c := range []struct {
		code  uint32
		cause Cause
		count uint64
	}{
		{4, 0, 1},
		{FaultMigration + 4, CauseQuarantine, FaultsMax},
		{FaultUndo, CauseRollback, 0},
	} {
		s := newScript(t)
		s.play("at 2")
		RecordFault(s.env, s.state, "leader.v1", c.code, 2)
		slot, _ := ReadSlot(s.state, "leader.v1")
		f, _ := ReadFault(s.state, 1, "leader.v1")
		if slot.Return.Cause != c.cause || f.Count != c.count || f.Code != c.code {
			t.Errorf("code %d: %+v, %+v", c.code, slot, f)
		}
	}
}
