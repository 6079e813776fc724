package simplex_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

// command runs one line of a script and returns what came of it.
func (w *scenario) command(words []string) string {
	w.out.Reset()
	args := words[1:]
	switch words[0] {
	case "network":
		w.network(args)
	case "show":
		w.shown = args
		if len(args) == 1 && args[0] == "all" {
			w.shown = nil
		}
	case "tx":
		w.transactions(args)
	case "deliver":
		w.deliver(args)
	case "drop":
		match := w.filter(args)
		w.queue = slices.DeleteFunc(w.queue, match)
	case "pending":
		match := w.filter(args)
		for _, p := range w.queue {
			if match(p) {
				fmt.Fprintf(&w.out, "%d to %d: %s\n", p.from, p.to, w.describeParcel(p))
			}
		}
		if w.out.Len() == 0 {
			w.out.WriteString("nothing\n")
		}
	case "timeout":
		w.timeout(w.chosen(args))
	case "rounds":
		w.rounds(args)
	case "crash":
		for _, m := range w.chosen(args) {
			m.machine, m.timer, m.work, m.pool = nil, nil, nil, nil
			w.queue = slices.DeleteFunc(w.queue, func(p parcel) bool { return p.to == m.index })
		}
	case "restart":
		for _, m := range w.chosen(args) {
			m.start()
		}
	case "status":
		w.status(args)
	case "log":
		for _, r := range w.members[number(args[0])].log {
			fmt.Fprintf(&w.out, "%s\n", w.record(r))
		}
	case "clock":
		w.members[number(args[0])].clock = quoin.Time(scenarioStart + number(args[1]))
	case "hold":
		m := w.members[number(args[0])]
		if m.held = len(args) == 1; !m.held {
			for _, in := range m.execute() {
				m.step(in)
			}
		}
	case "diverge":
		m := w.members[number(args[0])]
		m.diverges = len(args) == 1
	case "refuse":
		m := w.members[number(args[0])]
		m.refuses = len(args) == 1
	case "redo": // executes the lowest uncertified block again
		m := w.members[number(args[0])]
		for _, r := range m.results {
			if r.block != nil && r.block.Header().Height > m.tip().checkpoint.Height {
				m.work = append(m.work, r.block)
			}
		}
		slices.SortFunc(m.work, func(a, b *quoin.Block) int { return int(a.Header().View) - int(b.Header().View) })
		m.work = m.work[:1]
		for _, in := range m.execute() {
			m.step(in)
		}
	case "byzantine":
		w.byzantine(number(args[0]), args[1], args[2:])
	case "replay":
		w.replay(args)
	default:
		w.t.Fatalf("unknown command %q", words[0])
	}
	return w.out.String()
}

// transactions gives members new pending transactions.
func (w *scenario) transactions(args []string) {
	plain, opts := options(args)
	list := w.chosen(nil)
	if at, ok := opts["at"]; ok {
		list = w.chosen(strings.Split(at, ","))
	}
	for range number(plain[0]) {
		w.salt++
		for _, m := range list {
			m.pool = append(m.pool, w.salt)
		}
	}
	for _, m := range list {
		m.step(consensus.Wanted{Wanted: true})
		m.wanted = true
	}
}

// chosen returns the members that a list of numbers, or "all", means, without those that are down
// if it is "all".
func (w *scenario) chosen(args []string) (list []*member) {
	if len(args) == 0 || args[0] == "all" {
		return slices.DeleteFunc(slices.Clone(w.members), func(m *member) bool { return m.machine == nil })
	}
	for _, a := range args {
		list = append(list, w.members[number(a)])
	}
	return list
}

func (w *scenario) filter(args []string) func(parcel) bool {
	_, opts := options(args)
	return func(p parcel) bool {
		for k, v := range opts {
			ok := false
			switch k {
			case "from":
				ok = slices.Contains(numbers(v), p.from)
			case "to":
				ok = slices.Contains(numbers(v), p.to)
			case "kind":
				kind, _, _ := strings.Cut(w.describeParcel(p), " ")
				ok = slices.Contains(strings.Split(v, ","), kind)
			case "view":
				words := strings.Fields(w.describeParcel(p))
				ok = len(words) > 1 && slices.Contains(strings.Split(v, ","), words[1])
			default:
				w.t.Fatalf("unknown filter %q", k)
			}
			if !ok {
				return false
			}
		}
		return true
	}
}

