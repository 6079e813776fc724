package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// proposeFlags say what is proposed: exactly one of a file, a built-in, nothing, parameters, members,
// policies or validators.
type proposeFlags struct {
	hook, namespace, label, params string
	builtin                        string
	unbind                         bool
	parameters                     []string
	members, policies, validators  string // files
	fuel                           uint64
	grants, nodes                  []string
	shadow, trial, patchUntil      uint64
	diverges                       bool
	state                          string
	note                           string
}

func newReleasePropose(t *terminal) *cobra.Command {
	var f txFlags
	var p proposeFlags
	c := &cobra.Command{Use: "propose FILE | propose --builtin NAME | --unbind | --parameter NAME=VALUE | ...", Short: "Propose a change: a release, a built-in, parameters, members, policies, validators", Args: args(0, 1),
		Long: "Propose a change. The signed file of a release goes to the node, which offers it to the others; the\n" +
			"proposal goes to the ledger. Every validator checks by itself whether it can run what is proposed, and says so\n" +
			"on the ledger; only then can it be approved. The plan says how it will be tried: a shadow runs beside what\n" +
			"serves, its results compared and discarded; a trial serves, and returns by itself unless it is confirmed."}
	addTxFlags(c, &f, roleProposer)
	p.add(c)
	c.RunE = func(c *cobra.Command, a []string) error {
		propose, file, err := p.proposal(t, c, a)
		if err != nil {
			return err
		}
		if propose.Plan, err = p.plan(); err != nil {
			return err
		}
		if propose.Note, err = noteText(p.note); err != nil {
			return err
		}
		if file != nil {
			if err := t.upload(c.Context(), f.key, file); err != nil {
				return err
			}
		}
		r, err := t.sendOne(c.Context(), &f, quoin.KernelNamespace, governance.Encode(propose))
		if err != nil {
			return err
		}
		n := r.number()
		if n == 0 {
			return failure("the proposal has no number", nil, "see `quoin release list`")
		}
		v := map[string]any{"proposal": n, "slot": propose.Slot(), "subject": propose.Subject.String(), "digest": digestText(propose.Release.Digest), "transaction": r.view()}
		return t.data(v, func(w io.Writer) {
			fmt.Fprintf(w, "proposal %d for %s, at height %d\n", n, propose.Slot(), r.height)
			fmt.Fprintf(w, "next: quoin release approve %d --as approver-1\n", n)
		})
	}
	return c
}

func (p *proposeFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.hook, "hook", "", "the hook to serve (default: the release's only one)")
	f.StringVar(&p.namespace, "namespace", "", "the namespace of a machine or validation (default: the release's name)")
	f.StringVar(&p.label, "label", "", "what the binding of --nodes is called, for example canary")
	f.StringSliceVar(&p.nodes, "nodes", nil, "only these nodes use it: names or keys of validators; for hooks of class N, with --label")
	f.StringVar(&p.builtin, "builtin", "", "propose a built-in by its name instead of a file")
	f.BoolVar(&p.unbind, "unbind", false, "propose that nothing serves --hook and --namespace (or --label) any more")
	f.StringArrayVar(&p.parameters, "parameter", nil, "propose another value of a parameter of the chain, as NAME=NUMBER; may be repeated")
	f.StringVar(&p.members, "members", "", "propose other members: a file with all of them, as in a genesis")
	f.StringVar(&p.policies, "policies", "", "propose other policies: a file with all of them, as in a genesis")
	f.StringVar(&p.validators, "validators", "", "propose another validator set: a file with all of them, such as "+peersFile)
	f.StringVar(&p.params, "params", "", "the binding's parameters, as text, or 0x and hexadecimal, or @FILE")
	f.Uint64Var(&p.fuel, "fuel", 0, "the most fuel of one call (default: what the release asks for)")
	f.StringSliceVar(&p.grants, "grant", nil, "a capability that the release may use, or none (default: all that it asks for)")
	f.Uint64Var(&p.shadow, "shadow", 0, "heights to run beside what serves first; 0: none")
	f.Uint64Var(&p.trial, "trial", 0, "heights to serve before it must be confirmed; 0: for good at once")
	f.BoolVar(&p.diverges, "diverges", false, "results are meant to differ from those of what serves")
	f.StringVar(&p.state, "state", governance.StateKeep.String(), "a machine's state: keep; restore what was before the trial if it returns; migrate first, and restore")
	f.Uint64Var(&p.patchUntil, "patch-until", 0, "up to this height patch releases of it may take the light road; 0: none")
	f.StringVar(&p.note, "note", "", "why")
}

