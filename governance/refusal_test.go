package governance

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
)

// refusals has for every code what provokes it: the last line is what is refused. The words are those of
// testdata/README. Some codes have several, one for each attack that has a name.
var refusals = map[Code]map[string]string{
	OK: {"a proposal": `
		ann propose fast 1.0.0 1`},
	Malformed: {
		"nonsense":              `ann bytes 6e6f`,
		"nothing":               `ann bytes`,
		"trailing bytes":        `v1 bytes 040000000000000001000000000000000000`,
		"a short number":        `v1 bytes 04000000000000000100000000000000`,
		"an unknown kind":       `v1 bytes 160000000000000001`,
		"a control in a note":   `v1 bytes 0500000000000000010107`,
		"a turned-round note":   `v1 bytes 05000000000000000103e280ae`,
		"half a character":      `v1 bytes 0500000000000000010180`,
		"an unknown finding":    `v1 bytes 090000000000000001000000000000000000000063`,
		"a name in upper case":  `bea bytes 080442414e4b`,
		"a slot of three parts": `rex bytes 0605612f622f63000000000000000100`,
	},
	NotProposer: {
		"a validator": `v1 propose fast 1.0.0 1`,
		"an approver": `bea propose fast 1.0.0 1`,
		"nobody":      `eve propose fast 1.0.0 1`,
	},
	NotApprover: {
		"a proposer": proposed + `ann approve 1`,
		"the author": proposed + `aud approve 1`,
	},
	NotValidator: {
		"a member":  proposed + `bea precheck 1`,
		"of no set": approvedOne + "ann schedule 1 at 9\n v9 ready 1",
	},
	BadName: {
		"upper case":                   `ann propose Fast 1.0.0 1`,
		"a version with a space in it": `ann propose fast 1_0 1`,
		"homoglyphs beyond ASCII":      `ann propose fаst 1.0.0 1`,
	},
	NotOwner: {
		"another's name":   activeOne + `ann propose fast 2.0.0 2 by eve`,
		"while it is open": proposed + `ann propose fast 2.0.0 2 by eve for machine.v1/x`,
	},
	BadSequence: {
		"downgrade to an older sequence": activeOne + "ann propose fast 1.1.0 2\n adopt 2 15\n at 16\n ann propose fast 1.0.9 1",
		"downgrade to what was before":   activeOne + "ann propose fast 1.1.0 2\n adopt 2 15\n at 16\n ann propose fast 1.0.0 1",
		"resumed after it was replaced": activeOne + "ann propose fast 1.1.0 2\n consent 2\n rex pause 2\n ann propose fast 1.2.0 3\n" +
			"pass 3\n ann cancel 3\n ann resume 2",
		"a leap":              `ann propose fast 1.0.0 1001`,
		"none":                `ann propose fast 1.0.0 0`,
		"the end of counting": `ann propose fast 1.0.0 18446744073709551615`,
	},
	DigestTaken: {
		"mix and match: another version": activeOne + `ann propose fast 9.9.9 2 digest fast/1.0.0 for machine.v1/x`,
		"mix and match: another name":    activeOne + `ann propose slow 1.0.0 1 digest fast/1.0.0 for machine.v1/x`,
		"mix and match: another author":  proposed + "pass 1\n ann cancel 1\n" + `ann propose slow 1.0.0 1 by eve digest fast/1.0.0`,
		"mix and match: a longer life":   activeOne + `ann propose fast 1.0.0 1 life 99999 for machine.v1/x`,
	},
	AuthorSignature: {
		"another's":                    `ann propose fast 1.0.0 1 signed eve`,
		"of another digest":            `ann propose fast 1.0.0 1 digest evil over name`,
		"of a release taken elsewhere": activeOne + `ann propose fast 1.1.0 2 digest evil over name`,
	},
	ModuleSize: {
		"empty":     `ann propose fast 1.0.0 1 size 0`,
		"too large": `ann propose fast 1.0.0 1 size 4194305`,
	},
	UnknownHook: {
		"none":                  `ann propose fast 1.0.0 1 for leader.v9`,
		"of class S":            `ann propose fast 1.0.0 1 for quorum.v1`,
		"without its namespace": `ann propose fast 1.0.0 1 for machine.v1`,
		"with one":              `ann propose fast 1.0.0 1 for leader.v1/x`,
	},
	UnknownBuiltin: {
		"magic":           `ann propose builtin magic`,
		"of another hook": `ann propose builtin kv`,
	},
	FuelLimit: {
		"none":     `ann propose fast 1.0.0 1 fuel 0`,
		"too much": `ann propose fast 1.0.0 1 fuel 1000001`,
	},
	NoChange: {
		"of a binding":  `ann propose builtin weighted`,
		"of validators": `ann propose validators v1 v2 v3 v4`,
		"of parameters": `ann propose parameters report_heights 4`,
		"of members":    `ann propose members`,
		"of policies":   `ann propose policies N zzz -`,
		"of nothing":    `ann propose unbind machine.v1/none`,
	},
	InvalidConfiguration: {
		"too many bindings": `
			repeat 48 ann propose builtin kv for machine.v1/n%
			repeat 14 pat propose builtin kv for machine.v1/m%
			repeat 62 adopt % 5
			at 6
			ann propose builtin kv for machine.v1/x`,
	},
	SlotBusy: {
		"another is open":     proposed + `pat propose slow 1.0.0 1`,
		"another is on trial": trialOne + `pat propose slow 1.0.0 1`,
		"when resumed":        approvedOne + "rex pause 1\n ann propose builtin weighted with x\n ann resume 1",
	},
	NameBusy: {"another is open": proposed + `pat propose fast 1.0.1 2 for machine.v1/kv`},
	TooManyOpen: {"proposal spam of many": `
			repeat 48 ann propose builtin kv for machine.v1/n%
			repeat 16 pat propose builtin kv for machine.v1/m%
			pat propose builtin kv for machine.v1/x`},
	TooManyYours: {"proposal spam of one": `
			repeat 48 ann propose builtin kv for machine.v1/n%
			ann propose builtin kv for machine.v1/x`,
		"when resumed": approvedOne + `
			rex pause 1
			repeat 48 ann propose builtin kv for machine.v1/n%
			ann resume 1`},
	NoProposal: {
		"the next": proposed + `bea approve 2`,
		"zero":     `v1 precheck 0`,
	},
	ProposalClosed: {
		"rejected":    proposed + "v1 precheck 1 found refused\n v2 precheck 1 found refused\n bea approve 1",
		"vetoed":      proposed + "v1 veto 1\n v2 veto 1\n v3 veto 1",
		"cancelled":   proposed + "ann cancel 1\n ann cancel 1",
		"rolled back": activeOne + "rex rollback leader.v1 from 2\n at 20\n rex pause 1",
	},
	ProposalExpired: {
		"frozen: kept open":         proposed + "at 100003\n v1 precheck 1",
		"frozen: approved long ago": approvedOne + "at 100003\n ann schedule 1 at 100010",
	},
	OwnProposal: {
		"the proposer":               "pat propose fast 1.0.0 1\n pass 1\n pat approve 1",
		"the author":                 "ann propose fast 1.0.0 1 by bea\n pass 1\n bea approve 1",
		"the author under a new key": "ann propose fast 1.0.0 1 by bea\n pass 1\n bea rotate bea2\n bea2 approve 1",
		"the author assesses":        "ann propose fast 1.0.0 1 by sam\n sam attest 1 security passed until 99",
		"the proposer rejects":       "pat propose fast 1.0.0 1\n pass 1\n pat reject 1",
	},
	AlreadyCounted: {
		"an approval again":           proposed + "pass 1\n bea approve 1\n bea approve 1",
		"a precheck again":            proposed + "v1 precheck 1\n v1 precheck 1",
		"a precheck taken back":       proposed + "v1 precheck 1\n v1 precheck 1 found fit",
		"a veto again":                proposed + "v1 veto 1\n v1 veto 1",
		"a rollback again":            activeOne + "v1 rollback leader.v1 from 2\n v1 rollback leader.v1 from 2",
		"a lift again":                "suspend bank\n bea lift bank\n bea lift bank",
		"a report again":              shadowed + "at 12\n v1 report 1 through 8\n v1 report 1 through 8 diverged 1",
		"a revocation again":          "rex revoke bil\n rex revoke bil",
		"an approval under a new key": proposed + "pass 1\n bea approve 1\n bea rotate bea2\n bea2 approve 1",
	},
	NotApproved: {
		"by nobody":                  proposed + "pass 1\n ann schedule 1 at 10",
		"by one":                     proposed + "pass 1\n bea approve 1\n ann schedule 1 at 10",
		"not any more":               approvedOne + "bea reject 1\n ann schedule 1 at 10",
		"by a member without rights": approvedOne + "rex revoke bea\n bil revoke bea\n ann schedule 1 at 10",
	},
	AlreadyScheduled: {"for the same": approvedOne + "ann schedule 1 at 10\n ann schedule 1 at 10"},
	NoticeTooShort: {
		"one short":                    approvedOne + `ann schedule 1 at 3`,
		"in the past":                  approvedOne + `ann schedule 1 at 1`,
		"an end of life that has been": activeOne + `ann deprecate 1 life 11`,
	},
	TooFarAhead: {
		"one too far":            approvedOne + `ann schedule 1 at 100006`,
		"at the end of counting": approvedOne + `ann schedule 1 at 18446744073709551615`,
	},
	NotYours: {
		"another's":     proposed + `pat cancel 1`,
		"a validator's": proposed + `v1 cancel 1`,
	},
	NoSlot: {
		"unknown":        `rex rollback machine.v1/none from 1`,
		"members":        `rex rollback members from 1`,
		"nothing serves": "ann propose builtin kv for machine.v1/x\n adopt 1 5\n at 6\n rex rollback machine.v1/x from 2\n at 8\n rex rollback machine.v1/x from 3",
	},
	NotServing: {
		"what was before": activeOne + `rex rollback leader.v1 from 1`,
		"what comes next": `rex rollback leader.v1 from 2`,
	},
	NothingBefore: {
		"the genesis without a fallback": `rex rollback machine.v1/kv from 1`,
		"behind the fallback":            "rex rollback leader.v1 from 1\n at 5\n rex rollback leader.v1 from 2",
	},
	AlreadyReturning: {
		"again":                    activeOne + "rex rollback leader.v1 from 2\n rex rollback leader.v1 from 2",
		"confirmed on its way out": trialOne + "rex pause 1\n bea confirm 1",
	},
	NotSuspended: {
		"never":  `bea lift bank`,
		"lifted": "suspend bank\n bea lift bank\n bob lift bank\n bil lift bank",
	},
	EndOfLife: {"before it would serve": "ann propose fast 1.0.0 1 life 10\n consent 1\n ann schedule 1 at 9"},
	NotResponder: {
		"pause by a proposer":       approvedOne + `ann pause 1`,
		"rollback by an approver":   activeOne + `bea rollback leader.v1 from 2`,
		"revocation by an assessor": `sam revoke bil`,
	},
	NotAssessor: {"an approver": proposed + `bea attest 1 security passed until 99`},
	NotMember: {
		"nobody rotates":          `eve rotate eve2`,
		"a key that was given up": "bea rotate bea2\n bea rotate bea3",
		"nobody revokes":          `eve revoke bea`,
	},
	NotPrechecked: {
		"approved at once": proposed + `bea approve 1`,
		"spoofed manifest: a quorum is not to be had": proposed + "v1 precheck 1 found manifest\n bea approve 1",
		"rejected at once":                            proposed + `bea reject 1`,
	},
	WrongStage: {
		"ready too early":               approvedOne + `v1 ready 1`,
		"resumed while open":            approvedOne + `ann resume 1`,
		"confirmed while active":        activeOne + `bea confirm 1`,
		"pause of what nobody approved": proposed + `rex pause 1`,
		"good health of what is active": activeOne + "at 12\n v1 health 1 through 12",
		"a report without a shadow":     approvedOne + "ann schedule 1 at 10\n at 8\n v1 report 1 through 8",
		"vetoed on trial":               trialOne + `v1 veto 1`,
	},
	NoPolicy: {"of a shadow": "ann propose policies * shadow -\n adopt 1 5\n at 6\n ann propose fast 1.0.0 1 shadow 8\n consent 2\n ann shadow 2"},
	PolicyRefuses: {
		"a shadow that was not":             "ann propose fast 1.0.0 1 shadow 8\n consent 1\n ann schedule 1 at 10",
		"a failed assessment":               approvedOne + "sam attest 1 security failed until 50\n ann schedule 1 at 10",
		"a trial without reports":           trialOne + `bea confirm 1`,
		"frozen: evidence that has expired": "ann propose policies * activate security.passed>=1\n adopt 1 5\n at 6\n ann propose fast 1.0.0 1\n sam attest 2 security passed until 8\n consent 2\n at 9\n ann schedule 2 at 20",
	},
	BadPolicy: {
		"no truth value": `ann propose policies L approve approvals`,
		"unknown name":   `ann propose policies L approve wishes>1`,
	},
	WouldLock: {
		"nobody approves":               `ann propose members -bea -bob -bil -pat`,
		"nobody proposes":               `ann propose members -ann -pat`,
		"more approvals than approvers": `ann propose policies G approve approvals>=5`,
		"no policy":                     `ann propose policies * activate -`,
	},
	BadPlan: {
		"shadow without a plan":  approvedOne + `ann shadow 1`,
		"trial of members":       `ann propose members -bil trial 9`,
		"shadow of parameters":   `ann propose parameters drift_ms 99 shadow 9`,
		"state of what has none": `ann propose fast 1.0.0 1 state 1`,
		"envelope of a built-in": `ann propose builtin weighted with x patches 99`,
		"trial of nothing":       `ann propose unbind machine.v1/kv trial 9`,
	},
	BadNodes: {"label without nodes": `ann propose builtin steady for pacemaker.v1/canary`},
	FixedParameter: {
		"expiry window":   `ann propose parameters expiry_window_heights 16`,
		"fault injection": `ann propose parameters fault_injection 1`,
	},
	EvidenceExpired: {"yesterday": proposed + "at 2\n sam attest 1 security passed until 1"},
	BadInterval: {
		"not yet":                      shadowed + "at 5\n v1 report 1 through 8",
		"no interval":                  shadowed + "at 12\n v1 report 1 through 9",
		"before the shadow":            shadowed + "at 12\n v1 report 1 through 4",
		"health from before the trial": trialOne + "at 12\n v1 health 1 through 8",
		"health of no interval":        trialOne + "at 12\n v1 health 1 through 11",
	},
	LateReport: {
		"agreed": shadowed + "at 12\n v1 report 1 through 8\n v2 report 1 through 8\n v3 report 1 through 8\n v4 report 1 through 8",
		"overlapping, after the intervals grew": shadowed + "ann propose parameters report_heights 8\n adopt 2 12\n at 12\n v1 report 1 through 12\n v2 report 1 through 12\n" +
			"v3 report 1 through 12\n at 16\n v1 report 1 through 16",
		"too old":      shadowed + "at 300\n v1 report 1 through 8",
		"health again": trialOne + "at 12\n v1 health 1 through 12\n v1 health 1 through 12 with slow",
	},
	StillBound: {
		"serves":                     activeOne + "ann deprecate 1 life 99\n ann retire 1",
		"a trial would return to it": activeOne + "ann deprecate 1 life 99\n ann propose fast 1.1.0 2 trial 50\n adopt 2 15\n at 16\n ann retire 1",
		"a return that is due":       activeOne + "ann deprecate 1 life 99\n ann propose fast 1.1.0 2\n adopt 2 15\n at 16\n rex rollback leader.v1 from 3\n ann retire 1",
		"proposed again":             activeOne + "ann deprecate 1 life 99\n rex rollback leader.v1 from 2\n at 20\n ann propose fast 1.0.0 1\n ann retire 1",
	},
	RetiredRelease: {
		"downgrade to what was retired":      activeOne + "rex rollback leader.v1 from 2\n at 20\n ann retire 1\n ann propose fast 1.0.0 1",
		"by way of another of its proposals": activeOne + "rex pause 1\n at 20\n ann propose fast 1.0.0 1 for leader.v1 with x\n consent 2\n rex pause 2\n ann retire 1\n ann resume 2",
	},
	NoKey: {
		"nobody's": `rex revoke eve`,
		"revoked":  "rex revoke bil\n bea revoke bil\n rex revoke bil",
	},
	KeyTaken: {
		"another member's": `bea rotate bob`,
		"its own":          `bea rotate bea`,
		"given up":         "bea rotate bea2\n bea2 rotate bea",
		"rotated to":       "bea rotate bea2\n bob rotate bea2",
	},
	KeySignature: {"another's": `bea rotate bea2 signed eve`},
	LastApprover: {
		"after the others":                "pat revoke pat\n bea revoke bea\n bob revoke bob\n bil revoke bil",
		"the last proposer":               "pat revoke pat\n ann revoke ann",
		"as many as the policies ask for": "pat revoke pat\n bea revoke bea\n bob revoke bob",
		"for two others as well":          "pat revoke pat\n bea revoke bea\n rex revoke bob",
	},
	ConfusableName: {
		"1 for l":  activeOne + `ann propose faster1 1.0.0 1` + "\n ann cancel 2\n ann propose fasterl 1.0.0 1 by eve",
		"a hyphen": activeOne + `ann propose fa-st 1.0.0 1 by eve`,
		"rn for m": "ann propose farm 1.0.0 1\n ann cancel 1\n ann propose farrn 1.0.0 1 by eve",
	},
	StaleVoice: {
		"held back: an approval from before the policies changed": proposed + "pass 1\n ann propose policies N zzz true\n adopt 2 5\n at 6\n bea approve 1",
		"held back: a rejection":                                  again + `bea reject 1`,
		"held back: a precheck":                                   again + `v1 precheck 1`,
		"held back: an assessment":                                again + `sam attest 1 security passed until 99`,
		"held back: a schedule":                                   again + "consent 1 restarts 1\n ann schedule 1 at 10",
		"held back: a report":                                     shadowed + "rex pause 1\n ann resume 1\n consent 1 restarts 1\n ann shadow 1\n at 12\n v1 report 1 through 8",
		"held back: readiness":                                    again + "consent 1 restarts 1\n ann schedule 1 at 10 restarts 1\n v1 ready 1",
		"held back: health":                                       again + "adopt 1 10 restarts 1\n at 16\n v1 health 1 through 16",
		"held back: a confirmation":                               again + "adopt 1 10 restarts 1\n at 16\n bea confirm 1",
		"held back: of what is closed":                            again + "ann cancel 1\n bea approve 1",
		"of a round to come":                                      proposed + `v1 precheck 1 restarts 1`,
		"the end of counting":                                     proposed + `v1 precheck 1 restarts 18446744073709551615`,
	},
}