func (w *scenario) deliver(args []string) {
	match := w.filter(args)
	once := slices.Contains(args, "once")
	limit := len(w.queue)
	for steps := 0; ; steps++ {
		i := slices.IndexFunc(w.queue, match)
		if i < 0 || once && i >= limit {
			return
		}
		if steps > 20_000 {
			w.t.Fatal("messages follow from messages without end")
		}
		p := w.queue[i]
		w.queue = slices.Delete(w.queue, i, i+1)
		limit--
		w.arrive(p)
	}
}

func (w *scenario) timeout(list []*member) {
	for _, m := range list {
		if m.timer == nil {
			fmt.Fprintf(&w.out, "%d has no timer\n", m.index)
			continue
		}
		t := m.timer
		m.timer = nil
		m.clock += quoin.Time(t.AfterMS)
		m.step(consensus.TimedOut{Timer: t.ID})
	}
}

// rounds delivers everything and lets all timers pass, again and again, until all is quiet.
func (w *scenario) rounds(args []string) {
	plain, opts := options(args)
	for range number(plain[0]) {
		w.deliver(nil)
		busy := false
		for _, m := range w.members {
			if live, ok := opts["live"]; ok && !slices.Contains(numbers(live), m.index) {
				continue
			}
			if m.machine != nil && m.timer != nil {
				busy = true
				w.timeout([]*member{m})
			}
		}
		if !busy && len(w.queue) == 0 {
			w.out.WriteString("all is quiet\n")
			return
		}
	}
	w.deliver(nil)
}

func (w *scenario) status(args []string) {
	list := w.members
	if len(args) > 0 {
		list = w.chosen(args)
	}
	for _, m := range list {
		if m.machine == nil {
			fmt.Fprintf(&w.out, "%d is down\n", m.index)
			continue
		}
		s := m.machine.Status()
		timer := "no timer"
		if m.timer != nil {
			timer = "timer"
		}
		fmt.Fprintf(&w.out, "%d view %d, certified view %d, height %d, %s", m.index, s.View, s.CertifiedView, m.tip().checkpoint.Height, timer)
		if s.Diverged {
			w.out.WriteString(", diverged")
		}
		if s.Ended {
			w.out.WriteString(", epoch ended")
		}
		w.out.WriteString("\n")
	}
}

// byzantine makes messages with a member's key:
//
//	propose VIEW PARENT to=I,J [salt=N] [time=MS]  on the named block, with the proof that anyone has;
//	                                               salt=-1: without a transaction
//	notarize VIEW BLOCK to=I,J                     with the usual result
//	nullify VIEW to=I,J
//	finalize VIEW BLOCK to=I,J
func (w *scenario) byzantine(i int, kind string, args []string) {
	plain, opts := options(args)
	v := quoin.View(number(plain[0]))
	var message consensus.Message
	text := func(kind string) []byte { return signedText(w.origin, kind, v) }
	switch kind {
	case "nullify":
		message = &simplex.Nullify{View: v, Signature: w.signers[i].Sign(text("nullify"))}
	case "notarize":
		block := w.block(plain[1])
		digest := w.digests[block]
		message = &simplex.Notarize{View: v, Block: block, Checkpoint: digest,
			Signature: w.signers[i].Sign(append(append(text("notarize"), block[:]...), digest[:]...))}
	case "finalize":
		block := w.block(plain[1])
		for _, m := range w.members {
			if r := m.results[block]; r != nil && !m.diverges {
				message = &simplex.Finalize{Checkpoint: r.checkpoint, Signature: w.signers[i].Sign(r.checkpoint.CosignedBytes())}
			}
		}
	case "propose":
		message = w.forge(i, v, w.block(plain[1]), opts)
	}
	for _, to := range numbers(opts["to"]) {
		w.post(i, to, message)
	}
	fmt.Fprintf(&w.out, "%d sends %s %s\n", i, opts["to"], w.describe(message))
}