// proposal reads what is proposed, with a release's file.
func (p *proposeFlags) proposal(t *terminal, c *cobra.Command, a []string) (governance.Propose, []byte, error) {
	subjects := 0
	for _, given := range []bool{len(a) == 1, p.builtin != "", p.unbind, len(p.parameters) > 0, p.members != "", p.policies != "", p.validators != ""} {
		if given {
			subjects++
		}
	}
	if subjects != 1 {
		return governance.Propose{}, nil, usage("a proposal is of one thing", "name a file, or one of --builtin, --unbind, --parameter, --members, --policies and --validators")
	}
	switch {
	case len(p.parameters) > 0:
		next, err := p.nextParameters(t, c)
		return governance.NewParameters(next), nil, err
	case p.members != "":
		members, err := p.nextMembers(t, c)
		return governance.NewMembers(members), nil, err
	case p.policies != "":
		policies, err := readPolicies(p.policies)
		return governance.NewPolicies(policies), nil, err
	case p.validators != "":
		set, err := readValidators(p.validators)
		return governance.NewValidators(set), nil, err
	}
	for _, x := range [...]struct{ flag, text string }{{"hook", p.hook}, {"namespace", p.namespace}, {"label", p.label}, {"builtin", p.builtin}} {
		if x.text != "" && !quoin.IsName(x.text, quoin.NamespaceMax) {
			return governance.Propose{}, nil, usage("--"+x.flag+" "+quote(x.text)+" is no name", fmt.Sprintf("a name is 1 to %d of [a-z0-9.-]", quoin.NamespaceMax))
		}
	}
	b := quoin.Binding{Hook: p.hook, Namespace: p.namespace, Builtin: p.builtin, FuelMax: p.fuel, Grants: grantList(p.grants)}
	var err error
	if b.Parameters, err = parameterBytes(p.params); err != nil {
		return governance.Propose{}, nil, err
	}
	if err = p.addNodes(t, c, &b); err != nil {
		return governance.Propose{}, nil, err
	}
	switch {
	case len(a) == 1:
		return proposal(a[0], b)
	case p.hook == "":
		return governance.Propose{}, nil, usage("--hook is needed", "for example --hook leader.v1")
	case p.unbind:
		return governance.NewUnbind(b.Hook, b.Namespace), nil, nil
	}
	return governance.NewBuiltin(b), nil, nil
}

// plan reads how the change is to be tried.
func (p *proposeFlags) plan() (governance.Plan, error) {
	plan := governance.Plan{Shadow: p.shadow, Trial: p.trial, Diverges: p.diverges, PatchUntil: quoin.Height(p.patchUntil)}
	if p.shadow > governance.PlanHeightsMax || p.trial > governance.PlanHeightsMax {
		return plan, usage(fmt.Sprintf("a shadow or trial of more than %d heights", governance.PlanHeightsMax), "choose a shorter one")
	}
	for _, s := range []governance.StateRoad{governance.StateKeep, governance.StateRestore, governance.StateMigrate} {
		if s.String() == p.state {
			plan.State = s
			return plan, nil
		}
	}
	return plan, usage("--state "+quote(p.state)+" is no road of state", "use keep, restore or migrate")
}

// nextParameters returns the chain's parameters with the changes.
func (p *proposeFlags) nextParameters(t *terminal, c *cobra.Command) (quoin.Parameters, error) {
	values, err := parseParameters(p.parameters)
	if err != nil {
		return quoin.Parameters{}, err
	}
	now, err := t.configurationOnce(c)
	if err != nil {
		return quoin.Parameters{}, err
	}
	next := now.Parameters
	return next, assign(&next, values)
}

// nextMembers reads members, and checks that a configuration may have them.
func (p *proposeFlags) nextMembers(t *terminal, c *cobra.Command) ([]quoin.Member, error) {
	members, err := readRules[quoin.Member](p.members, "members")
	if err != nil {
		return nil, err
	}
	next, err := t.configurationOnce(c)
	if err != nil {
		return nil, err
	}
	quoin.SortMembers(members)
	next.Members = members
	if err := next.Check(); err != nil {
		return nil, usage(p.members+" has members that cannot be: "+err.Error(), "give each a name, a key, an organisation and roles of its own")
	}
	return members, nil
}

