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
