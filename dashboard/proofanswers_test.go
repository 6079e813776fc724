package dashboard_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/ledger"
)

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// canned is a node that answers with what it was given: by the method's name, in JSON.
type canned struct {
	quoinv1connect.UnimplementedLedgerServiceHandler
	quoinv1connect.UnimplementedStateServiceHandler
	answers map[string]any
}

func tell[Q, R any, P interface {
	*R
	proto.Message
}](n *canned, method string, _ *connect.Request[Q]) (*connect.Response[R], error) {
	b, err := json.Marshal(n.answers[method])
	if err != nil {
		return nil, err
	}
	var m R
	if err := protojson.Unmarshal(b, P(&m)); err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	return connect.NewResponse(&m), nil
}

func (n *canned) GetCheckpoint(_ context.Context, r *connect.Request[quoinv1.GetCheckpointRequest]) (*connect.Response[quoinv1.GetCheckpointResponse], error) {
	return tell[quoinv1.GetCheckpointRequest, quoinv1.GetCheckpointResponse](n, "GetCheckpoint", r)
}

func (n *canned) ListBlocks(_ context.Context, r *connect.Request[quoinv1.ListBlocksRequest]) (*connect.Response[quoinv1.ListBlocksResponse], error) {
	return tell[quoinv1.ListBlocksRequest, quoinv1.ListBlocksResponse](n, "ListBlocks", r)
}

func (n *canned) GetTransaction(_ context.Context, r *connect.Request[quoinv1.GetTransactionRequest]) (*connect.Response[quoinv1.GetTransactionResponse], error) {
	return tell[quoinv1.GetTransactionRequest, quoinv1.GetTransactionResponse](n, "GetTransaction", r)
}

func (n *canned) ListEpochProofs(_ context.Context, r *connect.Request[quoinv1.ListEpochProofsRequest]) (*connect.Response[quoinv1.ListEpochProofsResponse], error) {
	return tell[quoinv1.ListEpochProofsRequest, quoinv1.ListEpochProofsResponse](n, "ListEpochProofs", r)
}

func (n *canned) Get(_ context.Context, r *connect.Request[quoinv1.GetRequest]) (*connect.Response[quoinv1.GetResponse], error) {
	return tell[quoinv1.GetRequest, quoinv1.GetResponse](n, "Get", r)
}

// question is what both clients ask the canned node, and how each says what it was told.
type question struct {
	method string
	page   map[string]any
	client func(context.Context, *client.Client) (string, error)
}

// testAnswers has a node tell lies to both clients, one at a time: each must be refused by both with
// one code, or be believed by both for the same.
func testAnswers(t *testing.T, c *chain, p *page) {
	s := seed()
	t.Logf("seed %d; replay with: go test ./dashboard -run TestBrowserVerifiesGenuineProofs -proof-seed %d", s, s)
	r := rand.New(rand.NewPCG(s, 5))
	entry := c.entries[len(c.entries)-2]
	second, _ := c.c.Verifier().Configuration(2)
	from := second.First - 3
	truth := c.record(entry, from)
	n := &canned{}
	mux := http.NewServeMux()
	mux.Handle(quoinv1connect.NewLedgerServiceHandler(n))
	mux.Handle(quoinv1connect.NewStateServiceHandler(n))
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true) // which the client speaks
	server.Start()
	t.Cleanup(server.Close)
	for _, q := range c.questions(entry, from) {
		verdicts := map[string]int{}
		for i := range 60 {
			n.answers = maps.Clone(truth)
			what := "the truth"
			if i > 0 {
				lied := []string{q.method, q.method, "ListEpochProofs"}[r.IntN(3)]
				n.answers[lied], what = lie(r, truth[lied])
				what = lied + what
			}
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			x := c.dial(server.URL)
			want := verdict(q.client(ctx, x))
			if ctx.Err() != nil { // the client asks again while there is time
				want = answer{Code: "proof"}
			}
			cancel()
			q.page["answers"], q.page["genesis"] = n.answers, c.genesis
			p.agree(fmt.Sprintf("%s, %s", q.method, what), p.ask("ask", q.page), want)
			verdicts[want.Code]++
			if i == 0 && want.Code != "" {
				t.Fatalf("%s: %+v", q.method, want)
			}
		}
		if verdicts["proof"] < 15 {
			t.Errorf("%s: %v", q.method, verdicts)
		}
	}
	n.answers = truth
	a := p.ask("ask", map[string]any{"call": "note", "answers": truth, "genesis": c.genesis})
	if note := truth["GetCheckpoint"].(map[string]any)["note"]; a.Said != note {
		t.Errorf("the note is written as\n%s\n%s\nwant\n%s", a.Said, a.Sentence, note)
	}
	a = p.ask("ask", map[string]any{"call": "proof", "index": fmt.Sprint(entry), "answers": truth, "genesis": c.genesis})
	if x, err := client.VerifyProof([]byte(a.Said), c.trust); err != nil || x.Index != entry {
		t.Errorf("the page's own proof file: %v %s\n%s", err, a.Sentence, a.Said)
	}
}

