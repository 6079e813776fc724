package simplex_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/signature"
)

// scenario is a network that does only what a script says.
type scenario struct {
	t          *testing.T
	origin     quoin.Origin
	validators quoin.ValidatorSet
	keys       *signature.Keys
	signers    []signature.Signer
	parameters quoin.Parameters
	fixed      int // leader, or -1
	epoch      quoin.Height
	shown      []string
	members    []*member
	queue      []parcel
	salt       uint64
	names      map[quoin.Hash]string
	digests    map[quoin.Hash]quoin.Hash // the usual result of a block
	out        strings.Builder
	tamper     func(*quoin.Header, *simplex.Proposal) // with what byzantine proposes; nil does not
}

// parcel is something on its way.
type parcel struct {
	from, to int
	epoch    quoin.Epoch
	message  []byte             // of the protocol, or
	fetch    *consensus.Fetch   // a question for blocks, or
	blocks   *consensus.Fetched // its answer
	decoded  consensus.Message
}

type member struct {
	w        *scenario
	index    int
	machine  *simplex.Simplex
	log      []consensus.Record
	chain    []*result
	certs    map[quoin.Height]*quoin.Certificate
	results  map[quoin.Hash]*result
	pool     []uint64
	wanted   bool
	timer    *consensus.Timer
	clock    quoin.Time
	held     bool
	work     []*quoin.Block
	diverges bool
	refuses  bool
}

type result struct {
	block      *quoin.Block
	checkpoint quoin.Checkpoint
	last       bool
}

const scenarioStart = 1_700_000_000_000

// members makes n validators with keys of known seeds, and their signers in canonical order.
func members(weights []uint64) (quoin.ValidatorSet, []signature.Signer) {
	var list []quoin.Validator
	signers := map[quoin.PublicKey]signature.Signer{}
	for i, weight := range weights {
		seed := sha256.Sum256([]byte{byte(i)})
		s := signature.NewSigner(ed25519.NewKeyFromSeed(seed[:]))
		list = append(list, quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: s.Public(), Weight: weight})
		signers[s.Public()] = s
	}
	set, err := quoin.NewValidatorSet(list)
	if err != nil {
		panic(err)
	}
	var ordered []signature.Signer
	for _, v := range set.All() {
		ordered = append(ordered, signers[v.Key])
	}
	return set, ordered
}

func (w *scenario) network(args []string) {
	plain, opts := options(args)
	weights := make([]uint64, number(plain[0]))
	for i := range weights {
		weights[i] = 1
		if s, ok := opts["weights"]; ok {
			weights[i] = uint64(numbers(s)[i])
		}
	}
	w.validators, w.signers = members(weights)
	w.keys = signature.KeysOf(w.validators)
	w.parameters = quoin.DefaultParameters()
	w.fixed, w.epoch = -1, 1<<40
	if s, ok := opts["leader"]; ok {
		w.fixed = number(s)
	}
	if s, ok := opts["epoch"]; ok {
		w.epoch = quoin.Height(number(s))
	}
	if s, ok := opts["pipeline"]; ok {
		w.parameters.PipelineMaxBlocks = uint64(number(s))
	}
	w.members, w.queue, w.salt = nil, nil, 0
	w.names, w.digests = map[quoin.Hash]string{}, map[quoin.Hash]quoin.Hash{}
	genesis := sha256.Sum256([]byte("scenario"))
	w.names[genesis] = "genesis"
	w.origin = quoin.NewOrigin("test", "main", genesis)
	first := &result{checkpoint: quoin.Checkpoint{Origin: w.origin, Block: genesis, Time: scenarioStart}}
	for i := range weights {
		m := &member{w: w, index: i, chain: []*result{first}, certs: map[quoin.Height]*quoin.Certificate{}, clock: scenarioStart}
		w.members = append(w.members, m)
	}
	for _, m := range w.members {
		m.start()
	}
}

func (m *member) tip() *result { return m.chain[len(m.chain)-1] }

