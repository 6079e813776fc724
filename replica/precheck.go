package replica

import (
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
)

// verdicts are what the driver found out about what is proposed.
type verdicts struct {
	releases map[quoin.Hash]governance.PrecheckCode // that will never be here
	calls    map[trying]governance.PrecheckCode     // of dry calls
}

// trying names a proposal's round.
type trying struct {
	proposal governance.ProposalNumber
	round    uint64
}

// keep forgets what is about nothing that is open or wanted any more.
func (v *verdicts) keep(open []governance.Proposal, wanted []quoin.Hash) {
	if v.releases == nil {
		*v = verdicts{map[quoin.Hash]governance.PrecheckCode{}, map[trying]governance.PrecheckCode{}}
	}
	maps.DeleteFunc(v.releases, func(d quoin.Hash, _ governance.PrecheckCode) bool { return !slices.Contains(wanted, d) })
	maps.DeleteFunc(v.calls, func(t trying, _ governance.PrecheckCode) bool {
		return !slices.ContainsFunc(open, func(p governance.Proposal) bool { return t == trying{p.Number, p.Round} })
	})
}

// refused takes the driver's word that a release will not be added to the table.
func (r *Replica) refused(in ReleaseRefused, out *Output) {
	if slices.Contains(r.kernelView.releases, in.Digest) {
		r.kernelView.verdicts.releases[in.Digest] = in.Code
		r.look(out)
	}
}

// called takes the outcome of a dry call.
func (r *Replica) called(in DryCalled, out *Output) {
	if r.kernelView.verdicts.calls == nil {
		return
	}
	r.kernelView.verdicts.calls[trying{in.Proposal, in.Round}] = in.Code
	if in.Code != governance.PrecheckPassed {
		out.Events = append(out.Events, Event{Kind: PrecheckFailed, Epoch: r.epoch, Height: r.exec.Tip().Height, Reason: in.Reason})
	}
	r.look(out) // which forgets it again if nobody wants to know any more
}

// precheck judges what a proposal brings, or says that it cannot tell yet: governance never sees the
// module, and a release may still be on its way here.
func (r *Replica) precheck(p *governance.Proposal, out *Output) (governance.PrecheckCode, bool) {
	switch p.Subject {
	case governance.SubjectParameters:
		if !r.runsParameters(p) {
			return governance.PrecheckVersion, true
		}
		return governance.PrecheckPassed, true
	case governance.SubjectValidators:
		return governance.PrecheckPassed, r.hasBindings()
	case governance.SubjectRelease, governance.SubjectBuiltin:
	default:
		return governance.PrecheckPassed, true
	}
	code, ok := r.fits(p)
	if !ok || code != governance.PrecheckPassed || !r.c.DryCalls {
		return code, ok
	}
	if code, ok := r.kernelView.verdicts.calls[trying{p.Number, p.Round}]; ok {
		return code, true
	}
	out.DryCalls = append(out.DryCalls, DryCall{Proposal: p.Number, Round: p.Round, Binding: p.Binding, Validators: r.set})
	return 0, false
}

// fits compares what a release or a built-in is with what its proposal says of it, without a call. It
// reports false for a release that is not here yet.
func (r *Replica) fits(p *governance.Proposal) (governance.PrecheckCode, bool) {
	b := &p.Binding
	if p.Subject == governance.SubjectBuiltin {
		if r.c.Table.Ready(b) != nil || r.cannotMigrate(p) {
			return governance.PrecheckFit, true
		}
		return governance.PrecheckPassed, true
	}
	release, ok := r.c.Table.Release(b.Release)
	if !ok {
		code, known := r.kernelView.verdicts.releases[b.Release]
		return code, known
	}
	m, x := release.Manifest(), &p.Release
	if m.Name != x.Name || m.Version != x.Version || m.Sequence != x.Sequence || m.Author != x.Author ||
		quoin.Height(m.EndOfLife) != x.EndOfLife || uint64(release.Report().FileBytes) != x.Size {
		return governance.PrecheckManifest, true
	}
	if refusal := plugin.Fits(m, b); refusal != nil {
		return RefusalCode(refusal, governance.PrecheckFit), true
	}
	if r.cannotMigrate(p) {
		return governance.PrecheckFit, true
	}
	return governance.PrecheckPassed, true
}

// cannotMigrate reports whether the plan wants a migration that what is proposed, which is here, does not
// offer.
func (r *Replica) cannotMigrate(p *governance.Proposal) bool {
	return p.Plan.State == governance.StateMigrate && !r.c.Table.Migrates(&p.Binding)
}

// RefusalCode returns what a validator says of a refused release: that this program is too old for it,
// or otherwise.
func RefusalCode(r *plugin.Refusal, otherwise governance.PrecheckCode) governance.PrecheckCode {
	if r.Code == plugin.CodeVersion {
		return governance.PrecheckVersion
	}
	return otherwise
}

// hasBindings reports whether everything that serves is here.
func (r *Replica) hasBindings() bool {
	c := r.exec.Configuration()
	return !slices.ContainsFunc(c.Bindings, func(b quoin.Binding) bool { return r.c.Table.Ready(&b) != nil })
}

// runsParameters reports whether this program could run a chain with the parameters.
func (r *Replica) runsParameters(p *governance.Proposal) bool {
	return execution.CheckVersions(&quoin.Configuration{Epoch: r.epoch + 1, Parameters: p.Parameters}) == nil
}
