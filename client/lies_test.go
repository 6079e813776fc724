package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/governance"
)

// liar tells one lie: it changes one place of every answer of one procedure. Which lie is tell's
// matter; places counts how many there are.
type liar struct {
	procedure string
	tell      int
	places    int
	told      string
}

var _ connect.Interceptor = (*liar)(nil)

func (l *liar) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		answer, err := next(ctx, r)
		if err == nil && strings.HasSuffix(r.Spec().Procedure, "/"+l.procedure) {
			l.lie(answer.Any().(proto.Message))
		}
		return answer, err
	}
}

func (l *liar) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, s connect.Spec) connect.StreamingClientConn {
		c := next(ctx, s)
		if strings.HasSuffix(s.Procedure, "/"+l.procedure) {
			return &lyingConn{StreamingClientConn: c, l: l}
		}
		return c
	}
}

func (l *liar) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

type lyingConn struct {
	connect.StreamingClientConn
	l    *liar
	told bool
}

// Receive lies in the first message that has something to lie about.
func (c *lyingConn) Receive(m any) error {
	err := c.StreamingClientConn.Receive(m)
	if err == nil && !c.told {
		c.told = c.l.lie(m.(proto.Message))
	}
	return err
}

// nodesWord are the fields of answers that are documented as the node's word, and repetitions for
// people of what stands proved beside them.
var nodesWord = []string{".stage", ".stages", ".code", ".codes", ".place.height", ".place.index", ".next_height", ".newest_height", ".note",
	".sequences", ".indexes", ".admitted", ".admitted.", ".settled.height", ".time_ms", ".event."}

// lie tells the lie, if the message has a place for it.
func (l *liar) lie(m proto.Message) bool {
	lies := map[string]func(){}
	var names []string
	walk(m.ProtoReflect(), "", func(name string, f func()) {
		place, _, _ := strings.Cut(name, " ")
		place = strings.NewReplacer("[0]", "", "[1]", "", "[2]", "").Replace(place)
		for _, w := range nodesWord {
			if strings.HasSuffix(place, w) || strings.HasSuffix(w, ".") && strings.Contains(name, w) {
				if !strings.Contains(name, ".block.") { // of blocks, everything is proved
					return
				}
			}
		}
		lies[name] = f
		names = append(names, name)
	})
	l.places = max(l.places, len(names))
	if l.tell >= len(names) {
		return false
	}
	l.told = names[l.tell]
	lies[l.told]()
	return true
}

// walk calls visit with every change that can be made to one place of a message.
func walk(m protoreflect.Message, path string, visit func(string, func())) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := path + "." + string(f.Name())
		if f.Cardinality() == protoreflect.Required {
			return true
		}
		if f.IsList() {
			list := v.List()
			visit(name+" shorter", func() { list.Truncate(list.Len() - 1) })
			visit(name+" doubled", func() { list.Append(list.Get(list.Len() - 1)) })
			if n := list.Len(); n > 1 && (f.Kind() == protoreflect.MessageKind || f.Kind() == protoreflect.BytesKind) {
				visit(name+" swapped", func() {
					a, b := list.Get(0), list.Get(n-1)
					if f.Kind() == protoreflect.MessageKind {
						x := proto.Clone(a.Message().Interface())
						y := proto.Clone(b.Message().Interface())
						list.Set(0, protoreflect.ValueOfMessage(y.ProtoReflect()))
						list.Set(n-1, protoreflect.ValueOfMessage(x.ProtoReflect()))
						return
					}
					x := bytes.Clone(a.Bytes())
					list.Set(0, protoreflect.ValueOfBytes(bytes.Clone(b.Bytes())))
					list.Set(n-1, protoreflect.ValueOfBytes(x))
				})
			}
			for _, i := range []int{0, list.Len() - 1} {
				item := fmt.Sprintf("%s[%d]", name, i)
				if f.Kind() == protoreflect.MessageKind {
					walk(list.Get(i).Message(), item, visit)
				} else {
					change(f, list.Get(i), item, visit, func(v protoreflect.Value) { list.Set(i, v) })
				}
			}
			return true
		}
		if f.Kind() == protoreflect.MessageKind {
			walk(v.Message(), name, visit)
		} else {
			change(f, v, name, visit, func(v protoreflect.Value) { m.Set(f, v) })
		}
		visit(name+" absent", func() { m.Clear(f) })
		return true
	})
}

