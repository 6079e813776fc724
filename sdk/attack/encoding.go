package attack

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
)

// codec is one kind of message: an example, and what decodes bytes and encodes the result again. again
// returns nil if the bytes are refused.
type codec struct {
	name    string
	example []byte
	again   func(b []byte) []byte
}

// encodingCases change the bytes of every kind of message. What is still accepted must encode to the very
// bytes that were decoded: otherwise one message would have two digests, or two readers two meanings.
func encodingCases() []Case {
	var list []Case
	for i, c := range codecs() {
		list = append(list, Case{48, "encoding-" + c.name, "changes the bytes of a " + c.name, contained,
			func(*stage) (string, error) { return c.change(uint64(i)) }})
	}
	return list
}

// changesMax is how many changes each kind of message gets.
const changesMax = 4_000

func (c *codec) change(seed uint64) (string, error) {
	if got := c.again(c.example); !bytes.Equal(got, c.example) {
		return "", fmt.Errorf("the example itself becomes %x", got)
	}
	rng := rand.New(rand.NewPCG(48, seed))
	for n := range changesMax {
		b := mutate(rng, c.example)
		if got := c.again(b); got != nil && !bytes.Equal(got, b) {
			return accepted, fmt.Errorf("change %d: %x is read, and written as %x", n, b, got)
		}
	}
	return contained, nil
}