func (m *member) start() {
	tip := m.tip()
	root := consensus.Root{Block: tip.checkpoint.Block, Checkpoint: tip.checkpoint}
	if len(m.chain) > 1 {
		root.View, root.Certificate = tip.checkpoint.View, m.certs[tip.checkpoint.Height]
	}
	m.results = map[quoin.Hash]*result{}
	for _, x := range m.chain {
		m.results[x.checkpoint.Block] = x
	}
	m.wanted = false
	m.machine = simplex.New(simplex.Config{Member: consensus.Member{Origin: m.w.origin, Epoch: 1, Validators: m.w.validators, Parameters: m.w.parameters,
		Self: m.index, Signer: m.w.signers[m.index], Keys: m.w.keys, Leaders: m, Root: root}})
	for _, r := range m.log {
		if err := m.machine.Recover(r); err != nil {
			m.w.t.Fatalf("member %d does not recover: %v", m.index, err)
		}
	}
	m.step(consensus.Started{})
}

// Leader is the fixed leader, or the members in turn.
func (m *member) Leader(v quoin.View, _ quoin.Hash) (int, bool) {
	if m.w.fixed >= 0 {
		return m.w.fixed, true
	}
	return int(uint64(v-1) % uint64(len(m.w.members))), true
}

func (m *member) step(in consensus.Input) {
	for queue := []consensus.Input{in}; len(queue) > 0; queue = queue[1:] {
		var out consensus.Output
		m.machine.Step(m.clock, queue[0], &out)
		queue = append(queue, m.meet(&out)...)
	}
	if wanted := len(m.pool) > 0; wanted != m.wanted {
		m.wanted = wanted
		m.step(consensus.Wanted{Wanted: wanted})
	}
}

func (m *member) meet(out *consensus.Output) []consensus.Input {
	w := m.w
	for _, r := range out.Persist {
		m.log = append(m.log, bytes.Clone(r))
		w.print("persist", "%d persists %s", m.index, w.record(r))
	}
	for _, e := range out.Send {
		to := "all"
		if e.To != consensus.All {
			to = fmt.Sprint(e.To)
		}
		w.print("send", "%d sends %s %s", m.index, to, w.describe(e.Message))
		for i := range w.members {
			if i != m.index && (e.To == consensus.All || e.To == i) {
				w.post(m.index, i, e.Message)
			}
		}
	}
	for _, f := range out.Fetch {
		w.print("send", "%d fetches %s after %d from %d", m.index, w.name(f.Block), f.After, f.From)
		if f.From != consensus.All {
			w.queue = append(w.queue, parcel{from: m.index, to: f.From, epoch: 1, fetch: &f})
		}
	}
	for _, x := range out.Execute {
		m.work = append(m.work, x.Block)
	}
	var answers []consensus.Input
	if !m.held {
		answers = m.execute()
	}
	for _, b := range out.Build {
		answers = append(answers, m.build(b))
	}
	for _, c := range out.Certified {
		for _, b := range c.Blocks {
			if h := b.Header(); h.Height > m.tip().checkpoint.Height {
				m.chain = append(m.chain, m.results[b.ID()])
				m.pool = slices.DeleteFunc(m.pool, func(salt uint64) bool { return holds(b, salt) })
			}
			w.print("certify", "%d certifies %s at height %d", m.index, w.name(b.ID()), b.Header().Height)
		}
		m.certs[m.tip().checkpoint.Height] = &c.Certificate
		if c.Ended {
			w.print("certify", "%d ends the epoch by a certificate of %s", m.index, w.name(c.Certificate.Checkpoint.Block))
		}
	}
	if out.Timer != nil {
		m.timer = out.Timer
		w.print("timer", "%d sets its timer to %d ms", m.index, out.Timer.AfterMS)
	}
	for _, r := range out.Reports {
		line := fmt.Sprintf("%d reports %s view %d", m.index, r.Kind, r.View)
		if !r.Block.IsZero() {
			line += " " + w.name(r.Block)
		}
		if r.Peer >= 0 {
			line += fmt.Sprintf(" of %d", r.Peer)
		}
		for _, v := range r.Detail {
			line += fmt.Sprintf(" (%d: %s)", v.Validator, w.describe(v.Message))
		}
		w.print("report", "%s", line)
	}
	return answers
}