func change(f protoreflect.FieldDescriptor, v protoreflect.Value, name string, visit func(string, func()), set func(protoreflect.Value)) {
	switch f.Kind() {
	case protoreflect.BytesKind:
		b := v.Bytes()
		for _, at := range []int{0, len(b) / 2, len(b) - 1} {
			visit(fmt.Sprintf("%s byte %d", name, at), func() {
				bad := bytes.Clone(b)
				bad[at] ^= 0x10
				set(protoreflect.ValueOfBytes(bad))
			})
		}
		visit(name+" longer", func() { set(protoreflect.ValueOfBytes(append(bytes.Clone(b), 0))) })
		visit(name+" cut", func() { set(protoreflect.ValueOfBytes(b[:len(b)-1])) })
	case protoreflect.StringKind:
		visit(name+" other", func() { set(protoreflect.ValueOfString(v.String() + "x")) })
		visit(name+" digits", func() { set(protoreflect.ValueOfString(strings.Replace(v.String(), "1", "2", 1))) })
	case protoreflect.Uint64Kind:
		visit(name+" more", func() { set(protoreflect.ValueOfUint64(v.Uint() + 1)) })
	case protoreflect.Uint32Kind:
		visit(name+" more", func() { set(protoreflect.ValueOfUint32(uint32(v.Uint()) + 1)) })
	case protoreflect.BoolKind:
		visit(name+" not", func() { set(protoreflect.ValueOfBool(!v.Bool())) })
	}
}