// addNodes gives a binding its label and the keys of its nodes.
func (p *proposeFlags) addNodes(t *terminal, c *cobra.Command, b *quoin.Binding) error {
	if p.label != "" {
		if p.namespace != "" {
			return usage("--label and --namespace are two names for one place", "give one of them")
		}
		b.Namespace = p.label
	}
	if len(p.nodes) == 0 {
		return nil
	}
	if p.label == "" {
		return usage("--nodes needs --label", "for example --label canary")
	}
	now, err := t.configurationOnce(c)
	if err != nil {
		return err
	}
	for _, name := range p.nodes {
		key, err := quoin.ParsePublicKey(name)
		if err != nil {
			i := slices.IndexFunc(now.Validators.All(), func(v quoin.Validator) bool { return v.Name == name })
			if i < 0 {
				return usage("there is no validator "+quote(name), "name validators as `quoin status` does, or by their keys")
			}
			key = now.Validators.At(i).Key
		}
		b.Nodes = append(b.Nodes, key)
	}
	quoin.SortKeys(b.Nodes)
	return nil
}

// readRules reads a list as a genesis has it, or out of what has it by its name: a genesis, or what
// `quoin policy show --output json` prints.
func readRules[T any](path, name string) ([]T, error) {
	what := "a file with a list of " + name + ", as in a genesis, or with what `quoin policy show --output json` prints"
	var text json.RawMessage
	if err := readJSON(path, quoin.GenesisBytesMax, &text, what); err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(text, &all) == nil {
		if text = all[name]; text == nil {
			return nil, usage(path+" has no "+name, "name "+what)
		}
	}
	var list []T
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, &fault{exit: exitUsage, code: "bad-file", what: path + " cannot be read", cause: err, todo: "name " + what}
	}
	return list, nil
}

// readValidators reads a validator set from the public parts of its nodes.
func readValidators(path string) (quoin.ValidatorSet, error) {
	var members []member
	if err := readJSON(path, memberBytesMax, &members, "a file with a list of validators: name, key and weight of each"); err != nil {
		return quoin.ValidatorSet{}, err
	}
	return validatorSet(members)
}

// noteText checks a note.
func noteText(s string) (string, error) {
	if !governance.IsNote(s) {
		return "", usage("the note cannot be part of the ledger", fmt.Sprintf("write one line of at most %d bytes, without control characters and others that cannot be seen", governance.NoteMax))
	}
	return s, nil
}

// grantList returns the capabilities in order; nil leaves it to the release's manifest, and "none" is
// an empty list.
func grantList(flags []string) []string {
	if len(flags) == 0 {
		return nil
	}
	list := slices.DeleteFunc(slices.Clone(flags), func(s string) bool { return s == "none" })
	slices.Sort(list)
	return slices.Compact(append([]string{}, list...))
}

// proposal reads a signed release file and says what it is to serve.
func proposal(path string, b quoin.Binding) (governance.Propose, []byte, error) {
	report, file, err := checkRelease(path)
	if err != nil {
		return governance.Propose{}, nil, err
	}
	m := report.Manifest
	if err := plugin.VerifySignature(file); err != nil {
		return governance.Propose{}, nil, refused("unsigned", path+" is not signed by its author", err.Error(), "sign it: quoin plugin sign "+path)
	}
	if b.Hook == "" && len(m.Hooks) == 1 {
		b.Hook = m.Hooks[0]
	}
	if !m.Serves(b.Hook) {
		return governance.Propose{}, nil, usage("the release does not serve the hook "+quote(b.Hook), "choose one of "+strings.Join(m.Hooks, ", ")+" with --hook")
	}
	h, _ := hook.Find(b.Hook)
	if h.Namespaced && b.Namespace == "" {
		b.Namespace = m.Name
	}
	if b.FuelMax == 0 {
		b.FuelMax = min(m.FuelMax, h.FuelMax)
	}
	if b.Grants == nil {
		b.Grants = m.Capabilities
	}
	signature, _ := plugin.AuthorSignature(file)
	if refusal := plugin.Fits(m, &b); refusal != nil {
		return governance.Propose{}, nil, refused("refused-"+string(refusal.Code), "no validator could serve this binding", refusal.Problem, "correct the proposal's flags, or the release")
	}
	return governance.NewRelease(governance.Release{Digest: report.Digest, Name: m.Name, Version: m.Version, Sequence: m.Sequence,
		EndOfLife: m.EndOfLife, Size: uint64(len(file)), Author: m.Author, Signature: signature}, b), file, nil
}

func parameterBytes(text string) ([]byte, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		return readFile(name, quoin.ParameterBytesMax)
	}
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil {
			return nil, usage("--params "+quote(text)+" is no hexadecimal", "for example --params 0x0a")
		}
		return b, nil
	}
	if text == "" {
		return nil, nil
	}
	return []byte(text), nil
}
