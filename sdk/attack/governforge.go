package attack

import (
	"encoding/binary"
	"errors"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/signature"
)

// What was never good: mixtures, spoofs, foreign signatures, names, encodings.

// changes are ways to say something else of a release.
var changes = []func(*governance.Release){
	func(r *governance.Release) { r.Name = "savings" },
	func(r *governance.Release) { r.Version = "9.9.9" },
	func(r *governance.Release) { r.Sequence++ },
	func(r *governance.Release) { r.EndOfLife = 99_999 },
	func(r *governance.Release) { r.Size++ },
}

func mixedDigest(w *town) (string, error) {
	all, err := w.releases("bank", 1)
	if err != nil {
		return "", err
	}
	var mixed []governance.Command
	for _, change := range changes {
		p := all[0]
		p.Binding.Namespace = "elsewhere"
		change(&p.Release)
		mixed = append(mixed, p)
	}
	return w.refusesCommand("proposer", mixed...)
}

func mixedHook(w *town) (string, error) {
	p, err := w.bring("bank", 1) // a machine
	if err != nil {
		return "", err
	}
	p.Binding.Hook, p.Binding.Namespace = "leader.v1", ""
	p.Binding.FuelMax = 1000
	return w.rejects(1, p)
}

func mixedBuiltin(w *town) (string, error) {
	return w.refusesCommand("proposer",
		governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "kv"}),
		governance.NewBuiltin(quoin.Binding{Hook: "machine.v1", Namespace: hostileNamespace, Builtin: "round-robin"}))
}

func mixedNodes(w *town) (string, error) {
	nodes := []quoin.PublicKey{personKey(townMayor).public}
	return w.refusesCommand("proposer",
		governance.NewBuiltin(quoin.Binding{Hook: "machine.v1", Namespace: hostileNamespace, Builtin: "kv", Nodes: nodes}),
		governance.NewBuiltin(quoin.Binding{Hook: "pacemaker.v1", Namespace: "canary", Builtin: "steady"})) // nodes by name, and none named
}

func mixedPlan(w *town) (string, error) {
	stateful, patches := proposal(), proposal()
	stateful.Plan.State, patches.Plan.PatchUntil = governance.StateRestore, 99
	members := governance.NewMembers(slices.Clone(w.genesis.Configuration.Members[1:]))
	members.Plan.Trial = 9
	return w.refusesCommand("proposer", stateful, patches, members)
}

func spoofedManifest(w *town) (string, error) {
	var observed string
	for i, change := range changes {
		p, err := w.bring("bank", 1+2*uint64(i)) // each another release: a digest belongs to what was first said of it
		if err != nil {
			return "", err
		}
		change(&p.Release)
		if observed, err = w.rejects(governance.ProposalNumber(i+1), p); err != nil {
			return observed, err
		}
	}
	return observed, nil
}

// newTowns returns two chains with the same people.
func (s *stage) newTowns() (here, there *town, err error) {
	if here, err = s.newTown("attack", nil); err != nil {
		return nil, nil, err
	}
	there, err = s.newTown("elsewhere", nil)
	return here, there, err
}

// foreignTransaction has two chains with the same people.
func foreignTransaction(s *stage) (string, error) {
	here, there, err := s.newTowns()
	if err != nil {
		return "", err
	}
	if err := here.must("proposer", proposal()); err != nil {
		return "", err
	}
	if err := there.must("proposer", proposal()); err != nil {
		return "", err
	}
	var signed []func() quoin.Transaction
	for _, x := range []said{{townSecond, governance.NewUnbind("machine.v1", bystanderNamespace)}, {"approver", governance.Approve{Proposal: 1}},
		{townMayor, governance.Veto{Proposal: 1}}, {"proposer", governance.Cancel{Proposal: 1}}} {
		signed = append(signed, func() quoin.Transaction { return there.command(x.by, x.command) })
	}
	return here.refuses(signed...)
}

func foreignAuthor(w *town) (string, error) {
	p, err := w.bring("bank", 1)
	if err != nil {
		return "", err
	}
	q, err := w.bring("savings", 1)
	if err != nil {
		return "", err
	}
	thief := p
	thief.Release.Signature = signature.Sign(personKey("thief").private, plugin.AuthorBytes(p.Release.Digest))
	p.Release.Signature = q.Release.Signature
	return w.refusesCommand("proposer", p, thief)
}

func foreignRotation(w *town) (string, error) {
	next := personKey("next")
	here := w.genesis.Origin().ID()
	signed := func(by person, origin quoin.OriginID, old string) governance.Rotate {
		return governance.Rotate{New: next.public, Signature: signature.Sign(by.private, governance.RotationBytes(origin, personKey(old).public, next.public))}
	}
	elsewhere := *w.genesis
	elsewhere.Network = "elsewhere"
	return w.refusesCommand("approver", signed(next, here, "proposer"), signed(next, here, townSecond), signed(personKey("thief"), here, "approver"),
		signed(next, elsewhere.Origin().ID(), "approver"))
}

