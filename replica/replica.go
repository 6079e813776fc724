package replica

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/mark"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// Config is what a replica is made of.
type Config struct {
	Genesis     *quoin.Genesis
	Signer      signature.Signer // of this validator; nil observes
	Store       store.Store      // certified state, ledger and certificates
	State       state.Options
	Table       *plugin.Table
	Environment governance.Environment
	Pool        PoolLimits
	Verify      execution.Verify // of transactions' signatures; nil outside of simulations
	LogBytesMax int              // of vote log after which Output.Prune comes; default 32 MiB
	Marks       *mark.Set        // gets what is reached; nil outside of simulations
	DryCalls    bool             // the driver meets Output.DryCalls; without, prechecks make none
	Health      HealthLimits     // of what this validator says
	// NewMachine makes the machine of an epoch; nil is simplex.New. Tests plant bugs here.
	NewMachine func(simplex.Config) consensus.Machine
}

// Replica is one node's deterministic half. See the package documentation.
type Replica struct {
	c        Config
	origin   quoin.Origin
	originID quoin.OriginID
	self     quoin.PublicKey
	chain    *chain
	exec     *execution.Executor
	pool     *pool

	epoch     quoin.Epoch
	set       quoin.ValidatorSet
	index     int // of this replica in set; -1 if it does not vote
	machine   consensus.Machine
	recovered map[quoin.Epoch][]consensus.Record
	observer  bool // never votes: its vote log is not to be trusted
	view      quoin.View
	now       quoin.Time // of the present Step
	pacemaker *pacemaker // of the epoch; nil: the built-in rule

	work       []consensus.Execution
	scratch    consensus.Output
	wanted     bool
	heartbeat  bool // a block is overdue
	beats      uint64
	logBytes   int
	unsynced   []Finished
	behind     behind
	oldAnswers oldAnswers
	stretch    *stretch        // that was searched last
	suspended  map[string]bool // what is known of the certified state
	splits     splits
	accounts   accounts
	kernelView kernelView
	pulse      pulse
	found      map[compared]*finding // in the interval that is not over
	intervals  []interval            // that are over, and were not examined yet
	patients   map[trying]*patient
	priority   hook.PriorityRequest
	heardOf    []hearing // by validator's index in set
	stats      Stats
}

// Flaws are mistakes that harnesses plant, to show that their observers see what follows. The zero
// value, which New has, is a replica as it is; nothing in a node has another.
type Flaws struct {
	Execution execution.Flaws
	State     state.Flaws
	TipApart  bool // the tip goes to the store in a batch of its own
	EpochIDs  bool // a restart reads the ids of the present epoch's transactions alone
}

// logBytesDefault is how much vote log may pile up before it is written anew from a snapshot.
const logBytesDefault = 32 << 20

// New returns a replica of what the store holds and of the records of its vote log, oldest first.
// A store without a chain begins at the genesis. The first Step must be Start.
//
// observer makes it a follower that never votes: its vote log is missing, older than its last run,
// or damaged anywhere but in an unsynced tail.
func New(c Config, log []LogRecord, observer bool) (*Replica, error) {
	return NewFlawed(c, log, observer, Flaws{})
}

// NewFlawed returns a replica with flaws. It is for harnesses.
func NewFlawed(c Config, log []LogRecord, observer bool, f Flaws) (made *Replica, err error) {
	defer catch(&err)
	if err := c.Genesis.Check(); err != nil {
		return nil, err
	}
	r := &Replica{c: c, origin: c.Genesis.Origin(), oldAnswers: oldAnswers{}, suspended: map[string]bool{}, observer: observer || c.Signer == nil, recovered: map[quoin.Epoch][]consensus.Record{}}
	r.originID = r.origin.ID()
	if c.Signer != nil {
		r.self = c.Signer.Public()
	}
	if r.c.LogBytesMax == 0 {
		r.c.LogBytesMax = logBytesDefault
	}
	if r.c.NewMachine == nil {
		r.c.NewMachine = func(c simplex.Config) consensus.Machine { return simplex.New(c) }
	}
	r.pool = newPool(c.Pool, r.originID, func(id quoin.Hash, t *quoin.Transaction) (bool, uint64) { return r.exec.Accepts(id, t) })
	if c.Verify != nil {
		r.pool.verify = c.Verify
	}
	r.pool.marks, r.pool.hears = c.Marks, r.hears
	var tip execution.Tip
	if r.chain, tip, err = openChain(&r.c, f); err != nil {
		return nil, err
	}
	r.chain.state.Plant(f.State)
	r.exec = execution.NewFlawed(execution.Config{Origin: r.origin, State: r.chain.state, Log: r.chain.log, Table: c.Table,
		Environment: c.Environment, Verified: r.pool.verified, Verify: c.Verify, Marks: c.Marks}, tip, f.Execution)
	for _, rec := range log {
		epoch, record, err := rec.split()
		if err != nil {
			return nil, err
		}
		r.c.Marks.Sometimes(&marks[markOldRecords], epoch < tip.Configuration.Epoch)
		if epoch >= tip.Configuration.Epoch {
			r.recovered[epoch] = append(r.recovered[epoch], record)
			r.logBytes += len(rec)
		}
	}
	r.pool.configure(&tip.Configuration.Parameters, tip.Checkpoint.Height, tip.Seen)
	return r, r.begin()
}

