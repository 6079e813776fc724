package attack

import (
	"slices"
	"testing"

	"quoin.dev/quoin/governance"
)

// TestEveryAttackOnGovernanceIsRefused: by whom and with the code that the table says, and no two attacks
// share a code.
func TestEveryAttackOnGovernanceIsRefused(t *testing.T) {
	want := []string{"replay", "downgrade", "freeze", "mix-and-match", "spoofed manifest", "signature from another chain", "homoglyph names",
		"ambiguous encodings", "proposal spam"}
	s, err := newStage(HoleNone)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var names []string
	of := map[string]string{} // codes
	for _, a := range Governance() {
		names = append(names, a.Name)
		for _, x := range a.Tries {
			if other, taken := of[x.Code]; taken && other != a.Name {
				t.Errorf("%s and %s are refused with the same code, %s", other, a.Name, x.Code)
			}
			of[x.Code] = a.Name
			if x.By.Unchanged() == "" {
				t.Errorf("%s: what stays as it was if %q refuses?", x.Fixture, x.By)
			}
			t.Run(x.Fixture, func(t *testing.T) {
				if observed, err := x.play(s); err != nil || observed != refusedBy(x.By, x.Code) {
					t.Errorf("%s; want: %s; %v", observed, refusedBy(x.By, x.Code), err)
				}
			})
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("the attacks are %q, want %q", names, want)
	}
}

// TestRecordsSeeEveryCommand: what a try compares changes with every command that is carried out, and not
// because heights pass; and a command that is carried out is no refusal.
func TestRecordsSeeEveryCommand(t *testing.T) {
	s, err := newStage(HoleNone)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	w, err := s.newTown("attack", nil)
	if err != nil {
		t.Fatal(err)
	}
	before, err := w.records()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []said{
		{"proposer", proposal()},
		{"approver", governance.Approve{Proposal: 1}},
		{townAssessor, governance.Attest{Proposal: 1, Evidence: governance.EvidenceSecurity, Result: governance.SecurityPassed, Until: 99}},
		{townMayor, governance.Veto{Proposal: 1}},
		{"approver", governance.Revoke{Key: personKey(townSecond).public}},
	} {
		if err := w.must(x.by, x.command); err != nil {
			t.Fatal(err)
		}
		after, err := w.records()
		if err != nil || after == before {
			t.Errorf("%T is not seen; %v", x.command, err)
		}
		before = after
		if err := w.pass(3); err != nil {
			t.Fatal(err)
		}
		if later, err := w.records(); err != nil || later != before {
			t.Errorf("heights that pass are seen, after %T; %v", x.command, err)
		}
	}
	if observed, err := w.refusesCommand("proposer", proposal()); err == nil || observed != accepted {
		t.Errorf("a good proposal: %s, %v", observed, err)
	}
}
