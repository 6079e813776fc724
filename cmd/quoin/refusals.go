package main

import "quoin.dev/quoin/governance"

// advice says what to do about a refusal of governance.
func advice(c governance.Code) string {
	if text, ok := refusalAdvice[c]; ok {
		return text
	}
	return "correct it and send it again"
}

const (
	seeMembers = "sign with the key of somebody who holds the role: --as or --key; `quoin policy show` lists the members"
	seeList    = "see `quoin release list`"
	seeShow    = "see where it stands: `quoin release show NUMBER`"
	seeSlots   = "see `quoin release show`, and `quoin release history SLOT`"
	otherPlan  = "choose another plan: see --shadow, --trial, --state and --patch-until of `quoin release propose`"
)

var refusalAdvice = map[governance.Code]string{
	governance.Malformed:            "send it with a program of the same version as the network's nodes",
	governance.NotProposer:          seeMembers,
	governance.NotApprover:          seeMembers,
	governance.NotValidator:         "sign with a validator's key: --as validator-1 or --key FILE; `quoin status` lists the validators",
	governance.BadName:              "give the plugin another name or version, and build and sign it again",
	governance.NotOwner:             "sign it with the key of the name's author, or give the plugin a name of its own",
	governance.BadSequence:          "give the release a sequence above that of its predecessor; to bring an older one back use `quoin release rollback`",
	governance.DigestTaken:          "propose the very same file as before, or build another",
	governance.AuthorSignature:      "sign it again: quoin plugin sign FILE",
	governance.ModuleSize:           "make the module smaller: see `quoin plugin check`",
	governance.UnknownHook:          "see `quoin plugin hooks`; machines and validations want --namespace, others do not",
	governance.UnknownBuiltin:       "see `quoin plugin hooks` for the built-ins of each",
	governance.FuelLimit:            "choose --fuel within the hook's limit: see `quoin plugin hooks`",
	governance.NoChange:             "there is nothing to do",
	governance.InvalidConfiguration: "compare with `quoin release show`: too many bindings, or parameters that do not fit together",
	governance.SlotBusy:             "see `quoin release list --open`; wait for the other proposal, or have it cancelled",
	governance.NameBusy:             "see `quoin release list --open`; wait for the plugin's other proposal, or have it cancelled",
	governance.TooManyOpen:          "see `quoin release list --open`; have some cancelled",
	governance.NoProposal:           seeList,
	governance.ProposalClosed:       "why is in `quoin release show NUMBER`; propose it anew if it is still wanted",
	governance.ProposalExpired:      "cancel it with `quoin release cancel NUMBER`, and propose it anew",
	governance.OwnProposal:          "have somebody else review it",
	governance.AlreadyCounted:       "there is nothing to do",
	governance.NotApproved:          "what is missing is in `quoin release show NUMBER`",
	governance.AlreadyScheduled:     "cancel it, and propose it anew, to choose another height",
	governance.NoticeTooShort:       "choose a later height with --at or --in; `quoin release show parameters` has notice_heights",
	governance.TooFarAhead:          "choose a nearer height with --at or --in",
	governance.NotYours:             "ask its proposer, or stop it by `quoin release reject`, `veto` or `pause`",
	governance.NoSlot:               seeSlots,
	governance.NotServing:           "something else serves by now: look again with `quoin release history SLOT`, and ask again",
	governance.NothingBefore:        seeSlots + "; what serves can be replaced by a proposal",
	governance.AlreadyReturning:     "there is nothing to do: it leaves after the next block",
	governance.NotSuspended:         "`quoin status` names the suspended namespaces",
	governance.EndOfLife:            "schedule it earlier, or propose a newer release",
	governance.TooManyYours:         "cancel some of your open proposals: `quoin release list --open`",
	governance.NotResponder:         seeMembers,
	governance.NotAssessor:          seeMembers,
	governance.NotMember:            "sign with the newest key of a member: `quoin policy show` lists the members, `quoin audit log` which keys took over",
	governance.NotPrechecked:        "wait until a quorum of validators has checked it: `quoin release show NUMBER`; without --no-wait the command does",
	governance.WrongStage:           seeShow,
	governance.NoPolicy:             "propose a policy for the step: `quoin release propose --policies FILE`",
	governance.PolicyRefuses:        "see what it lacks: `quoin policy explain NUMBER`",
	governance.BadPolicy:            "check the file: `quoin policy test FILE`",
	governance.WouldLock:            "leave a proposer, an approver of another's proposals, and policies of class G that they can fulfil",
	governance.BadPlan:              otherPlan,
	governance.BadNodes:             "give --nodes and --label for a hook of class N, or neither",
	governance.FixedParameter:       "it cannot be changed: begin another chain with another value",
	governance.EvidenceExpired:      "let it count longer, with --for",
	governance.BadInterval:          "validators report by themselves; a report by hand must end with a multiple of report_heights",
	governance.LateReport:           "there is nothing to do: the interval is settled",
	governance.StillBound:           "let something else serve first: propose a successor, or --unbind",
	governance.RetiredRelease:       "propose a newer release",
	governance.NoKey:                "`quoin policy show` lists the members and their keys",
	governance.KeyTaken:             "make a new key: quoin key new FILE",
	governance.KeySignature:         "name the file of the new key: `quoin key rotate NEW.key --as ROLE`",
	governance.LastApprover:         "propose other members first: `quoin release propose --members FILE`",
	governance.ConfusableName:       "give the plugin a name that nobody takes for another's",
	governance.StaleVoice:           "look again, and judge what it stands against now: `quoin release show NUMBER`",
}
