package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugins/bank/smallbank"
	"quoin.dev/quoin/plugins/reputation-leader/reputation"
)

// extraBuiltins are what every node of this program has besides plugin.Builtins: the example plugins
// as native code.
func extraBuiltins() []plugin.Builtin {
	return []plugin.Builtin{
		{Name: "bank", Machine: smallbank.Machine{}},
		{Name: "reputation", Leader: hook.LeaderFunc(reputation.Lead)},
	}
}

// member is the public part of a validator: what `node init` writes for whoever makes the genesis.
type member struct {
	Name    string `json:"name"`
	Key     string `json:"key"`
	Weight  uint64 `json:"weight"`
	Address string `json:"address"` // of its endpoint for other nodes
}

const (
	publicFile     = "public.json"
	peersFile      = "peers.json"
	memberBytesMax = 1 << 20
)

// plan is what a new network's genesis is made of.
type plan struct {
	network    string
	members    []member
	proposers  []quoin.PublicKey
	approvers  []quoin.PublicKey
	policies   string // light, default, or a file
	parameters map[string]uint64
	now        time.Time
}

// genesis makes the beginning of the network's main chain: round-robin leaders, a key-value
// machine and a bank.
func (p *plan) genesis() (*quoin.Genesis, error) {
	set, err := validatorSet(p.members)
	if err != nil {
		return nil, err
	}
	g := &quoin.Genesis{Network: p.network, Chain: "main", Time: quoin.Time(p.now.UnixMilli())}
	c := quoin.Configuration{Epoch: 1, First: 1, Validators: set, Parameters: quoin.DefaultParameters()}
	c = c.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	c = c.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	g.Configuration = c.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "bank", Builtin: "bank"})
	if err := setParameters(g, p.parameters); err != nil {
		return nil, err
	}
	g.Configuration.Members = p.operators()
	if g.Configuration.Policies, err = p.rules(); err != nil {
		return nil, err
	}
	if err := g.Check(); err != nil {
		return nil, usage(err.Error(), "see `quoin genesis --help`")
	}
	return g, nil
}

// The policies that need no file.
const (
	policiesDefault = "default"
	policiesLight   = "light"
)

// rules are the policies of the network. As many approvals are needed as there are approvers, at most two.
func (p *plan) rules() ([]quoin.Policy, error) {
	approvals := min(2, len(p.approvers))
	switch p.policies {
	case policiesDefault:
		return policy.Defaults(approvals), nil
	case policiesLight:
		return policy.Light(approvals), nil
	}
	return readPolicies(p.policies)
}

// validatorSet makes a set of validators' public parts.
func validatorSet(members []member) (quoin.ValidatorSet, error) {
	var validators []quoin.Validator
	for _, m := range members {
		key, err := quoin.ParsePublicKey(m.Key)
		if err != nil {
			return quoin.ValidatorSet{}, usage("validator "+quote(m.Name)+" has no valid key: "+err.Error(), "use the "+publicFile+" that `quoin node init` wrote")
		}
		validators = append(validators, quoin.Validator{Name: m.Name, Key: key, Weight: m.Weight})
	}
	set, err := quoin.NewValidatorSet(validators)
	if err != nil {
		return set, usage("these validators make no set: "+err.Error(), "give each a name, a key and a weight of its own")
	}
	return set, nil
}

// operators are the members of the network: who proposes is of one organisation, and each approver
// of one of its own, who may also assess and respond.
func (p *plan) operators() []quoin.Member {
	var members []quoin.Member
	add := func(m quoin.Member) {
		if i := slices.IndexFunc(members, func(x quoin.Member) bool { return x.Key == m.Key }); i >= 0 {
			members[i].Roles |= m.Roles
			return
		}
		members = append(members, m)
	}
	for i, k := range p.proposers {
		name := roleProposer
		if i > 0 {
			name += "-" + strconv.Itoa(i+1)
		}
		add(quoin.Member{Name: name, Key: k, Organisation: "org-0", Roles: quoin.RoleProposer})
	}
	for i, k := range p.approvers {
		n := strconv.Itoa(i + 1)
		add(quoin.Member{Name: "approver-" + n, Key: k, Organisation: "org-" + n, Roles: quoin.RoleApprover | quoin.RoleAssessor | quoin.RoleResponder})
	}
	quoin.SortMembers(members)
	return members
}

// setParameters changes parameters by their names in genesis files.
func setParameters(g *quoin.Genesis, values map[string]uint64) error {
	if err := assign(&g.Configuration.Parameters, values); err != nil {
		return err
	}
	if err := g.Check(); err != nil {
		return usage(err.Error(), "choose a value within the parameter's bounds")
	}
	return nil
}

// assign changes parameters by their names.
func assign(p *quoin.Parameters, values map[string]uint64) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(quoin.ParameterNames(), name) {
			return usage("there is no parameter "+quote(name), "the parameters are "+strings.Join(slices.Sorted(slices.Values(quoin.ParameterNames())), ", "))
		}
		if err := p.Set(name, values[name]); err != nil {
			return usage(err.Error(), "choose a value within the parameter's bounds")
		}
	}
	return nil
}