const (
	proposed    = "ann propose fast 1.0.0 1\n"
	approvedOne = proposed + "consent 1\n"
	activeOne   = proposed + "adopt 1 10\n at 11\n"
	shadowed    = "ann propose fast 1.0.0 1 shadow 8\n consent 1\n ann shadow 1\n at 4\n"
	trialOne    = "ann propose fast 1.0.0 1 trial 50\n adopt 1 10\n at 11\n"
	again       = "ann propose fast 1.0.0 1 trial 50\n consent 1\n rex pause 1\n ann resume 1\n"
)

// TestEveryCodeIsProvoked runs the table, and wants every code in it. That a refusal changes nothing the
// scripts check themselves.
func TestEveryCodeIsProvoked(t *testing.T) {
	for _, c := range Codes() {
		if len(refusals[c]) == 0 {
			t.Errorf("nothing provokes %s", c)
		}
		for name, lines := range refusals[c] {
			t.Run(c.String()+"/"+name, func(t *testing.T) {
				got := newScript(t).play("at 1\n" + lines)
				if first, _, _ := strings.Cut(got, " "); first != c.String() {
					t.Errorf("%s, want %s", got, c)
				}
			})
		}
	}
}

// TestOrderIsPartOfTheEncoding: lists in another order than the canonical one are other bytes for the
// same thing, and refused.
func TestOrderIsPartOfTheEncoding(t *testing.T) {
	genesis := testGenesis(t)
	members, policies := slices.Clone(genesis.Members[1:]), slices.Clone(genesis.Policies[1:])
	slices.Reverse(members)
	slices.Reverse(policies)
	nodes := NewBuiltin(quoin.Binding{Hook: "pacemaker.v1", Namespace: "canary", Builtin: "steady", Nodes: []quoin.PublicKey{key("v1"), key("v2")}})
	quoin.SortKeys(nodes.Binding.Nodes)
	slices.Reverse(nodes.Binding.Nodes)
	for name, c := range map[string]Command{
		"members":  Propose{Subject: SubjectMembers, Members: members},
		"policies": Propose{Subject: SubjectPolicies, Policies: policies},
		"nodes":    nodes,
	} {
		if got := newScript(t).play("ann bytes " + hex.EncodeToString(Encode(c))); got != "malformed" {
			t.Errorf("%s backwards: %s", name, got)
		}
	}
}
