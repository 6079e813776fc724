package plugin

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"quoin.dev/quoin/hook"
)

// errAstray ends a replay that asks for something else than the recorded call.
var errAstray = errors.New("plugin: the replay asks for something else")

// Replay calls the release anew, in a table that has it, on what the recorded call was given, and
// says in what the two differ first: nothing if they agree. An error wraps ErrLocal.
//
// The table's release should have been compiled by another engine: then a difference is an error of
// an engine, of the instrumentation, or of the machine.
func (r *Recording) Replay(t *Table) (difference string, err error) {
	p := &player{r: r}
	i, fuel, fault, err := t.prepare(r.hook, r.operation, &r.binding, r.scene(p))
	if err != nil || fault != hook.FaultNone {
		return fmt.Sprintf("a call that was answered ends in the fault %v", fault), err
	}
	defer func() { i.call.scene, i.call.batch = scene{}, nil }()
	n := len(r.Requests)
	if n > 0 {
		i.call.request = r.Requests[0]
	}
	if r.operation.Batch {
		i.call.batch = p.batch(&i.call, n, int64(fuel))
	}
	i.busy = true
	_, err = i.run(r.Operation, fuel)
	i.busy = false
	switch {
	case p.difference != "":
		return p.difference, nil
	case err != nil:
		return "", err
	}
	if i.call.batch == nil {
		p.compare(0, &i.call, 0)
	}
	p.end(&i.call, uint32(i.results[0]), int64(i.fuel.Get()))
	return p.difference, nil
}

// player answers a replay's questions from a recording.
type player struct {
	r          *Recording
	at         int // of the next exchange
	answered   int // requests
	difference string
}

var _ stage = (*player)(nil)

// differ notes a difference, if it is the first.
func (p *player) differ(what string, recorded, replayed any) {
	if p.difference == "" {
		p.difference = fmt.Sprintf("%s: %v recorded, %v replayed", what, recorded, replayed)
	}
}

// batch is that of the recorded call.
func (p *player) batch(c *call, n int, limit int64) *batch {
	return &batch{n: n, limit: limit,
		load: func(at int) hook.Fault {
			c.request = p.r.Requests[at]
			return hook.FaultNone
		},
		finish: func(at int, fuel uint64) hook.Fault {
			p.compare(at, c, limit-int64(fuel))
			if at < len(p.r.Responses) {
				return p.r.Responses[at].Fault
			}
			return hook.FaultNone
		}}
}

// compare compares the answer to a request.
func (p *player) compare(at int, c *call, left int64) {
	p.answered++
	if at >= len(p.r.Responses) {
		p.differ(fmt.Sprintf("answers to %d requests", at+1), len(p.r.Responses), at+1)
		return
	}
	s := &p.r.Responses[at]
	if s.None != !c.answered || !bytes.Equal(s.Bytes, c.response) {
		p.differ(fmt.Sprintf("response %d", at), shortBytes(s.Bytes), shortBytes(c.response))
	}
	if s.Fuel != left {
		p.differ(fmt.Sprintf("fuel left after response %d", at), s.Fuel, left)
	}
	if len(s.Events) != len(c.events) {
		p.differ("events", len(s.Events), len(c.events))
		return
	}
	for k := range s.Events {
		if !bytes.Equal(s.Events[k], c.events[k]) {
			p.differ(fmt.Sprintf("event %d", k), shortBytes(s.Events[k]), shortBytes(c.events[k]))
		}
	}
}

// end compares how the calls ended.
func (p *player) end(c *call, status uint32, fuel int64) {
	if p.r.Fault != c.fault {
		p.differ("fault", p.r.Fault, c.fault)
	}
	if p.r.Fault == hook.FaultNone {
		if p.r.Status != status {
			p.differ("status", p.r.Status, status)
		}
		if p.r.Fuel != fuel {
			p.differ("fuel left", p.r.Fuel, fuel)
		}
	}
	if p.answered != len(p.r.Responses) {
		p.differ("answered requests", len(p.r.Responses), p.answered)
	}
	if p.at != len(p.r.exchanges) {
		p.differ("questions to the state", len(p.r.exchanges), p.at)
	}
}

// shortBytes describes bytes in a few characters.
func shortBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%d bytes (%x)", len(b), sum[:6])
}

// next returns the exchange that begins with a question.
func (p *player) next(question []byte) (*exchange, error) {
	if p.at >= len(p.r.exchanges) || !bytes.Equal(p.r.exchanges[p.at].question, question) {
		recorded := "nothing"
		if p.at < len(p.r.exchanges) {
			recorded = string(p.r.exchanges[p.at].question[:1]) + ", " + shortBytes(p.r.exchanges[p.at].question)
		}
		p.differ(fmt.Sprintf("question %d to the state", p.at), recorded, string(question[:1])+", "+shortBytes(question))
		return nil, errAstray
	}
	p.at++
	return &p.r.exchanges[p.at-1], nil
}

func (p *player) Get(key []byte) ([]byte, bool, error) {
	x, err := p.next(asking(askGet, key))
	if err != nil {
		return nil, false, err
	}
	return x.answer, x.found, nil
}

func (p *player) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	x, err := p.next(asking(askScan, start, end))
	if err != nil {
		return err
	}
	for _, pair := range x.pairs {
		if !visit(pair[0], pair[1]) {
			break
		}
	}
	return nil
}

func (p *player) Put(key, value []byte) error {
	_, err := p.next(asking(askPut, key, value))
	return err
}

func (p *player) Delete(key []byte) error {
	_, err := p.next(asking(askDelete, key))
	return err
}

func (p *player) Foreign(namespace string, key []byte) ([]byte, bool, error) {
	x, err := p.next(asking(askForeign, []byte(namespace), key))
	if err != nil {
		return nil, false, err
	}
	return x.answer, x.found, nil
}

func (p *player) History(height uint64) (a hook.Ancestor, ok bool, err error) {
	x, err := p.next(asking(askHistory, binary.LittleEndian.AppendUint64(nil, height)))
	if err != nil {
		return a, false, err
	}
	return a, x.found, a.Decode(x.answer)
}

func (p *player) Proof(key []byte) ([]byte, error) {
	x, err := p.next(asking(askProof, key))
	if err != nil {
		return nil, err
	}
	return x.answer, nil
}

func (p *player) Beacon() (b [32]byte) {
	if x, err := p.next(asking(askBeacon)); err == nil {
		copy(b[:], x.answer)
	}
	return b
}