func newGenesis(t *terminal) *cobra.Command {
	var (
		p                    plan
		files                []string
		proposers, approvers []string
		parameters           []string
		out                  string
	)
	c := &cobra.Command{
		Use: "genesis --network NAME --validator FILE... --out FOLDER", Short: "Put a genesis together from validators' public parts", Args: args(0, 0),
		Long: "Put a genesis together from the " + publicFile + " of each validator (see `quoin node init`) and the public\n" +
			"keys of those who may propose and approve changes. The file's members may be given other names,\n" +
			"organisations and roles before anybody uses it. It writes " + anchorFile + " and " + peersFile + ", which every\n" +
			"node's folder gets a copy of. No private key is needed or read.",
		RunE: func(*cobra.Command, []string) error {
			if p.network == "" || len(files) == 0 || out == "" {
				return usage("--network, --validator and --out are needed", "see `quoin genesis --help`")
			}
			for _, f := range files {
				m, err := readMember(f)
				if err != nil {
					return err
				}
				p.members = append(p.members, m)
			}
			var err error
			if p.proposers, err = publicKeys(proposers); err != nil {
				return err
			}
			if p.approvers, err = publicKeys(approvers); err != nil {
				return err
			}
			if p.parameters, err = parseParameters(parameters); err != nil {
				return err
			}
			p.now = time.Now()
			g, err := p.genesis()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return failure("the folder cannot be made", err, "")
			}
			if err := writeNetwork(out, g, p.members); err != nil {
				return err
			}
			v := map[string]any{"origin": g.Origin(), "genesis": filepath.Join(out, anchorFile), "peers": filepath.Join(out, peersFile)}
			if !governance.Governable(policy.NewJudge(), &g.Configuration) {
				t.note("warning: nobody could ever change this network: a change needs a proposer, and as many other approvers as the policies ask for")
			}
			return t.data(v, func(w io.Writer) {
				fmt.Fprintf(w, "origin   %s\ngenesis  %s\npeers    %s\n", g.Origin(), filepath.Join(out, anchorFile), filepath.Join(out, peersFile))
			})
		},
	}
	f := c.Flags()
	f.StringVar(&p.network, "network", "", "the network's name: [a-z0-9.-]")
	f.StringArrayVar(&files, "validator", nil, "a validator's "+publicFile+"; once for each")
	f.StringArrayVar(&proposers, "proposer", nil, "a public key, or a key file, that may propose and schedule; may be repeated")
	f.StringArrayVar(&approvers, "approver", nil, "a public key, or a key file, that may approve, assess and roll back; may be repeated")
	f.StringArrayVar(&parameters, "parameter", nil, "a parameter of the chain, as NAME=NUMBER; may be repeated")
	f.StringVar(&p.policies, "policies", policiesDefault, "who may change what on which evidence: default, light (no windows demanded), or a file")
	f.StringVar(&out, "out", "", "the folder to write")
	return c
}

// writeNetwork writes what the nodes of a network have in common; the genesis last, since a folder
// with a genesis is complete.
func writeNetwork(dir string, g *quoin.Genesis, members []member) error {
	b, err := json.MarshalIndent(members, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, peersFile), append(b, '\n'), 0o644); err != nil {
		return failure("the peers cannot be written", err, "")
	}
	b, err = json.MarshalIndent(g, "", "  ")
	if err != nil {
		return err
	}
	if err := writeNew(filepath.Join(dir, anchorFile), append(b, '\n'), 0o644); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return &fault{exit: exitUsage, code: "exists", what: "there is a genesis in " + dir, why: "replacing it would orphan its network", todo: "choose another folder"}
		}
		return failure("the genesis cannot be written", err, "")
	}
	return nil
}

func readMember(path string) (member, error) {
	var m member
	err := readJSON(path, memberBytesMax, &m, "the "+publicFile+" that `quoin node init` writes")
	return m, err
}

// readJSON reads a file that holds exactly one JSON value without unknown fields.
func readJSON(path string, limit int64, v any, what string) error {
	b, err := readFile(path, limit)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err = d.Decode(v)
	if err == nil {
		if _, e := d.Token(); e != io.EOF {
			err = errors.New("there is text after the first value")
		}
	}
	if err != nil {
		return &fault{exit: exitUsage, code: "bad-file", what: path + " cannot be read", cause: err, todo: "name " + what}
	}
	return nil
}

// publicKeys reads public keys in hexadecimal, or key files.
func publicKeys(texts []string) ([]quoin.PublicKey, error) {
	var keys []quoin.PublicKey
	for _, s := range texts {
		if k, err := quoin.ParsePublicKey(s); err == nil {
			keys = append(keys, k)
			continue
		}
		k, err := readKey(s)
		if err != nil {
			return nil, err
		}
		keys = append(keys, publicOf(k))
	}
	return keys, nil
}

func parseParameters(texts []string) (map[string]uint64, error) {
	values := map[string]uint64{}
	for _, s := range texts {
		name, number, ok := strings.Cut(s, "=")
		v, err := strconv.ParseUint(number, 10, 64)
		if !ok || err != nil {
			return nil, usage("--parameter "+quote(s)+" is not NAME=NUMBER", "for example --parameter heartbeat_ms=5000")
		}
		values[name] = v
	}
	return values, nil
}