// execute answers all Execute demands.
func (m *member) execute() (answers []consensus.Input) {
	for _, b := range m.work {
		h := b.Header()
		if m.refuses {
			answers = append(answers, consensus.Executed{Block: b.ID(), Verdict: consensus.Invalid})
			m.results[b.ID()] = &result{block: b}
			continue
		}
		parent := m.results[h.Parent]
		c := quoin.Checkpoint{Origin: m.w.origin, Size: parent.checkpoint.Size + uint64(h.Count), Ledger: parent.checkpoint.Ledger,
			Epoch: 1, Height: h.Height, View: h.View, Block: b.ID(), State: parent.checkpoint.State, Time: h.Time}
		for _, t := range b.Transactions() {
			c.Ledger = sha256.Sum256(t.AppendBinary(c.Ledger[:]))
		}
		m.w.digests[b.ID()] = c.Digest()
		if m.diverges {
			c.State[0] ^= byte(m.index + 1)
		}
		r := &result{block: b, checkpoint: c, last: h.Height >= m.w.epoch}
		m.results[b.ID()] = r
		answers = append(answers, consensus.Executed{Block: b.ID(), Verdict: consensus.Valid, Checkpoint: c, Last: r.last})
	}
	m.work = nil
	return answers
}

// build takes the first pending transaction that no ancestor holds: one a block.
func (m *member) build(b consensus.Build) consensus.Input {
	answer := consensus.Built{View: b.View}
	for _, salt := range m.pool {
		held := b.Empty || b.Tail || len(answer.Transactions) > 0
		for at := m.results[b.Parent]; at != nil && at.block != nil && !held; at = m.results[at.block.Header().Parent] {
			held = holds(at.block, salt)
		}
		if !held {
			answer.Transactions = append(answer.Transactions, transaction(salt))
		}
	}
	answer.Nothing = len(answer.Transactions) == 0 && !b.Must
	return answer
}

func holds(b *quoin.Block, salt uint64) bool {
	return slices.ContainsFunc(b.Transactions(), func(t quoin.Transaction) bool { return t.Salt == salt })
}

func transaction(salt uint64) quoin.Transaction {
	return quoin.Transaction{Salt: salt, Expiry: 1 << 40, Namespace: "kv"}
}

func (w *scenario) post(from, to int, m consensus.Message) {
	w.queue = append(w.queue, parcel{from: from, to: to, epoch: 1, message: m.AppendBinary(nil), decoded: m})
}

// arrive hands a parcel over.
func (w *scenario) arrive(p parcel) {
	m := w.members[p.to]
	if m.machine == nil {
		return
	}
	switch {
	case p.fetch != nil:
		w.serve(p)
	case p.blocks != nil:
		m.step(*p.blocks)
	default:
		message, err := m.machine.Decode(p.message)
		if err != nil {
			w.print("drop", "%d refuses: %v", p.to, err)
			return
		}
		var out consensus.Output
		fresh := m.machine.Fresh(p.from, message, &out)
		m.meet(&out)
		if !fresh {
			return
		}
		v, err := m.machine.Verify(p.from, message)
		if err != nil {
			w.print("drop", "%d refuses: %v", p.to, err)
			return
		}
		m.step(consensus.Received{Verified: v})
	}
}

func (w *scenario) serve(p parcel) {
	m := w.members[p.to]
	answer := &consensus.Fetched{From: p.to}
	for h := p.fetch.After + 1; int(h) < len(m.chain); h++ {
		answer.Blocks = append(answer.Blocks, m.chain[h].block)
		answer.Certificate = m.certs[h]
	}
	if len(answer.Blocks) == 0 {
		for id := p.fetch.Block; ; {
			b, ok := m.machine.Block(id)
			if !ok || b.Header().Height <= m.tip().checkpoint.Height {
				break
			}
			answer.Blocks = append(answer.Blocks, b)
			id = b.Header().Parent
		}
		slices.Reverse(answer.Blocks)
	}
	if len(answer.Blocks) > 0 {
		w.queue = append(w.queue, parcel{from: p.to, to: p.from, epoch: 1, blocks: answer})
	}
}

