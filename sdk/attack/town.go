package attack

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// town is a network of one validator: a whole replica, which admits transactions, verifies who signed
// them, prechecks what is proposed, and certifies blocks. It runs on a clock of its own.
type town struct {
	hole     Hole
	host     *plugin.Host
	table    *plugin.Table
	store    *store.Memory
	genesis  *quoin.Genesis
	replica  *replica.Replica
	now      quoin.Time
	timers   [2]replica.Timer
	salt     uint64
	life     quoin.Height // of the releases that are made; 0 without end
	finished []replica.Finished
}

// The people of a town, beside proposer and approver.
const (
	townMayor    = "v0" // the validator
	townSecond   = "second proposer"
	townAssessor = "assessor"
)

// inTown plays on a town of its own, whose genesis change may change.
func inTown(change func(*quoin.Configuration), play func(*town) (string, error)) func(*stage) (string, error) {
	return func(s *stage) (string, error) {
		w, err := s.newTown("attack", change)
		if err != nil {
			return "", err
		}
		return play(w)
	}
}

func (s *stage) newTown(network string, change func(*quoin.Configuration)) (*town, error) {
	config, err := configuration(1)
	if err != nil {
		return nil, err
	}
	config.Members = append(config.Members,
		quoin.Member{Name: "second", Key: personKey(townSecond).public, Organisation: "org-2", Roles: quoin.RoleProposer},
		quoin.Member{Name: "assessor", Key: personKey(townAssessor).public, Organisation: "org-3", Roles: quoin.RoleAssessor})
	quoin.SortMembers(config.Members)
	p := &config.Parameters
	p.NoticeHeights, p.ExpiryWindowHeights, p.ReportHeights = 2, 64, 1<<16 // nobody reports
	if change != nil {
		change(&config)
	}
	table, err := plugin.NewTable(plugin.Builtins())
	if err != nil {
		return nil, err
	}
	const founded = 1_700_000_000_000
	w := &town{hole: s.hole, host: s.hosts[0], table: table, store: store.NewMemory(), now: founded,
		genesis: &quoin.Genesis{Network: network, Chain: "main", Time: founded, Configuration: config}}
	w.replica, err = replica.New(replica.Config{Genesis: w.genesis, Signer: signature.NewSigner(personKey(townMayor).private), Store: w.store, Table: table,
		Environment: s.hole.environment(execution.Environment()), Verify: s.hole.verify()}, nil, false)
	if err != nil {
		return nil, err
	}
	return w, errors.Join(w.step(replica.Start{}), w.pass(1))
}

// step hands the replica an input, and everything that follows from it without time passing.
func (w *town) step(in replica.Input) error {
	for queue := []replica.Input{in}; len(queue) > 0; queue = queue[1:] {
		var out replica.Output
		w.now++
		w.replica.Step(w.now, queue[0], &out)
		if out.Fatal != nil {
			return out.Fatal
		}
		w.finished = append(w.finished, out.Finished...)
		for _, t := range out.Timers {
			w.timers[t.Kind] = t
		}
		if out.Sync > 0 {
			queue = append(queue, replica.Synced{Height: out.Sync})
		}
		if out.More {
			queue = append(queue, replica.Continue{})
		}
	}
	return nil
}

func (w *town) height() quoin.Height { return w.replica.Overview().Tip.Height }

// pass lets so many heights pass, each with a transaction of the bystander's, which must be served.
func (w *town) pass(heights int) error {
	var put plugin.KVBatch
	put.Put([]byte("k"), []byte("v"))
	for range heights {
		before := w.height()
		observed, err := w.send(w.transact(person{}, bystanderNamespace, put.Payload()))
		if err != nil {
			return err
		}
		if observed != accepted || w.height() == before {
			return fmt.Errorf("the bystander is not served: %s", observed)
		}
	}
	return nil
}

// transact makes a transaction that is new to the town, signed if somebody sends it.
func (w *town) transact(by person, namespace string, payload []byte) quoin.Transaction {
	w.salt++
	t := quoin.Transaction{Sender: by.public, Salt: w.salt, Expiry: w.height() + 32, Namespace: namespace, Payload: payload}
	w.sign(by, &t)
	return t
}

func (w *town) sign(by person, t *quoin.Transaction) {
	if t.Signed() {
		t.Signature = signature.Sign(by.private, quoin.TransactionSigningBytes(t.ID(w.genesis.Origin().ID())))
	}
}

// command makes the transaction of somebody's command.
func (w *town) command(by string, c governance.Command) quoin.Transaction {
	return w.transact(personKey(by), quoin.KernelNamespace, governance.Encode(c))
}

// accepted is what is observed of an attack that was not refused, and of everything else that is not.
const accepted = "accepted"