// begin makes the machine of the tip's epoch.
func (r *Replica) begin() error {
	c := r.exec.Configuration()
	if err := execution.CheckVersions(c); err != nil {
		return err
	}
	r.epoch, r.set, r.index = c.Epoch, c.Validators, -1
	r.heardOf = make([]hearing, r.set.Len())
	if i, ok := r.set.Index(r.self); ok && !r.observer {
		r.index = i
	}
	root := consensus.Root{Block: r.exec.Tip().Block, Checkpoint: *r.exec.Tip()}
	if root.Checkpoint.Epoch == c.Epoch {
		root.View, root.Certificate = root.Checkpoint.View, r.chain.certificate
	}
	var signer consensus.Signer
	if r.c.Signer != nil {
		signer = r.c.Signer
	}
	config := simplex.Config{Member: consensus.Member{Origin: r.origin, Epoch: c.Epoch, Validators: r.set, Parameters: c.Parameters,
		Self: r.index, Signer: signer, Keys: signature.KeysOf(r.set), Leaders: leaders{r}, Root: root, Marks: r.c.Marks}}
	if r.pacemaker = newPacemaker(r); r.pacemaker != nil {
		config.Pacemaker = r.pacemaker
	}
	_, ranked := c.BindingFor(hook.Priority.Name, r.self)
	r.pool.rank(ranked)
	r.machine = r.c.NewMachine(config)
	for _, record := range r.recovered[c.Epoch] {
		if err := r.machine.Recover(record); err != nil {
			return fmt.Errorf("replica: the vote log of epoch %d: %w", c.Epoch, err)
		}
	}
	delete(r.recovered, c.Epoch)
	return nil
}

// leaders asks the executor for proposers.
type leaders struct{ r *Replica }

func (l leaders) Leader(v quoin.View, parent quoin.Hash) (int, bool) {
	lead, err := l.r.exec.Lead(v, parent)
	return lead.Proposer, err == nil
}

// Step takes one input and appends what it demands to out. now is the local clock.
func (r *Replica) Step(now quoin.Time, in Input, out *Output) {
	defer catch(&out.Fatal)
	r.now, r.pool.now = now, now
	switch in := in.(type) {
	case Start:
		r.feed(now, consensus.Started{}, out)
		r.beat(out)
		r.look(out)
	case Message:
		r.message(now, in, out)
	case TimerFired:
		r.timer(now, in, out)
	case Submit:
		r.submit(in, out)
	case Continue:
		r.execute(now, out)
	case Synced:
		r.synced(in, out)
	case ReleaseReady:
		r.look(out)
		r.feed(now, consensus.Retry{}, out)
	case ReleaseRefused:
		r.refused(in, out)
	case DryCalled:
		r.called(in, out)
	case SlowCalls:
		r.pulse.slowed(in.Slot, in.Calls, r.exec.Tip().Height)
	}
	r.prioritize(out)
	r.want(now, out)
	out.More = len(r.work) > 0
}

// feed steps the machine and meets what needs no waiting: everything but what is written, sent or
// executed.
func (r *Replica) feed(now quoin.Time, in consensus.Input, out *Output) {
	queue := []consensus.Input{in}
	for len(queue) > 0 {
		o := &r.scratch
		o.Reset()
		r.machine.Step(now, queue[0], o)
		queue = append(queue[1:], r.meet(now, o, out)...)
	}
}