func (w *scenario) print(kind, format string, args ...any) {
	if len(w.shown) == 0 || slices.Contains(w.shown, kind) {
		fmt.Fprintf(&w.out, format+"\n", args...)
	}
}

// name gives a block a short name.
func (w *scenario) name(id quoin.Hash) string {
	if s, ok := w.names[id]; ok {
		return s
	}
	return "an unknown block"
}

func (w *scenario) nameBlock(b *quoin.Block) string {
	if _, ok := w.names[b.ID()]; !ok {
		name := fmt.Sprintf("b%d", b.Header().View)
		for slices.Contains(values(w.names), name) {
			name += "'"
		}
		w.names[b.ID()] = name
	}
	return w.names[b.ID()]
}

func values(m map[quoin.Hash]string) (list []string) {
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

func (w *scenario) result(block, digest quoin.Hash) string {
	if usual, ok := w.digests[block]; ok && usual != digest {
		return w.name(block) + "~"
	}
	return w.name(block)
}

func signers(b quoin.Bitmap) string {
	var list []string
	for i := range b.All() {
		list = append(list, fmt.Sprint(i))
	}
	return "by " + strings.Join(list, ",")
}

func (w *scenario) describe(m consensus.Message) string {
	switch x := m.(type) {
	case *simplex.Proposal:
		h := x.Block.Header()
		s := fmt.Sprintf("propose %d %s on %s, height %d", h.View, w.nameBlock(x.Block), w.name(h.Parent), h.Height)
		if h.Count == 0 {
			s += ", empty"
		}
		if x.Parent != nil {
			s += ", with its notarization"
		}
		return s
	case *simplex.Notarize:
		return fmt.Sprintf("notarize %d %s", x.View, w.result(x.Block, x.Checkpoint))
	case *simplex.Nullify:
		return fmt.Sprintf("nullify %d", x.View)
	case *simplex.Finalize:
		return fmt.Sprintf("finalize %d %s", x.Checkpoint.View, w.result(x.Checkpoint.Block, x.Checkpoint.Digest()))
	case *simplex.Notarization:
		return fmt.Sprintf("notarization %d %s %s", x.View, w.result(x.Block, x.Checkpoint), signers(x.Signers))
	case *simplex.Nullification:
		return fmt.Sprintf("nullification %d %s", x.View, signers(x.Signers))
	case *simplex.Certificate:
		return fmt.Sprintf("certificate %d %s %s", x.Checkpoint.View, w.name(x.Checkpoint.Block), signers(x.Signers))
	case *simplex.Need:
		return fmt.Sprintf("need %d to %d", x.From, x.To)
	}
	return "?"
}

func (w *scenario) describeParcel(p parcel) string {
	switch {
	case p.fetch != nil:
		return fmt.Sprintf("fetch %s after %d", w.name(p.fetch.Block), p.fetch.After)
	case p.blocks != nil:
		s := "blocks"
		for _, b := range p.blocks.Blocks {
			s += " " + w.nameBlock(b)
		}
		return s
	}
	return w.describe(p.decoded)
}

func (w *scenario) record(r consensus.Record) string {
	switch r[0] {
	case 'B':
		b, err := quoin.DecodeBlock(r[1:])
		if err != nil {
			return err.Error()
		}
		return "body " + w.nameBlock(b)
	case 'P':
		return fmt.Sprintf("proposed %d", canonical.NewReader(r[1:9]).Uint64())
	}
	m, err := simplex.Decode(r[1:])
	if err != nil {
		return err.Error()
	}
	if r[0] == 'E' {
		return w.describe(m)
	}
	return "vote " + w.describe(m)
}
