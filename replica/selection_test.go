package replica

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"quoin.dev/quoin"
)

var seed = flag.Uint64("seed", 0, "of the generated pools; 0: another one each time")

func random(t *testing.T) *rand.Rand {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run '^%s$' ./replica -seed %d", t.Name(), s)
	return rand.New(rand.NewPCG(s, 3))
}

// randomPool returns a pool with transactions of some senders: some expired, some gone.
func randomPool(rng *rand.Rand, senders, transactions int) *pool {
	p := newPool(PoolLimits{}, quoin.OriginID{}, nil)
	var ids []quoin.Hash
	for i := range transactions {
		t := quoin.Transaction{Salt: uint64(i), Expiry: quoin.Height(1 + rng.IntN(20)), Namespace: "kv", Payload: make([]byte, rng.IntN(60))}
		switch k := rng.IntN(20); {
		case k == 0:
			t.Namespace = quoin.KernelNamespace
		case k > 1: // otherwise it is unsigned
			t.Sender[0], t.Sender[1] = 1, byte(rng.IntN(senders))
		}
		id := quoin.Hash{byte(i), byte(i >> 8), byte(i >> 16)}
		p.add(&t, id, false, quoin.View(i), 1)
		if rng.IntN(10) == 0 {
			ids = append(ids, id)
		}
	}
	p.remove(ids)
	return p
}

func randomSelection(rng *rand.Rand) selection {
	s := selection{maxBytes: uint64(rng.IntN(6000)), maxTransactions: uint64(rng.IntN(60)), maxKernel: uint64(rng.IntN(6)), height: quoin.Height(rng.IntN(12))}
	if rng.IntN(8) == 0 {
		s.maxTransactions = 0
	}
	skipped := rng.Uint64()
	s.skip = func(x *pendingTx) bool { return (skipped>>(x.tx.Salt%64))&1 == 1 && x.tx.Salt%3 == 0 }
	since := quoin.View(rng.IntN(300))
	s.overdue = func(x *pendingTx) bool { return x.since < since }
	return s
}

// inTurn chooses without a heap: one transaction of each sender in turn. A sender whose oldest does not
// fit is out.
func inTurn(p *pool, s selection) []quoin.Transaction {
	var chosen []quoin.Transaction
	bytes := uint64(0)
	take := func(x *pendingTx) bool {
		if bytes+uint64(x.size) > s.maxBytes {
			return false
		}
		bytes += uint64(x.size)
		chosen = append(chosen, x.tx)
		return true
	}
	for _, x := range p.kernel.txs {
		if uint64(len(chosen)) >= s.maxKernel {
			break
		}
		if !x.gone && x.tx.Expiry >= s.height && !s.skip(x) {
			take(x)
		}
	}
	limit := uint64(len(chosen)) + s.maxTransactions
	cursors := make([]int, len(p.turns))
	next := -1
	for open := len(p.turns); open > 0 && uint64(len(chosen)) < limit; {
		open = 0
		for k := range p.turns {
			i := (p.turn + k) % len(p.turns)
			l, c := p.turns[i], &cursors[i]
			for *c < len(l.txs) && (l.txs[*c].gone || l.txs[*c].tx.Expiry < s.height || s.skip(l.txs[*c])) {
				*c++
			}
			if *c >= len(l.txs) {
				continue
			}
			full := uint64(len(chosen)) >= limit
			if full || !take(l.txs[*c]) {
				if next < 0 {
					next = i
				}
				if full {
					p.turn = next
					return chosen
				}
				*c = len(l.txs)
				continue
			}
			*c++
			open++
		}
	}
	if next >= 0 {
		p.turn = next
	} else if len(p.turns) > 0 {
		p.turn = (p.turn + 1) % len(p.turns)
	}
	return chosen
}

// Without priorities, and where all have the same, the senders take turns.
func TestEqualPrioritiesTakeTurns(t *testing.T) {
	rng := random(t)
	for round := range 3000 {
		p := randomPool(rng, 1+rng.IntN(12), rng.IntN(200))
		if round%2 == 1 {
			p.rank(true)
		}
		for range 4 { // as blocks follow one another
			s := randomSelection(rng)
			s.overdue = func(*pendingTx) bool { return false }
			before := p.turn
			want := inTurn(p, s)
			after := p.turn
			p.turn = before
			got := p.choose(s)
			if !slices.EqualFunc(got, want, same) || p.turn != after {
				t.Fatalf("pool %d: chose %v, then turn %d; in turns it is %v, then turn %d", round, salts(got), p.turn, salts(want), after)
			}
			var ids []quoin.Hash
			for id, x := range p.pending {
				if slices.ContainsFunc(got, func(tx quoin.Transaction) bool { return tx.Salt == x.tx.Salt }) {
					ids = append(ids, id)
				}
			}
			p.remove(ids)
		}
	}
}