func signedText(o quoin.Origin, kind string, v quoin.View) []byte {
	id := o.ID()
	b := append([]byte("quoin/"+kind+"/v1\n"), id[:]...)
	return canonical.AppendUint64(canonical.AppendUint64(b, quoin.Epoch(1)), v)
}

// forge makes a proposal on a block, with whatever notarization or certificate of it is found in
// anybody's log.
func (w *scenario) forge(i int, v quoin.View, parent quoin.Hash, opts map[string]string) *simplex.Proposal {
	p := &simplex.Proposal{}
	h := quoin.Header{Epoch: 1, View: v, Parent: parent, Height: 1, Proposer: uint16(i)}
	for _, m := range w.members {
		if r := m.results[parent]; r != nil {
			h.Height, h.Time = r.checkpoint.Height+1, r.checkpoint.Time+1
			h.ParentView, h.ParentCheckpoint = r.checkpoint.View, w.digests[parent]
			if r.block == nil {
				h.ParentCheckpoint = r.checkpoint.Digest()
			}
		}
		for _, rec := range m.log {
			if rec[0] != 'E' {
				continue
			}
			x, err := simplex.Decode(rec[1:])
			if err != nil {
				w.t.Fatal(err)
			}
			if n, ok := x.(*simplex.Notarization); ok && n.Block == parent {
				p.Parent, h.ParentVoters = n, n.Signers
			}
		}
	}
	if s, ok := opts["time"]; ok {
		h.Time = quoin.Time(scenarioStart + number(s))
	}
	if w.tamper != nil {
		w.tamper(&h, p)
	}
	salt := 1000 + uint64(v)
	if s, ok := opts["salt"]; ok {
		salt = uint64(number(s))
	}
	txs := []quoin.Transaction{transaction(salt)}
	if opts["salt"] == "-1" {
		txs = nil
	}
	p.Block = quoin.NewBlock(h, txs)
	id := p.Block.ID()
	w.nameBlock(p.Block)
	c := quoin.Checkpoint{Origin: w.origin, Epoch: 1, Height: h.Height, View: v, Block: id, Time: h.Time, Size: 1}
	for _, m := range w.members {
		if r := m.results[parent]; r != nil && !m.diverges {
			c.Size, c.State = r.checkpoint.Size+1, r.checkpoint.State
			t := transaction(salt)
			c.Ledger = sha256.Sum256(t.AppendBinary(r.checkpoint.Ledger[:]))
		}
	}
	w.digests[id] = c.Digest()
	p.Signature = w.signers[i].Sign(append(signedText(w.origin, "propose", v), id[:]...))
	return p
}

func (w *scenario) block(name string) quoin.Hash {
	for id, n := range w.names {
		if n == name {
			return id
		}
	}
	w.t.Fatalf("there is no block %q", name)
	return quoin.Hash{}
}

// replay brings a nullify vote that a member signed on another chain.
func (w *scenario) replay(args []string) {
	plain, opts := options(args)
	from, to := number(plain[0]), number(plain[1])
	genesis := sha256.Sum256([]byte("scenario"))
	other := quoin.NewOrigin("test", opts["chain"], genesis)
	v := w.members[to].machine.Status().View
	w.arrive(parcel{from: from, to: to, message: (&simplex.Nullify{View: v, Signature: w.signers[from].Sign(signedText(other, "nullify", v))}).AppendBinary(nil)})
	block := quoin.Hash(sha256.Sum256([]byte("block")))
	w.arrive(parcel{from: from, to: to, message: (&simplex.Notarize{View: v, Block: block,
		Signature: w.signers[from].Sign(append(append(signedText(other, "notarize", v), block[:]...), make([]byte, 32)...))}).AppendBinary(nil)})
	c := quoin.Checkpoint{Origin: other, Epoch: 1, Height: 1, View: v, Block: block, Time: scenarioStart}
	w.arrive(parcel{from: from, to: to, message: (&simplex.Finalize{Checkpoint: c, Signature: w.signers[from].Sign(c.CosignedBytes())}).AppendBinary(nil)})
	c.Origin = w.origin // the text of this chain, the signature of the other
	d := c
	d.Origin = other
	w.arrive(parcel{from: from, to: to, message: (&simplex.Finalize{Checkpoint: c, Signature: w.signers[from].Sign(d.CosignedBytes())}).AppendBinary(nil)})
}
