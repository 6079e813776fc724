package attack

import (
	"errors"
	"fmt"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/plugin"
)

// What was good at its time: replays, downgrades, freezes.

// proposal is one that anybody may make.
func proposal() governance.Propose {
	return governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"})
}

// replayed has a proposal certified and withdrawn, and plays its transaction again after some heights.
func (w *town) replayed(heights int) (string, error) {
	t := w.command("proposer", proposal())
	if observed, err := w.send(t); err != nil || observed != accepted {
		return observed, errors.Join(err, errors.New("the proposal is not taken"))
	}
	if err := w.must("proposer", governance.Cancel{Proposal: 1}); err != nil {
		return "", err
	}
	if err := w.pass(heights); err != nil {
		return "", err
	}
	return w.refuses(func() quoin.Transaction { return t })
}

func replayedTransaction(w *town) (string, error) { return w.replayed(0) }

func replayedLate(w *town) (string, error) {
	return w.replayed(int(w.genesis.Configuration.Parameters.ExpiryWindowHeights))
}

func replayedVoice(w *town) (string, error) {
	revoke := governance.Revoke{Key: personKey(townAssessor).public}
	if err := w.approve(1, proposal()); err != nil {
		return "", err
	}
	if err := w.must("approver", revoke); err != nil {
		return "", err
	}
	return w.refuses(
		func() quoin.Transaction { return w.command(townMayor, governance.Precheck{Proposal: 1}) },
		func() quoin.Transaction { return w.command("approver", governance.Approve{Proposal: 1}) },
		func() quoin.Transaction { return w.command("approver", revoke) })
}

func replayedRound(w *town) (string, error) {
	if err := w.approve(1, proposal()); err != nil {
		return "", err
	}
	if err := w.must(townAssessor, governance.Pause{Proposal: 1}); err != nil {
		return "", err
	}
	if err := w.must("proposer", governance.Resume{Proposal: 1}); err != nil {
		return "", err
	}
	return w.refuses(
		func() quoin.Transaction { return w.command("approver", governance.Approve{Proposal: 1}) },
		func() quoin.Transaction { return w.command(townMayor, governance.Precheck{Proposal: 1}) })
}

// responder makes the assessor one who may roll back.
func responder(c *quoin.Configuration) {
	for i := range c.Members {
		if c.Members[i].Name == "assessor" {
			c.Members[i].Roles |= quoin.RoleResponder
		}
	}
}

func replayedRollback(w *town) (string, error) {
	steady := proposal()
	steady.Binding.Parameters = []byte("2")
	if err := w.adopt(1, proposal(), steady); err != nil {
		return "", err
	}
	slot, _ := governance.ReadSlot(w.replica.Kernel(), "leader.v1")
	back := governance.Rollback{Slot: "leader.v1", From: slot.Serving}
	if err := w.must(townAssessor, back); err != nil {
		return "", err
	}
	if err := w.pass(4); err != nil {
		return "", err
	}
	return w.refusesCommand(townAssessor, back)
}