// send submits a transaction and observes whether its admission refuses it, or else its result.
func (w *town) send(t quoin.Transaction) (string, error) {
	id := t.ID(w.genesis.Origin().ID())
	at := len(w.finished)
	var out replica.Output
	w.now++
	w.replica.Step(w.now, replica.Submit{Transactions: []quoin.Transaction{t}}, &out)
	if out.Fatal != nil {
		return "", out.Fatal
	}
	if a := out.Admissions[0]; a.Code != replica.Admitted {
		return refusedBy(ByAdmission, a.Code.String()), nil
	}
	w.finished = append(w.finished, out.Finished...)
	for range 100 {
		if err := w.step(replica.Continue{}); err != nil {
			return "", err
		}
		for _, f := range w.finished[at:] {
			if k := slices.Index(f.IDs, id); k >= 0 {
				if code := governance.Code(f.Results[k].Code); code != governance.OK {
					return refusedBy(ByLedger, code.String()), nil
				}
				return accepted, nil
			}
		}
		timer := w.timers[replica.ViewTimer]
		if err := w.step(replica.TimerFired{Kind: timer.Kind, ID: timer.ID, Epoch: timer.Epoch}); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("transaction %s is not certified at height %d", id, w.height())
}

// must has somebody's commands carried out, one after the other, and lets the validator say its part.
func (w *town) must(by string, commands ...governance.Command) error {
	for _, c := range commands {
		observed, err := w.send(w.command(by, c))
		if err == nil && observed != accepted {
			err = fmt.Errorf("%T of the %s: %s", c, by, observed)
		}
		if err == nil {
			err = w.pass(2)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file makes a release file of a name and sequence, signed by its author.
func (w *town) file(name string, sequence uint64) ([]byte, error) {
	f, _ := hostile.Find(hostile.ProbeNaN)
	m := f.Manifest(author.public)
	m.Name, m.Sequence, m.Version, m.EndOfLife = name, sequence, fmt.Sprintf("1.%d.0", sequence), w.life
	file, err := plugin.Embed(f.Module, m)
	if err != nil {
		return nil, err
	}
	return plugin.Sign(file, author.private)
}

// bring makes a release, puts it where the validator finds it, and returns its proposal.
func (w *town) bring(name string, sequence uint64) (governance.Propose, error) {
	none := governance.Propose{}
	file, err := w.file(name, sequence)
	if err != nil {
		return none, err
	}
	release, err := w.host.Compile(file)
	if err != nil {
		return none, err
	}
	w.table.Add(release)
	p, err := proposeRelease(file)
	if err != nil {
		return none, err
	}
	return p, w.step(replica.ReleaseReady{Digest: release.Digest()})
}

// approve proposes something and has it approved.
func (w *town) approve(n governance.ProposalNumber, p governance.Propose) error {
	if err := w.must("proposer", p); err != nil {
		return err
	}
	return w.must("approver", governance.Approve{Proposal: n})
}

// adopt takes proposals of which the first has the number n into effect, one after the other.
func (w *town) adopt(n governance.ProposalNumber, proposals ...governance.Propose) error {
	for i := range proposals {
		if err := w.approve(n, proposals[i]); err != nil {
			return err
		}
		err := w.must("proposer", governance.Schedule{Proposal: n, Height: w.height() + 6})
		if err == nil {
			err = w.pass(8)
		}
		if err != nil {
			return err
		}
		if p, _ := governance.ReadProposal(w.replica.Kernel(), n); !p.Status.Serves() {
			return fmt.Errorf("proposal %d is %s at height %d", n, p.Status, w.height())
		}
		n++
	}
	return nil
}

// refuses sends transactions that must be refused with one code and change nothing; each is made when the
// one before was refused.
func (w *town) refuses(tries ...func() quoin.Transaction) (string, error) {
	first := ""
	for _, m := range tries {
		before, err := w.records()
		if err != nil {
			return "", err
		}
		observed, err := w.send(m())
		switch {
		case err != nil:
			return "", err
		case observed == accepted:
			return accepted, errors.New("it is carried out")
		case first != "" && observed != first:
			return observed, fmt.Errorf("the one before: %s", first)
		}
		first = observed
		if err := w.pass(1); err != nil {
			return "", err
		}
		after, err := w.records()
		if err != nil {
			return "", err
		}
		if after != before {
			return observed, errors.New("and yet it has changed what is kept of governance")
		}
	}
	return first, nil
}

// refusesCommand is refuses for commands of one member.
func (w *town) refusesCommand(by string, commands ...governance.Command) (string, error) {
	var list []func() quoin.Transaction
	for _, c := range commands {
		list = append(list, func() quoin.Transaction { return w.command(by, c) })
	}
	return w.refuses(list...)
}

// rejects proposes what people cannot see through, and returns with which finding the validator's precheck
// ends it. What serves must stay.
func (w *town) rejects(n governance.ProposalNumber, p governance.Propose) (string, error) {
	served, _ := governance.ReadSlot(w.replica.Kernel(), p.Slot())
	if err := w.must("proposer", p); err != nil {
		return "", err
	}
	q, _ := governance.ReadProposal(w.replica.Kernel(), n)
	if q.Status != governance.StatusRejected || q.Ending.Why != governance.WhyPrecheck {
		return accepted, fmt.Errorf("the proposal is %s", q.Status)
	}
	if now, _ := governance.ReadSlot(w.replica.Kernel(), p.Slot()); now.Serving != served.Serving || now.Open != 0 {
		return accepted, fmt.Errorf("the slot was %+v, is %+v", served, now)
	}
	return refusedBy(ByPrecheck, governance.PrecheckCode(q.Ending.Code).String()), nil
}

// own are the records of the kernel's namespace that belong to execution: they change with every block.
var own = []string{"block", "past/", "batch/", "seen/", "seed", "undo"}

// records digests everything that governance keeps.
func (w *town) records() (quoin.Hash, error) {
	st, err := state.Open(w.store, state.Options{})
	if err != nil {
		return quoin.Hash{}, err
	}
	d := sha256.New()
	err = st.Scan(quoin.KernelNamespace, quoin.Hash{}, func(_ quoin.Hash, key, value []byte) bool {
		if !slices.ContainsFunc(own, func(p string) bool { return strings.HasPrefix(string(key), p) }) {
			fmt.Fprintf(d, "%q %x\n", key, value)
		}
		return true
	})
	return quoin.Hash(d.Sum(nil)), err
}
