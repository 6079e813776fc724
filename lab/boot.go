package lab

import (
	"bytes"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// boot starts the node with what its disk holds.
func (n *node) boot() {
	w := n.w
	n.life++
	*n = node{kept: n.kept}
	var nothing store.Batch
	if err := n.store.Apply(&nothing, true); err != nil { // what a store finds when it is opened stays, as with node's
		w.broken("driver", "%v", err)
		return
	}
	records, err := n.openLog()
	switch {
	case n.lost:
	case err != nil && n.rotten:
		n.lost, n.votes = true, nil // it never votes again with this key
		w.trace.note(w.now, n.index, events.Noted, "follows", "%v", err)
	case err != nil:
		w.broken("I8", "%s: the vote log does not open again: %v", n.name, err)
		return
	}
	if n.table, err = plugin.NewTable(w.builtinsOf(n)); err != nil {
		w.broken("driver", "%v", err)
		return
	}
	n.table.Plant(w.plant.host)
	w.o.Candidate.add(n.table)
	n.meter()
	for _, r := range w.corpusOf(n).all() {
		if n.releases[r.Digest()] {
			n.table.Add(r)
		}
	}
	n.replica, err = replica.NewFlawed(replica.Config{Genesis: w.genesis, Signer: n.signer, Store: n.disk(),
		State: n.stateOptions(), Pool: w.pool, Table: n.table, Environment: w.environment, Verify: w.verified.transactions,
		NewMachine: n.newMachine, LogBytesMax: logPruned, Marks: w.marksOf(n)}, records, n.lost, w.plant.flaws)
	switch {
	case n.damaged:
		n.replica = nil
		n.replaced()
		return
	case err != nil:
		w.broken("I2", "%s does not start again: %v", n.name, err)
		return
	}
	tip := n.replica.Overview().Tip
	w.trace.note(w.now, n.index, events.Booted, "", "at height %d with %d records", tip.Height, len(records))
	w.trace.add(w.now, n.index, 'b', uint64(tip.Height), tip.Block[:])
	for _, o := range w.observers {
		o.booted(n)
	}
	n.catchUpReports(&tip)
	n.deliver(replica.Start{})
}

// catchUpReports tells the observers of blocks that are certified and durable here, and that nobody
// has reported: the power went between the sync and the report. Clients learn of them from the
// store, as observers do here.
func (n *node) catchUpReports(tip *quoin.Checkpoint) {
	w := n.w
	if n.behaviour != None {
		return
	}
	for h := w.chain.height() + 1; h <= tip.Height; h++ {
		block, results, err := replica.ReadBlock(n.store, h)
		if err != nil {
			w.broken("I2", "%s does not have the certified block %d: %v", n.name, h, err)
			return
		}
		checkpoint, certificate := *tip, n.replica.Overview().Certificate
		if h < tip.Height {
			if certificate, err = replica.ReadCertificate(n.store, h); err != nil || certificate == nil || certificate.Checkpoint.Block != block.ID() {
				return // final by a descendant: that one's report tells
			}
			checkpoint = certificate.Checkpoint
		}
		if certificate == nil {
			return
		}
		f := &replica.Finished{Block: block, Results: results, Checkpoint: checkpoint, Certificate: certificate}
		for i := range block.Transactions() {
			f.IDs = append(f.IDs, block.Transactions()[i].ID(w.origin.ID()))
		}
		n.reported = max(n.reported, h)
		for _, o := range w.observers {
			o.finished(n, f)
		}
	}
}

// stateOptions differ from node to node, because they must not matter.
func (n *node) stateOptions() state.Options {
	return state.Options{CacheBytes: 64 << 10 << (2 * (n.index % 4)), ValueBytes: 16 << 10 << (2 * (n.index % 4)), FlushTouched: 64 << (n.index % 4)}
}

// openLog opens the vote log and reads its records.
func (n *node) openLog() (records []replica.LogRecord, err error) {
	identity := w32(n.w.genesis.Hash(), n.key)
	n.votes, err = disk.OpenLog(n.fs, "votes", disk.Options{SegmentBytes: logSegment, MarkEverySyncs: 32, Identity: identity, MustExist: n.logged, Marks: n.w.marksOf(n)})
	if err != nil {
		return nil, err
	}
	n.logged = true
	n.w.result.Faults.TornBytes += uint64(n.votes.Torn())
	err = n.votes.Read(n.votes.First(), func(_ uint64, record []byte) bool {
		records = append(records, bytes.Clone(record))
		return true
	})
	return records, err
}

func w32(genesis quoin.Hash, key quoin.PublicKey) (identity [32]byte) {
	for i := range identity {
		identity[i] = genesis[i] ^ key[i]
	}
	return identity
}

// newMachine makes the consensus machine of an epoch, and watches it.
func (n *node) newMachine(c simplex.Config) consensus.Machine {
	n.machine = &watched{n.plantedMachine(c), n, c.Epoch}
	return n.machine
}

// plantedMachine makes a machine with what is planted in it.
func (n *node) plantedMachine(c simplex.Config) consensus.Machine {
	c.Keys = &keys{verified: n.w.verified, keys: signature.KeysOf(c.Validators)}
	if n.behaviour != None {
		return n.behaviour.corrupt(n, c)
	}
	return n.w.plant.honest(c)
}