// releases has releases of one name with the sequences take effect, one after the other, and returns their
// proposals.
func (w *town) releases(name string, sequences ...uint64) ([]governance.Propose, error) {
	var all []governance.Propose
	for i, n := range sequences {
		p, err := w.bring(name, n)
		if err != nil {
			return nil, err
		}
		if err := w.adopt(governance.ProposalNumber(i+1), p); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func downgradeSequence(w *town) (string, error) {
	if _, err := w.releases("bank", 2); err != nil {
		return "", err
	}
	older, err := w.bring("bank", 1)
	if err != nil {
		return "", err
	}
	return w.refusesCommand("proposer", older)
}

func downgradeSuperseded(w *town) (string, error) {
	all, err := w.releases("bank", 1, 2)
	if err != nil {
		return "", err
	}
	return w.refusesCommand("proposer", all[0])
}

func sequenceLeap(w *town) (string, error) {
	var all []governance.Command
	for _, n := range []uint64{governance.SequenceIncreaseMax + 1, 1<<63 - 1, 1<<64 - 1} {
		p, err := w.bring("bank", n)
		if err != nil {
			return "", err
		}
		all = append(all, p)
	}
	return w.refusesCommand("proposer", all...)
}

func downgradeRetired(w *town) (string, error) {
	all, err := w.releases("bank", 1)
	if err != nil {
		return "", err
	}
	if err := w.adopt(2, governance.NewUnbind("machine.v1", hostileNamespace)); err != nil {
		return "", err
	}
	if err := w.must("proposer", governance.Retire{Proposal: 1}); err != nil {
		return "", err
	}
	return w.refusesCommand("proposer", all[0])
}

func downgradeEngine(w *town) (string, error) {
	var observed string
	for i, change := range []func(*quoin.Parameters){
		func(p *quoin.Parameters) { p.SandboxEngine = plugin.EngineVersion - 1 },
		func(p *quoin.Parameters) { p.FuelSchedule = plugin.ScheduleVersion - 1 },
	} {
		p := w.genesis.Configuration.Parameters
		change(&p)
		var err error
		if observed, err = w.rejects(governance.ProposalNumber(i+1), governance.NewParameters(p)); err != nil {
			return observed, err
		}
	}
	return observed, nil
}

// said is a command of somebody.
type said struct {
	by      string
	command governance.Command
}

// freezeProposal plays on a chain without consensus, where heights at which nothing is due can be left out.
func freezeProposal(s *stage) (string, error) {
	config, err := configuration(4)
	if err != nil {
		return "", err
	}
	c, err := newChain(s.replicas[0].table, config, s.hole)
	if err != nil {
		return "", err
	}
	run := func(by string, command governance.Command) (governance.Code, error) {
		o, err := c.block(c.command(personKey(by), command))
		if err != nil {
			return 0, err
		}
		return governance.Code(o.Results[0].Code), nil
	}
	for _, x := range []said{
		{"proposer", proposal()}, {"v0", governance.Precheck{Proposal: 1}}, {"v1", governance.Precheck{Proposal: 1}},
		{"v2", governance.Precheck{Proposal: 1}}, {"approver", governance.Approve{Proposal: 1}},
	} {
		if code, err := run(x.by, x.command); err != nil || code != governance.OK {
			return "", errors.Join(err, fmt.Errorf("%T: %v", x.command, code))
		}
	}
	c.skip(governance.OpenHeightsMax)
	before, _ := governance.ReadProposal(c.governed(), 1)
	for _, x := range []said{
		{"proposer", governance.Schedule{Proposal: 1, Height: c.executor.Tip().Height + 20}},
		{"v3", governance.Precheck{Proposal: 1}},
		{"v3", governance.Veto{Proposal: 1}},
		{"approver", governance.Reject{Proposal: 1}},
	} {
		code, err := run(x.by, x.command)
		if err != nil || code != governance.ProposalExpired {
			return refusedBy(ByLedger, code.String()), errors.Join(err, fmt.Errorf("%T", x.command))
		}
	}
	if now, _ := governance.ReadProposal(c.governed(), 1); now.Status != before.Status || governance.ReadAudit(c.governed()).Count != 5 {
		return accepted, fmt.Errorf("it was %s, is %s", before.Status, now.Status)
	}
	return refusedBy(ByLedger, governance.ProposalExpired.String()), nil
}

// assessed makes a town in which nothing is activated without an assessment.
func assessed(c *quoin.Configuration) {
	for i := range c.Policies {
		if c.Policies[i].Step == policy.StepActivate {
			c.Policies[i].Expression = "security.passed >= 1"
		}
	}
}

func freezeEvidence(w *town) (string, error) {
	if err := w.approve(1, proposal()); err != nil {
		return "", err
	}
	return w.refusesCommand(townAssessor,
		governance.Attest{Proposal: 1, Evidence: governance.EvidenceSecurity, Result: governance.SecurityPassed, Until: 0},
		governance.Attest{Proposal: 1, Evidence: governance.EvidenceBenchmark, Result: governance.BenchmarkBetter, Until: w.height()})
}

func freezeApproval(w *town) (string, error) {
	if err := w.approve(1, proposal()); err != nil {
		return "", err
	}
	until := w.height() + 4
	if err := w.must(townAssessor, governance.Attest{Proposal: 1, Evidence: governance.EvidenceSecurity, Result: governance.SecurityPassed, Until: until}); err != nil {
		return "", err
	}
	if err := w.pass(5); err != nil {
		return "", err
	}
	return w.refusesCommand("proposer", governance.Schedule{Proposal: 1, Height: w.height() + 20})
}

func freezeLife(w *town) (string, error) {
	const life = 40
	w.life = life
	p, err := w.bring("bank", 1)
	if err != nil {
		return "", err
	}
	if err := w.approve(1, p); err != nil {
		return "", err
	}
	return w.refusesCommand("proposer", governance.Schedule{Proposal: 1, Height: life}, governance.Schedule{Proposal: 1, Height: life + 1})
}

// freezeAnchor has a client come back after its trust period.
func freezeAnchor(s *stage) (string, error) {
	w, err := s.newTown("attack", nil)
	if err != nil {
		return "", err
	}
	anchor := client.GenesisAnchor(w.genesis)
	const period = 24 * time.Hour
	_, err = client.New(client.Options{Endpoints: []client.Endpoint{{URL: "http://127.0.0.1:1"}}, Trust: anchor, TrustPeriod: period})
	if err := anchor.CheckAge(time.UnixMilli(int64(anchor.Time)).Add(period), period); err != nil {
		return "", err // in time
	}
	return refusedByClient(err)
}

// refusedByClient observes what a client says.
func refusedByClient(err error) (string, error) {
	if code := client.RefusalCode(err); code != "" {
		return refusedBy(ByClient, code), nil
	}
	return accepted, err
}

// freezeEpoch shows a client that knows the first epoch alone what was certified in the second.
func freezeEpoch(w *town) (string, error) {
	v := client.NewVerifier(client.GenesisAnchor(w.genesis))
	if err := v.VerifyCertificate(w.replica.Overview().Certificate); err != nil {
		return "", err
	}
	before := v.Newest()
	if err := w.adopt(1, proposal()); err != nil {
		return "", err
	}
	observed, err := refusedByClient(v.VerifyCertificate(w.replica.Overview().Certificate))
	if err == nil && (v.Newest() != before || v.Epoch() != 1) {
		err = errors.New("and yet it is believed")
	}
	return observed, err
}
