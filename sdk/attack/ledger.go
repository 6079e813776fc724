package attack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// chainCases are attacks that only a chain shows.
func chainCases() []Case {
	return []Case{
		{27, hostile.ProbeBatch, "faults in a batch, to make others pay", contained, batchFault},
		{31, hostile.ProbeBloat, "writes new keys for as long as it can", contained, bloat},
		{50, "shadow-mirror", "answers with all that it sees, to proposers, voters, shadows and those who replay", contained, shadow},
		{58, "proposals-by-strangers", "proposes without holding the role", contained, strangers},
		{58, "proposals-without-end", "proposes for every slot that it can name", contained, spam},
	}
}

// batchFault puts transactions in whose calls the machine faults among good ones, so that they meet in a
// batch: only the offender pays. Batches that fault although none of their transactions does end when
// they have done so three times, for the epoch.
func batchFault(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeBatch)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	b.Namespace, b.FuelMax = hostileNamespace, hostile.FuelMax
	config, err := configuration(4, *b)
	if err != nil {
		return "", err
	}
	var chains [2]*chain
	for i := range chains {
		if chains[i], err = newChain(s.replicas[2*i].table, config, s.hole); err != nil {
			return "", err
		}
	}
	for block := range 6 {
		payloads := [][]byte{{9}, {hostile.BatchTrap}, {9, 9}, {hostile.BatchOnlyTrap}}
		if block > 0 {
			payloads[1] = []byte{8}
		}
		counted := block > 0 && block <= governance.FaultsMax
		for i, c := range chains {
			var txs []quoin.Transaction
			for _, p := range payloads {
				txs = append(txs, c.transact(hostileNamespace, p))
			}
			o, err := c.block(txs...)
			if err != nil {
				return "", err
			}
			for k, r := range o.Results {
				want := uint32(0)
				if payloads[k][0] == hostile.BatchTrap {
					want = quoin.ResultFault + uint32(hook.FaultTrap)
				}
				if r.Code != want {
					return "answered", fmt.Errorf("%s, block %d: transaction %d has code %d, want %d", s.replicas[2*i].name, block+1, k, r.Code, want)
				}
			}
			if got := len(o.Faults) == 1 && o.Faults[0].Kind == execution.BatchFault; got != counted {
				return "answered", fmt.Errorf("%s, block %d: the faults are %v", s.replicas[2*i].name, block+1, o.Faults)
			}
		}
		if chains[0].executor.Tip().Digest() != chains[1].executor.Tip().Digest() {
			return "answered", fmt.Errorf("block %d: the replicas have different results", block+1)
		}
	}
	return contained, nil
}

// bloat lets a machine write new keys, block after block: at its quota the namespace takes no more, and
// the bystander goes on.
func bloat(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeBloat)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	b.Namespace, b.FuelMax = hostileNamespace, hook.Machine.FuelMax
	config, err := configuration(4, *b)
	if err != nil {
		return "", err
	}
	const quota, each = 1_000, 100
	config.Parameters.NamespaceMaxKeys = quota
	s.hole.quota(&config.Parameters)
	var chains [2]*chain
	for i := range chains {
		if chains[i], err = newChain(s.replicas[2*i].table, config, s.hole); err != nil {
			return "", err
		}
	}
	var put plugin.KVBatch
	put.Put([]byte("k"), []byte("v"))
	for block := range uint32(2 * quota / each) {
		for _, c := range chains {
			payload := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, each), block)
			o, err := c.block(c.transact(hostileNamespace, payload), c.transact(bystanderNamespace, put.Payload()))
			if err != nil {
				return "", err
			}
			want := uint32(0)
			if block >= quota/each {
				want = execution.ResultQuota
			}
			if o.Results[0].Code != want || o.Results[1].Code != 0 {
				return "answered", fmt.Errorf("block %d: codes %d and %d, want %d and 0", block+1, o.Results[0].Code, o.Results[1].Code, want)
			}
		}
		if chains[0].executor.Tip().Digest() != chains[1].executor.Tip().Digest() {
			return "answered", fmt.Errorf("block %d: the replicas have different results", block+1)
		}
	}
	if keys, _ := chains[0].state.Usage(hostileNamespace); keys != quota {
		return "answered", fmt.Errorf("the namespace has %d keys, its quota is %d", keys, quota)
	}
	return contained, nil
}