// meet turns the machine's demands into the replica's, in order, and returns the answers to those
// that it meets itself.
func (r *Replica) meet(now quoin.Time, o *consensus.Output, out *Output) []consensus.Input {
	var answers []consensus.Input
	for _, record := range o.Persist {
		out.Log = append(out.Log, newLogRecord(r.epoch, record))
		r.logBytes += len(record)
	}
	for _, e := range o.Send {
		r.sendConsensus(e, out)
	}
	for _, f := range o.Fetch {
		r.fetch(f, out)
	}
	r.work = append(r.work, o.Execute...)
	for _, b := range o.Build {
		answers = append(answers, r.build(b))
	}
	for _, report := range o.Reports {
		r.report(report, out)
	}
	if o.Timer != nil {
		out.Timers = append(out.Timers, Timer{Kind: ViewTimer, ID: o.Timer.ID, Epoch: r.epoch, AfterMS: o.Timer.AfterMS})
		r.pacemaker.report(out)
		r.pulse.begin(r.view, now, true)
	}
	certified := append([]consensus.Certified(nil), o.Certified...)
	for _, c := range certified {
		r.certified(c, out)
		if c.Ended {
			if err := r.begin(); err != nil {
				out.Fatal = err
				return nil
			}
			return []consensus.Input{consensus.Started{}, consensus.Wanted{Wanted: r.wanted}}
		}
	}
	return answers
}

// execute executes the next block that the machine demanded.
func (r *Replica) execute(now quoin.Time, out *Output) {
	if len(r.work) == 0 {
		return
	}
	b := r.work[0].Block
	r.work = r.work[1:]
	if b.Header().Epoch != r.epoch {
		r.c.Marks.Reach(&marks[markOtherEpoch])
		return
	}
	r.pulse.begin(b.Header().View, now, false)
	answer := consensus.Executed{Block: b.ID()}
	o, err := r.exec.Execute(b)
	switch {
	case err == nil:
		answer.Verdict, answer.Checkpoint, answer.Last = consensus.Valid, o.Checkpoint, o.Last
		answer.Withhold = r.omits(o)
		r.splits.keep(o)
	case isInvalid(err):
		r.c.Marks.Reach(&marks[markBlockRefused])
		answer.Verdict = consensus.Invalid
		out.Events = append(out.Events, Event{Kind: BlockRefused, View: b.Header().View, Block: b.ID(), Reason: err.Error()})
	default:
		r.c.Marks.Reach(&marks[markAbstained])
		answer.Verdict = consensus.Abstain
		out.Events = append(out.Events, Event{Kind: Abstained, View: b.Header().View, Block: b.ID(), Reason: err.Error()})
	}
	h := b.Header()
	out.Progress = append(out.Progress, Progress{Kind: ProgressExecuted, Epoch: r.epoch, View: h.View, Height: h.Height, Block: b.ID(),
		Transactions: len(b.Transactions()), Proposer: int(h.Proposer), Verdict: answer.Verdict})
	r.feed(now, answer, out)
}

// want tells the machine whether there is a reason to make blocks.
func (r *Replica) want(now quoin.Time, out *Output) {
	wanted := r.pool.len() > 0 || r.heartbeat || r.kernelView.scheduled
	if wanted != r.wanted || wanted && r.pool.takeGrown() {
		r.wanted = wanted
		r.feed(now, consensus.Wanted{Wanted: wanted}, out)
	}
}

// timer takes a timer that has passed.
func (r *Replica) timer(now quoin.Time, in TimerFired, out *Output) {
	switch in.Kind {
	case ViewTimer:
		if in.Epoch == r.epoch {
			r.forwardOldest(out)
			r.askAccount(out)
			r.feed(now, consensus.TimedOut{Timer: in.ID}, out)
		}
	case HeartbeatTimer:
		if in.ID == r.beats {
			r.c.Marks.Reach(&marks[markHeartbeat])
			r.heartbeat = true
		}
	}
}

// beat starts the heartbeat timer anew.
func (r *Replica) beat(out *Output) {
	r.heartbeat = false
	ms := r.exec.Configuration().Parameters.HeartbeatMS
	if r.kernelView.tried && (ms == 0 || ms > triedPaceMS) {
		ms = triedPaceMS
	}
	if ms > 0 {
		r.beats++
		out.Timers = append(out.Timers, Timer{Kind: HeartbeatTimer, ID: r.beats, AfterMS: ms})
	}
}