// byPriority chooses as plainly as it can be said: of the senders' oldest, again and again, the best.
func byPriority(p *pool, s selection) []quoin.Transaction {
	var chosen []quoin.Transaction
	bytes := uint64(0)
	for _, x := range p.kernel.txs {
		if uint64(len(chosen)) < s.maxKernel && s.eligible(x) && bytes+uint64(x.size) <= s.maxBytes {
			bytes += uint64(x.size)
			chosen = append(chosen, x.tx)
		}
	}
	limit := len(chosen) + int(s.maxTransactions)
	lanes, taken := make([][]*pendingTx, len(p.turns)), make([]int, len(p.turns))
	for k := range p.turns {
		for _, x := range p.turns[(p.turn+k)%len(p.turns)].txs {
			if s.eligible(x) {
				lanes[k] = append(lanes[k], x)
			}
		}
	}
	for {
		best := -1
		for k, lane := range lanes {
			if len(lane) == 0 {
				continue
			}
			if best < 0 {
				best = k
				continue
			}
			a, b := lane[0], lanes[best][0]
			late, lateBest := s.overdue(a), s.overdue(b)
			switch {
			case late != lateBest:
				if late {
					best = k
				}
			case !late && a.priority != b.priority:
				if a.priority > b.priority {
					best = k
				}
			case taken[k] < taken[best]:
				best = k
			}
		}
		if best < 0 {
			return chosen
		}
		x := lanes[best][0]
		lanes[best] = lanes[best][1:]
		if len(chosen) >= limit {
			return chosen
		}
		if bytes+uint64(x.size) > s.maxBytes {
			lanes[best] = nil
			continue
		}
		bytes += uint64(x.size)
		taken[best]++
		chosen = append(chosen, x.tx)
	}
}

// Overdue transactions go first, then high priorities; each sender's keep their order.
func TestPrioritiesOrderABlock(t *testing.T) {
	rng := random(t)
	different, crossed := 0, 0
	for round := range 3000 {
		p := randomPool(rng, 1+rng.IntN(12), rng.IntN(200))
		p.rank(true)
		for _, x := range p.unasked {
			x.priority = rng.Uint64N(1 + rng.Uint64N(8))
		}
		s := randomSelection(rng)
		before := p.turn
		turns := inTurn(p, s)
		p.turn = before
		want := byPriority(p, s)
		got := p.choose(s)
		if !slices.EqualFunc(got, want, same) {
			t.Fatalf("pool %d: chose %v, want %v", round, salts(got), salts(want))
		}
		if !slices.EqualFunc(got, turns, same) {
			different++
		}
		last := map[quoin.PublicKey]uint64{}
		for _, tx := range got {
			if !tx.Kernel() {
				if tx.Salt < last[tx.Sender] {
					crossed++
				}
				last[tx.Sender] = tx.Salt
			}
		}
	}
	if crossed > 0 || different < 200 {
		t.Errorf("%d times a younger transaction of a sender went first; %d of 3000 blocks differ from those in turns", crossed, different)
	}
}

func same(a, b quoin.Transaction) bool { return a.Salt == b.Salt }

func salts(txs []quoin.Transaction) []uint64 {
	var s []uint64
	for i := range txs {
		s = append(s, txs[i].Salt)
	}
	return s
}

// BenchmarkChoose fills a block of 2,000 from pools of 60,000, as it is and as it was.
func BenchmarkChoose(b *testing.B) {
	for _, senders := range []int{1, 100, 10_000, 60_000} {
		p := newPool(PoolLimits{}, quoin.OriginID{}, nil)
		for i := range 60_000 {
			tx := quoin.Transaction{Salt: uint64(i), Expiry: 100, Namespace: "kv", Payload: make([]byte, 100)}
			tx.Sender = quoin.PublicKey{1, byte(i % senders), byte(i % senders >> 8)}
			p.add(&tx, quoin.Hash{byte(i), byte(i >> 8), byte(i >> 16)}, false, 1, 1)
		}
		s := selection{maxBytes: 1 << 20, maxTransactions: 2000, skip: func(*pendingTx) bool { return false }, overdue: func(*pendingTx) bool { return false }}
		for _, c := range []struct {
			name   string
			ranked bool
			choose func(*pool, selection) []quoin.Transaction
		}{{"before", false, inTurn}, {"equal", false, (*pool).choose}, {"ranked", true, (*pool).choose}} {
			b.Run(fmt.Sprintf("senders=%d/%s", senders, c.name), func(b *testing.B) {
				p.rank(c.ranked)
				for i, x := range p.unasked {
					x.priority = uint64(i*2654435761) % 1000
				}
				b.ReportAllocs()
				for b.Loop() {
					if len(c.choose(p, s)) != 2000 {
						b.Fatal("not a full block")
					}
				}
			})
		}
	}
}