// shadow executes the same blocks as a proposer who has tried another block before, as a voter, as one
// who interprets, and as one who replays later: a probe that tells all that it sees tells all of them
// the same.
func shadow(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeAmbient)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	b.Namespace, b.FuelMax = hostileNamespace, hostile.FuelMax
	config, err := configuration(4, *b)
	if err != nil {
		return "", err
	}
	var chains [3]*chain
	for i := range chains {
		if chains[i], err = newChain(s.replicas[i].table, config, s.hole); err != nil {
			return "", err
		}
	}
	const blocks = 5
	var last [len(chains)]string
	for height := range blocks {
		for i, c := range chains {
			if i == 1 { // it has speculated on blocks that came to nothing
				for n := range 3 {
					odd := c.transact(hostileNamespace, []byte{byte(n), 99})
					odd.Salt += 1 << 32
					o, err := c.executor.Execute(c.propose(odd))
					if err != nil {
						return "", err
					}
					c.executor.Forget(o.Block.ID())
				}
				c.salt = chains[0].salt - 1
			}
			tx := c.transact(hostileNamespace, []byte{byte(height)})
			o, err := c.block(tx)
			if err != nil || o.Results[0].Code != 0 {
				return "", errors.Join(err, fmt.Errorf("%+v", o))
			}
			last[i] = fmt.Sprintf("%x", o.Results[0].AppendBinary(nil))
			if last[i] != last[0] || c.executor.Tip().State != chains[0].executor.Tip().State {
				return "answered", fmt.Errorf("height %d: %s sees %s, %s sees %s", height+1, s.replicas[i].name, last[i], s.replicas[0].name, last[0])
			}
		}
	}
	return contained, nil
}

// strangers lets everybody but the proposer send every command.
func strangers(s *stage) (string, error) {
	config, err := configuration(4)
	if err != nil {
		return "", err
	}
	c, err := newChain(s.replicas[0].table, config, s.hole)
	if err != nil {
		return "", err
	}
	before := c.rootOf(quoin.KernelNamespace)
	builtin := governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"})
	stranger := personKey("stranger")
	for _, command := range []governance.Command{builtin, governance.Approve{Proposal: 1}, governance.Schedule{Proposal: 1, Height: 9}, governance.Ready{Proposal: 1},
		governance.Veto{Proposal: 1}, governance.Cancel{Proposal: 1}, governance.Lift{Namespace: "kv"}, governance.Rollback{Slot: "leader.v1", From: 1}} {
		o, err := c.block(c.command(stranger, command))
		if err != nil {
			return "", err
		}
		if o.Results[0].Code <= uint32(governance.CodeBase) {
			return "answered", fmt.Errorf("%T: code %d", command, o.Results[0].Code)
		}
	}
	if open := governance.OpenProposals(c.governed()); len(open) != 0 || before.IsZero() {
		return "answered", fmt.Errorf("%d proposals are open", len(open))
	}
	return contained, nil
}

// spam lets one proposer propose for one slot again and again, and for as many slots as there are names:
// a slot has one open proposal, nobody has all of them, and the chain goes on.
func spam(s *stage) (string, error) {
	config, err := configuration(4)
	if err != nil {
		return "", err
	}
	spammer, other := personKey("proposer"), personKey("another proposer")
	config.Members = append(config.Members, quoin.Member{Name: "another", Key: other.public, Organisation: "another", Roles: quoin.RoleProposer})
	quoin.SortMembers(config.Members)
	c, err := newChain(s.replicas[0].table, config, s.hole)
	if err != nil {
		return "", err
	}
	propose := func(by person, namespace string, want governance.Code) error {
		o, err := c.block(c.command(by, governance.NewBuiltin(quoin.Binding{Hook: "machine.v1", Namespace: namespace, Builtin: "kv"})))
		if err != nil {
			return err
		}
		if got := governance.Code(o.Results[0].Code); got != want {
			return fmt.Errorf("a proposal for %s: %v, want %v", namespace, got, want)
		}
		return nil
	}
	for i := range governance.OpenProposalsMax {
		want := governance.OK
		if i >= governance.OpenPerProposerMax {
			want = governance.TooManyYours
		}
		if err := propose(spammer, fmt.Sprintf("n%d", i), want); err != nil {
			return "answered", err
		}
		if err := propose(spammer, "n0", governance.SlotBusy); err != nil {
			return "answered", err
		}
	}
	for i := range governance.OpenProposalsMax - governance.OpenPerProposerMax + 1 {
		want := governance.OK
		if i == governance.OpenProposalsMax-governance.OpenPerProposerMax {
			want = governance.TooManyOpen
		}
		if err := propose(other, fmt.Sprintf("m%d", i), want); err != nil {
			return "answered", err
		}
	}
	var batch plugin.KVBatch
	batch.Put([]byte("k"), []byte("v"))
	if o, err := c.block(c.transact(bystanderNamespace, batch.Payload())); err != nil || o.Results[0].Code != 0 {
		return "answered", errors.Join(err, errors.New("the bystander is not served"))
	}
	return contained, nil
}