func (c *chain) questions(entry uint64, from quoin.Height) []question {
	r, err := c.c.Entry(within(c.T, 10*time.Second), entry)
	if err != nil {
		c.Fatal(err)
	}
	receipt := func(r *client.Receipt, err error) (string, error) {
		if err != nil {
			return "", err
		}
		e := quoin.Entry{Transaction: r.Transaction, Result: r.Result}
		return entryText(r.ID, &e), nil
	}
	return []question{
		{"GetCheckpoint", map[string]any{"call": "checkpoint"}, func(ctx context.Context, x *client.Client) (string, error) {
			certificate, err := x.Checkpoint(ctx)
			return fmt.Sprint(certificate.Checkpoint.Height), err
		}},
		{"ListBlocks", map[string]any{"call": "blocks", "from": fmt.Sprint(from)}, func(ctx context.Context, x *client.Client) (string, error) {
			blocks, next, err := x.Blocks(ctx, from, 0)
			var text []string
			for i := range blocks {
				text = append(text, blockText(&blocks[i]))
			}
			return fmt.Sprintf("%d;%s", next, strings.Join(text, ";")), err
		}},
		{"GetTransaction", map[string]any{"call": "entry", "index": fmt.Sprint(entry)}, func(ctx context.Context, x *client.Client) (string, error) {
			return receipt(x.Entry(ctx, entry))
		}},
		{"GetTransaction", map[string]any{"call": "transaction", "id": r.ID[:]}, func(ctx context.Context, x *client.Client) (string, error) {
			return receipt(x.Transaction(ctx, r.ID))
		}},
		{"Get", map[string]any{"call": "value", "namespace": "kv", "key": []byte("one-1")}, func(ctx context.Context, x *client.Client) (string, error) {
			values, err := x.Get(ctx, "kv", []byte("one-1"))
			if err != nil || !values[0].Present {
				return "absent", err
			}
			return fmt.Sprintf("%x", values[0].Value), nil
		}},
	}
}

func blockText(b *client.Block) string {
	var entries []string
	for i, tx := range b.Transactions() {
		entries = append(entries, fmt.Sprintf("%d %x", b.Results[i].Code, tx.AppendBinary(nil)))
	}
	return fmt.Sprintf("%s %s %d %d %s", b.ID(), b.Proposer.Name, b.FirstEntry, b.Certificate.Height, strings.Join(entries, ","))
}

// record asks the real node once.
func (c *chain) record(entry uint64, from quoin.Height) map[string]any {
	c.Helper()
	ctx, url := within(c.T, 10*time.Second), c.w.Servers[0].URL()
	l, s := quoinv1connect.NewLedgerServiceClient(http.DefaultClient, url), quoinv1connect.NewStateServiceClient(http.DefaultClient, url)
	checkpoint, err1 := l.GetCheckpoint(ctx, connect.NewRequest(&quoinv1.GetCheckpointRequest{}))
	blocks, err2 := l.ListBlocks(ctx, connect.NewRequest(&quoinv1.ListBlocksRequest{FromHeight: uint64(from), Limit: 12}))
	transaction, err3 := l.GetTransaction(ctx, connect.NewRequest(&quoinv1.GetTransactionRequest{By: &quoinv1.GetTransactionRequest_Entry{Entry: entry}}))
	epochs, err4 := l.ListEpochProofs(ctx, connect.NewRequest(&quoinv1.ListEpochProofsRequest{FromEpoch: 1}))
	value, err5 := s.Get(ctx, connect.NewRequest(&quoinv1.GetRequest{Namespace: "kv", Keys: [][]byte{[]byte("one-1")}}))
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			c.Fatal(err)
		}
	}
	set, _ := c.c.Verifier().Configuration(epochsOfChain)
	if _, err := ledger.ParseSignedNote([]byte(checkpoint.Msg.Note), set.Validators); err != nil {
		c.Fatal(err)
	}
	return map[string]any{"GetCheckpoint": c.json(checkpoint.Msg), "ListBlocks": c.json(blocks.Msg), "GetTransaction": c.json(transaction.Msg),
		"ListEpochProofs": c.json(epochs.Msg), "Get": c.json(value.Msg)}
}

func (c *chain) json(m proto.Message) any {
	c.Helper()
	b, err := protojson.Marshal(m)
	if err != nil {
		c.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		c.Fatal(err)
	}
	return v
}

// nodesWord are fields that nobody is asked to believe.
var nodesWord = []string{"note", "nextHeight", "newestHeight"}

// lie returns a copy of an answer with one place changed, and says which.
func lie(r *rand.Rand, v any) (any, string) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return v, " as it is"
		}
		bad, names := maps.Clone(v), slices.Sorted(maps.Keys(v))
		names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(nodesWord, name) })
		name := names[r.IntN(len(names))]
		if r.IntN(20) == 0 {
			delete(bad, name)
			return bad, "." + name + " absent"
		}
		inner, what := lie(r, v[name])
		bad[name] = inner
		return bad, "." + name + what
	case []any:
		bad := slices.Clone(v)
		i := r.IntN(len(v))
		switch r.IntN(8) {
		case 0:
			return slices.Delete(bad, i, i+1), fmt.Sprintf("[%d] absent", i)
		case 1:
			return slices.Insert(bad, i, v[i]), fmt.Sprintf("[%d] twice", i)
		case 2:
			bad[i], bad[0] = bad[0], bad[i]
			return bad, fmt.Sprintf("[%d] first", i)
		}
		inner, what := lie(r, v[i])
		bad[i] = inner
		return bad, fmt.Sprintf("[%d]%s", i, what)
	case string:
		return lieText(r, v)
	case bool:
		return !v, " not"
	case float64:
		return v + 1, " more"
	}
	return v, " as it is"
}

func lieText(r *rand.Rand, s string) (any, string) {
	if len(s) <= 20 && strings.Trim(s, "0123456789") == "" {
		return fmt.Sprint(r.IntN(200)), " another number"
	}
	if b, err := base64.StdEncoding.DecodeString(s); err == nil {
		return base64Of(mutateField(r, b)), " other bytes"
	}
	digits := []byte(s)
	for range 200 {
		if i := r.IntN(len(digits)); '0' <= digits[i] && digits[i] <= '9' {
			digits[i] = byte('0' + r.IntN(10))
			return string(digits), fmt.Sprintf(" digit %d", i)
		}
	}
	return s + "x", " longer"
}