// TestLiesAreRefused has a node tell, one at a time, every lie that changes one place of an answer.
// Each must be refused, or must have changed nothing of what the client returns as verified.
func TestLiesAreRefused(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	truth := dial(t, w, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	submit := func(c *Client, txs ...quoin.Transaction) []Outcome {
		o, err := c.Submit(ctx, txs, Certified)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range o {
			if x.Stage != Certified || x.Receipt.Result.Code != 0 {
				t.Fatalf("%+v, result %+v", x, x.Receipt)
			}
		}
		return o
	}
	p := governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"})
	submit(truth, w.Kernel(w.Admin, governance.Encode(p), 1, 1000))
	for prechecked := false; !prechecked; {
		if err := truth.Kernel(ctx, func(s governance.State) {
			x, ok := governance.ReadProposal(s, 1)
			prechecked = ok && x.Status == governance.StatusPrechecked
		}); err != nil {
			t.Fatal(err)
		}
	}
	submit(truth, w.Kernel(w.Second, governance.Encode(governance.Approve{Proposal: 1}), 1, 1000))
	submit(truth, w.Kernel(w.Admin, governance.Encode(governance.Schedule{Proposal: 1, Height: truth.verifier.Newest().Height + 8}), 2, 1000))
	for truth.verifier.Epoch() < 2 {
		if _, err := truth.Follow(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	txs := []quoin.Transaction{apitest.Put("k", "v", 1, 1000), apitest.Put("l", "w", 2, 1000), apitest.Put("m", "x", 3, 1000)}
	done := submit(truth, txs...)
	if done[0].Receipt.Checkpoint.Epoch != 2 {
		t.Fatalf("epoch %d", done[0].Receipt.Checkpoint.Epoch)
	}
	height := done[0].Receipt.Height

	receipts := func(o []Outcome) string {
		s := ""
		for _, x := range o {
			s += fmt.Sprintf("%s %d %x;", x.ID, x.Stage, x.Receipt.proof.Entry)
		}
		return s
	}
	calls := []struct {
		procedure string
		ask       func(*Client) (string, error)
	}{
		{"Submit", func(c *Client) (string, error) {
			o, err := c.Submit(ctx, txs, Certified)
			if err != nil {
				return "", err
			}
			return receipts(o), nil
		}},
		{"Wait", func(c *Client) (string, error) {
			o, err := c.Wait(ctx, []quoin.Hash{done[0].ID, done[1].ID}, Certified)
			if err != nil {
				return "", err
			}
			return receipts(o), nil
		}},
		{"GetTransaction", func(c *Client) (string, error) {
			r, err := c.Transaction(ctx, done[1].ID)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%s %d %x", r.ID, r.Entry, r.proof.Entry), nil
		}},
		{"Get", func(c *Client) (string, error) {
			v, err := c.Get(ctx, "kv", []byte("k"), []byte("absent"), []byte("l"))
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%q %v %v %q", v[0].Value, v[0].Present, v[1].Present, v[2].Value), nil
		}},
		{"ListEpochProofs", func(c *Client) (string, error) {
			if _, err := c.Checkpoint(ctx); err != nil {
				return "", err
			}
			configuration, _ := c.verifier.Configuration(2)
			return fmt.Sprint(c.verifier.Epoch(), configuration.Digest()), nil
		}},
		{"GetCheckpoint", func(c *Client) (string, error) {
			_, err := c.Checkpoint(ctx)
			return "", err
		}},
		{"ListBlocks", func(c *Client) (string, error) {
			blocks, _, err := c.Blocks(ctx, 1, int(height))
			s := ""
			for _, b := range blocks {
				if b.Header().Height <= height {
					s += fmt.Sprintf("%s %v %s %d;", b.ID(), b.Results, b.Proposer.Name, b.FirstEntry)
				}
			}
			return s, err
		}},
		{"Subscribe", func(c *Client) (string, error) {
			s := ""
			err := c.Feed(ctx, FeedOptions{From: height}, func(x FeedItem) bool {
				s += fmt.Sprintf("%s %v %s %d;", x.Block.ID(), x.Block.Results, x.Block.Proposer.Name, x.Block.FirstEntry)
				return false
			})
			return s, err
		}},
		{"SubmitStream", func(c *Client) (string, error) {
			s := c.Stream(ctx, true)
			defer s.Close()
			if _, err := s.Send(txs); err != nil {
				return "", err
			}
			if err := s.CloseSend(); err != nil {
				return "", err
			}
			text := ""
			for {
				e, err := s.Receive()
				if errors.Is(err, io.EOF) {
					return text, nil
				}
				if err != nil {
					return "", err
				}
				for _, x := range e.Settled {
					text += fmt.Sprintf("%d %x %v;", x.Index, x.Receipt.proof.Entry, x.Receipt.Result)
				}
			}
		}},
	}
	for _, call := range calls {
		t.Run(call.procedure, func(t *testing.T) {
			want, err := call.ask(dial(t, w, nil))
			if err != nil {
				t.Fatal(err)
			}
			refused, places := 0, 1
			for tell := 0; tell < places; tell++ {
				l := &liar{procedure: call.procedure, tell: tell}
				got, err := call.ask(dial(t, w, l))
				places = max(places, l.places)
				switch {
				case errors.Is(err, ErrProof):
					refused++
				case err != nil:
					t.Errorf("lie %q: %v", l.told, err)
				case got != want && (call.procedure != "ListBlocks" || !strings.HasPrefix(want, got)): // fewer blocks are no lie
					t.Errorf("lie %q was believed:\n%s\nwant\n%s", l.told, got, want)
				}
			}
			if refused < 10 {
				t.Errorf("%d lies of %d refused", refused, places)
			}
			t.Logf("%d of %d lies refused, the others changed nothing", refused, places)
		})
	}
}

// dial returns a client of the network's first node, which lies if it should.
func dial(t *testing.T, w *apitest.Network, l *liar) *Client {
	t.Helper()
	e := Endpoint{URL: w.Servers[0].URL()}
	c, err := New(Options{Endpoints: []Endpoint{e}, Trust: GenesisAnchor(w.Genesis), Attempts: 1, PauseMin: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if l != nil {
		x, err := newEndpoint(e, 32<<20, connect.WithInterceptors(l))
		if err != nil {
			t.Fatal(err)
		}
		c.endpoints = []*endpoint{x}
	}
	t.Cleanup(c.Close)
	return c
}

// A node that says that it is another one gets no administrator's signature: it could use it at that one.
func TestNothingIsSignedForAnotherNode(t *testing.T) {
	w := apitest.Start(t, apitest.Options{Nodes: 2})
	c := dial(t, w, nil)
	e := c.endpoints[0]
	sign := func() error {
		return c.sign(t.Context(), e, connect.NewRequest(&quoinv1.LiftRequest{}), apitest.Key("admin"), quoinv1connect.FaultServiceLiftProcedure, quoin.Hash{})
	}
	e.key = w.Nodes[1].Key() // as if this server had the other's certificate
	if err := sign(); err == nil || !strings.Contains(err.Error(), "nothing is signed") {
		t.Errorf("another node: %v", err)
	}
	if e.key = w.Nodes[0].Key(); sign() != nil {
		t.Errorf("the node itself: %v", sign())
	}
}