func foreignCertificate(s *stage) (string, error) {
	here, there, err := s.newTowns()
	if err != nil {
		return "", err
	}
	v := client.NewVerifier(client.GenesisAnchor(here.genesis))
	if err := v.VerifyCertificate(here.replica.Overview().Certificate); err != nil {
		return "", err
	}
	before := v.Newest()
	if err := there.pass(3); err != nil {
		return "", err
	}
	foreign := *there.replica.Overview().Certificate
	renamed := foreign
	renamed.Checkpoint.Origin = here.genesis.Origin() // the same, under this chain's name
	var observed string
	for _, c := range []quoin.Certificate{foreign, renamed} {
		if observed, err = refusedByClient(v.VerifyCertificate(&c)); err == nil && v.Newest() != before {
			err = errors.New("and yet it is believed")
		}
		if err != nil {
			return observed, err
		}
	}
	return observed, nil
}

// named proposes a good release under other names.
func (w *town) named(by person, names ...string) (string, error) {
	p, err := w.bring("bank", 1)
	if err != nil {
		return "", err
	}
	p.Release.Author, p.Release.Signature = by.public, signature.Sign(by.private, plugin.AuthorBytes(p.Release.Digest))
	var all []governance.Command
	for _, name := range names {
		p.Release.Name = name
		all = append(all, p)
	}
	return w.refusesCommand("proposer", all...)
}

func homoglyphs(w *town) (string, error) {
	f, _ := hostile.Find(hostile.ProbeNaN)
	names := []string{"bаnk", "Bank", "BANK", "bank ", " bank", "bank\x00", "bank\u200b", "ｂａｎｋ", "b\u0131nk", "", "bank/", "bank_1", "bánk", "\u202eknab"}
	for _, name := range names {
		m := f.Manifest(author.public)
		m.Name = name
		if _, err := plugin.Embed(f.Module, m); err == nil {
			return accepted, errors.New("a manifest takes the name " + name)
		}
	}
	return w.named(author, names...)
}

func confusables(w *town) (string, error) {
	for i, name := range []string{"bill", "modern", "vow"} {
		p, err := w.bring(name, 1)
		if err != nil {
			return "", err
		}
		if err := w.must("proposer", p, governance.Cancel{Proposal: governance.ProposalNumber(i + 1)}); err != nil {
			return "", err
		}
	}
	return w.named(personKey("squatter"), "bi11", "bil-l", "b.ill", "blll", "modem", "rnodern", "m0dern", "v0w")
}

func nameTaken(w *town) (string, error) {
	p, err := w.bring("bank", 1)
	if err != nil {
		return "", err
	}
	if err := w.must("proposer", p); err != nil {
		return "", err
	}
	squatter := personKey("squatter")
	q := p
	q.Release.Author, q.Release.Sequence, q.Binding.Namespace = squatter.public, 2, "elsewhere"
	q.Release.Digest = quoin.Hash{1}
	q.Binding.Release = q.Release.Digest
	q.Release.Signature = signature.Sign(squatter.private, plugin.AuthorBytes(q.Release.Digest))
	if observed, err := w.refusesCommand("proposer", q); err != nil {
		return observed, err // while it is open
	}
	if err := w.must("proposer", governance.Cancel{Proposal: 1}); err != nil {
		return "", err
	}
	return w.refusesCommand("proposer", q) // and for ever
}

func ambiguousCommand(w *town) (string, error) {
	if err := w.must("proposer", proposal()); err != nil {
		return "", err
	}
	config := &w.genesis.Configuration
	members, policies := slices.Clone(config.Members), slices.Clone(config.Policies)
	slices.Reverse(members)
	slices.Reverse(policies)
	trial := proposal()
	trial.Plan.Diverges, trial.Plan.Trial = true, 7
	plan := governance.Encode(trial)
	at := len(plan) - 1 - 8 - 1 - 1 // before the note's length, the envelope and the state's road stands whether it diverges
	second := slices.Clone(plan)
	second[at] = 2
	payloads := [][]byte{
		append(governance.Encode(governance.Approve{Proposal: 1}), 0),
		append(governance.Encode(trial), 0),
		governance.Encode(governance.Propose{Subject: governance.SubjectMembers, Members: members}),
		governance.Encode(governance.Propose{Subject: governance.SubjectMembers, Members: append(slices.Clone(config.Members), config.Members[len(config.Members)-1])}),
		governance.Encode(governance.Propose{Subject: governance.SubjectPolicies, Policies: policies}),
		second,
		plan[:len(plan)-1],
		binary.BigEndian.AppendUint32([]byte{byte(governance.KindVeto)}, 1), // a number in four bytes
		{},
		{0},
	}
	for _, hidden := range []string{"\x00", "a\nb", "\u202e", "a\u200bb", "\u00a0", "\ufeff", "\xff", "\xc0\x80", "\xed\xa0\x80"} {
		payloads = append(payloads, governance.Encode(governance.Veto{Proposal: 1, Note: hidden}))
	}
	var all []func() quoin.Transaction
	for _, p := range payloads {
		all = append(all, func() quoin.Transaction { return w.transact(personKey("proposer"), quoin.KernelNamespace, p) })
	}
	return w.refuses(all...)
}

func ambiguousNamespace(w *town) (string, error) {
	var all []func() quoin.Transaction
	for _, n := range []string{"", "Quoin", "quoin/", "quoin\x00", " quoin", "quоin", "quoin\u200b"} {
		all = append(all, func() quoin.Transaction { return w.transact(personKey("proposer"), n, governance.Encode(proposal())) })
	}
	return w.refuses(all...)
}
