package lab

import (
	"crypto/ed25519"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

const (
	accounts     = 16
	clientKeys   = 64          // of the key-value machine
	resubmitUS   = 15 * second // without a receipt, a client tries another node
	submittedMax = 100         // without a receipt at a time, where clients do not wait for receipts
	thinkUS      = second / 10 // between a receipt and the next transaction, where they do
	probesMax    = 4
	probeEvery   = 3 * second
)

// clients submit transactions to random nodes, sometimes twice, sometimes to several, and try again
// when nothing is heard of them.
type clients struct {
	w        *world
	rand     random
	accounts [accounts]ed25519.PrivateKey
	interval uint64 // between two transactions, on average; 0: nobody sends any
	most     int    // that may be without a receipt
	salt     uint64
	sent     []quoin.Transaction // all of them
	made     []uint64            // when, by place in sent
	waiting  map[quoin.Hash]int  // places in sent, of those without a receipt
	codes    map[replica.AdmissionCode]uint64
	off      bool // a scenario does it
	probes   int  // still to come
}

func (c *clients) init(w *world) {
	*c = clients{w: w, rand: stream(w.o.Seed, "clients"), waiting: map[quoin.Hash]int{}, codes: map[replica.AdmissionCode]uint64{}, probes: probesMax}
	for i := range c.accounts {
		c.accounts[i] = key("account", i)
	}
	switch l := w.scenario.Load; {
	case l.Closed > 0:
		c.interval, c.most = max(1, thinkUS/l.Closed), int(l.Closed)
	case l.Rate > 0:
		c.interval, c.most = second/l.Rate, submittedMax
	}
}

func (c *clients) start() {
	if !c.off && c.interval > 0 {
		c.w.after(100_000, c.next)
	}
}

// next submits one transaction, or a burst, or an old one again.
func (c *clients) next() {
	w := c.w
	if w.draining {
		return
	}
	w.after(c.rand.below(2*c.interval)+1, c.next)
	if len(c.waiting) >= c.most {
		return
	}
	if len(c.sent) > 0 && c.rand.chance(60) {
		c.submit(c.sent[c.rand.index(len(c.sent))]) // of a client that does not know, or does not care
		return
	}
	count := 1
	if c.rand.chance(30) {
		count = int(c.rand.between(2, 20))
	}
	for range count {
		t := c.make()
		c.submit(t)
		if c.rand.chance(50) {
			c.submit(t) // to another node as well
		}
	}
}

// make makes a new transaction.
func (c *clients) make() quoin.Transaction {
	w := c.w
	c.salt++
	var batch plugin.KVBatch
	key := fmt.Appendf(nil, "key-%d", c.rand.below(clientKeys))
	switch c.rand.below(5) {
	case 0, 1:
		batch.Put(key, fmt.Appendf(nil, "value-%d", c.salt))
	case 2:
		batch.Add(fmt.Appendf(nil, "sum-%d", c.rand.below(8)), int64(c.rand.below(100)))
	case 3:
		batch.Create(key, []byte("created")) // refused if the key is there
	case 4:
		batch.Delete(key)
	}
	window := w.genesis.Configuration.Parameters.ExpiryWindowHeights
	t := quoin.Transaction{Salt: c.salt, Expiry: w.chain.height() + quoin.Height(c.rand.between(window/4, window*3/4)), Namespace: "kv", Payload: batch.Payload()}
	if p := c.w.o.Candidate; p != nil && len(p.payloads) > 0 && c.rand.chance(500) {
		t.Namespace, t.Payload = candidateNamespace, p.payloads[c.rand.index(len(p.payloads))]
	}
	if c.rand.chance(300) {
		account := c.accounts[c.rand.index(accounts)]
		t.Sender = signature.PublicOf(account)
		t.Signature = signature.Sign(account, quoin.TransactionSigningBytes(t.ID(w.origin.ID())))
	}
	id := t.ID(w.origin.ID())
	c.waiting[id] = len(c.sent)
	c.sent = append(c.sent, t)
	c.made = append(c.made, w.now)
	c.watch(id, t)
	return t
}

// watch tries again, at another node, as long as there is no receipt and the transaction may still
// come.
func (c *clients) watch(id quoin.Hash, t quoin.Transaction) {
	c.w.after(resubmitUS, func() {
		if _, ok := c.waiting[id]; !ok {
			return
		}
		if c.w.chain.height() >= t.Expiry {
			delete(c.waiting, id)
			return
		}
		c.submit(t)
		c.watch(id, t)
	})
}

func (c *clients) submit(t quoin.Transaction) {
	n := c.w.nodes[c.rand.index(len(c.w.nodes))]
	for range c.w.nodes {
		if n.up() && n.behaviour == None {
			c.w.trace.keep(&line{Event: events.Event{AtUS: c.w.now, Node: n.index, Verb: events.Submitted}, transaction: t.ID(c.w.origin.ID())})
			n.deliver(replica.Submit{Transactions: []quoin.Transaction{t}})
			return
		}
		n = c.w.nodes[(n.index+1)%len(c.w.nodes)]
	}
}

func (c *clients) admitted(n *node, a *replica.Admission) {
	c.codes[a.Code]++
	if a.Code == replica.RefusedInvalid && c.w.o.Candidate != nil {
		c.w.progress.forget(a.ID) // that a validation under trial refuses it is no stall
	}
	c.w.trace.add(c.w.now, n.index, 'a', uint64(a.Code), a.ID[:])
	c.w.trace.keep(&line{Event: events.Event{AtUS: c.w.now, Node: n.index, Verb: events.Reported, Kind: a.Code.String()}, transaction: a.ID})
}

// certified is the receipt, from the node that reports the transaction first.
func (c *clients) certified(n *node, id quoin.Hash) {
	if place, ok := c.waiting[id]; ok {
		delete(c.waiting, id)
		now := c.w.now
		c.w.trace.keep(&line{Event: events.Event{AtUS: now, Node: n.index, Verb: events.Receipt, TookUS: now - c.made[place]}, transaction: id})
	}
}

// probe gives a transaction to everybody, once the network is good: it must be certified within a
// number of views.
func (c *clients) probe() {
	w := c.w
	if c.probes == 0 {
		return
	}
	w.after(probeEvery, c.probe)
	c.probes--
	var batch plugin.KVBatch
	batch.Put(fmt.Appendf(nil, "probe-%d", c.probes), []byte("probe"))
	t := quoin.Transaction{Salt: 1<<62 + uint64(c.probes), Expiry: w.chain.height() + 100, Namespace: "kv", Payload: batch.Payload()}
	for _, n := range w.nodes {
		n.deliver(replica.Submit{Transactions: []quoin.Transaction{t}})
	}
	w.progress.expect(t.ID(w.origin.ID()))
}