// mutate changes some bytes, repeats, drops or cuts some.
func mutate(rng *rand.Rand, example []byte) []byte {
	b := bytes.Clone(example)
	for range 1 + rng.IntN(3) {
		if len(b) == 0 {
			return append(b, byte(rng.Uint32()))
		}
		at := rng.IntN(len(b))
		if rng.IntN(2) == 0 { // lengths and counts stand at the beginning
			at = rng.IntN(min(len(b), 64))
		}
		end := min(len(b), at+1+rng.IntN(8))
		switch rng.IntN(6) {
		case 0:
			b[at] ^= 1 << rng.IntN(8)
		case 1:
			b[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[rng.IntN(5)]
		case 2:
			b = slices.Insert(b, at, b[at:end]...)
		case 3:
			b = slices.Delete(b, at, end)
		case 4:
			b = b[:at]
		case 5:
			b = append(b, byte(rng.Uint32()))
		}
	}
	return b
}

func codecs() []codec {
	config, err := configuration(4, quoin.Binding{Hook: "leader.v1", Release: quoin.Hash{1}, FuelMax: 1, Grants: []string{"beacon", "state"}})
	if err != nil {
		panic("attack: " + err.Error()) // a mistake in this package
	}
	file, err := signed("bank", author)
	if err != nil {
		panic("attack: " + err.Error())
	}
	p, err := proposeRelease(file)
	if err != nil {
		panic("attack: " + err.Error())
	}
	tx := quoin.Transaction{Sender: author.public, Salt: 7, Expiry: 9, Namespace: hostileNamespace, Payload: []byte("payload"), Signature: quoin.Signature{1}}
	entry := quoin.Entry{Transaction: tx, Result: quoin.Result{Code: 3, Fuel: 9, Output: []byte("output")}}
	block := quoin.NewBlock(quoin.Header{Epoch: 1, View: 2, Height: 1, ParentView: 1, ParentVoters: quoin.Bitmap{3}, Time: 5}, []quoin.Transaction{tx})
	evidence := &execution.Evidence{View: 3, Votes: []execution.EvidenceVote{{Validator: 1}}}
	proof := state.Proof{Directory: []state.NamespaceRoot{{Name: "kv", Root: quoin.Hash{1}}}}
	proofBytes, _ := proof.MarshalBinary()
	list := []codec{
		{"manifest", manifest("bank"), func(b []byte) []byte {
			m, err := plugin.ParseManifest(b)
			if err != nil {
				return nil
			}
			out, _ := m.Bytes()
			return out
		}},
		{"command", governance.Encode(p), func(b []byte) []byte { return commandAgain(b) }},
		{"validator-command", governance.Encode(governance.NewValidators(config.Validators)), func(b []byte) []byte { return commandAgain(b) }},
		{"transaction", tx.AppendBinary(nil), func(b []byte) []byte {
			t, err := quoin.DecodeTransaction(b)
			if err != nil {
				return nil
			}
			return t.AppendBinary(nil)
		}},
		{"entry", entry.AppendBinary(nil), func(b []byte) []byte {
			e, err := quoin.DecodeEntry(b)
			if err != nil {
				return nil
			}
			return e.AppendBinary(nil)
		}},
		{"block", block.AppendBinary(nil), func(b []byte) []byte {
			x, err := quoin.DecodeBlock(b)
			if err != nil {
				return nil
			}
			return x.AppendBinary(nil)
		}},
		{"configuration", config.AppendBinary(nil), func(b []byte) []byte {
			c, err := quoin.DecodeConfiguration(b)
			if err != nil {
				return nil
			}
			return c.AppendBinary(nil)
		}},
		{"evidence", evidence.AppendBinary(nil), func(b []byte) []byte {
			e, err := execution.DecodeEvidence(b)
			if err != nil {
				return nil
			}
			return e.AppendBinary(nil)
		}},
		{"state-proof", proofBytes, func(b []byte) []byte {
			var p state.Proof
			if p.UnmarshalBinary(b) != nil {
				return nil
			}
			out, _ := p.MarshalBinary()
			return out
		}},
	}
	return append(list, messageCodecs()...)
}

func commandAgain(b []byte) []byte {
	c, err := governance.DecodeCommand(b)
	if err != nil {
		return nil
	}
	return governance.Encode(c)
}

// messageCodecs are the requests and responses of all hooks.
func messageCodecs() []codec {
	q := &questions{rng: rand.New(rand.NewPCG(48, 48)), params: []byte("params")}
	leader := plugintestRequest(q)
	return slices.Concat(
		messages(&hook.Lead, leader, &hook.LeaderResponse{Proposer: 3}),
		messages(&hook.Apply, &hook.ApplyRequest{Height: 1, Payload: []byte("payload"), Params: q.params}, &hook.ApplyResponse{Code: 1, Output: []byte("o")}),
		messages(&hook.Query, &hook.QueryRequest{Height: 1, Payload: []byte("payload"), Params: q.params}, &hook.QueryResponse{Code: 1, Output: []byte("o")}),
		messages(&hook.Validate, &hook.ValidationRequest{Height: 1, Payload: []byte("payload"), Params: q.params}, &hook.ValidationResponse{Code: 1}),
		messages(&hook.Delay, &hook.FinalityRequest{Height: 1, Params: q.params}, &hook.FinalityResponse{Blocks: 1}),
		messages(&hook.Timeout, &hook.PacemakerRequest{View: 9, Window: []hook.PacemakerView{{View: 8, MS: 3}, {View: 2, Notarized: true}}, Params: q.params}, &hook.PacemakerResponse{TimeoutMS: 1}),
		messages(&hook.Prioritize, &hook.PriorityRequest{Namespace: []byte("kv"), Payload: []byte("payload"), Params: q.params}, &hook.PriorityResponse{Priority: 1}))
}

func plugintestRequest(q *questions) *hook.LeaderRequest {
	for {
		if r := q.leader(); len(r.Window) >= 2 && len(r.Validators) < 10 {
			return r
		}
	}
}

func messages[Q, S any](d *hook.Definition[Q, S], q *Q, s *S) []codec {
	request, err := d.EncodeRequest(nil, q)
	response, err2 := d.EncodeResponse(nil, s)
	if err := errors.Join(err, err2); err != nil {
		panic("attack: " + err.Error()) // a mistake in this package
	}
	return []codec{
		{d.Name + ".request", request, func(b []byte) []byte {
			var m Q
			if d.DecodeRequest(b, &m) != nil {
				return nil
			}
			out, _ := d.EncodeRequest([]byte{}, &m)
			return out
		}},
		{d.Name + ".response", response, func(b []byte) []byte {
			var m S
			if d.DecodeResponse(b, &m) != nil {
				return nil
			}
			out, _ := d.EncodeResponse([]byte{}, &m)
			return out
		}},
	}
}
