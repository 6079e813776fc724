package client_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

func open(t testing.TB, w *apitest.Network) *client.Client {
	t.Helper()
	o := client.Options{Trust: client.GenesisAnchor(w.Genesis)}
	for i, s := range w.Servers {
		o.Endpoints = append(o.Endpoints, client.Endpoint{URL: s.URL(), Key: signature.PublicOf(w.Keys[i])})
	}
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// certify submits transactions and wants receipts of success.
func certify(t testing.TB, c *client.Client, txs ...quoin.Transaction) []client.Outcome {
	t.Helper()
	outcomes, err := c.Submit(within(t), txs, client.Certified)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Stage != client.Certified || o.Receipt.Result.Code != 0 {
			t.Fatalf("transaction %d: %+v, result %+v", i, o, o.Receipt)
		}
	}
	return outcomes
}

func TestSubmitGetAndProve(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", tls), func(t *testing.T) {
			w := apitest.Start(t, apitest.Options{TLS: tls})
			c := open(t, w)
			ctx := within(t)
			expiry, err := c.Expiry(ctx)
			if err != nil {
				t.Fatal(err)
			}
			tx := apitest.Put("hello", "world", 1, expiry)
			first := certify(t, c, tx)[0]
			again := certify(t, c, tx)[0]
			if first.Receipt.Entry != again.Receipt.Entry || again.Code != "already-certified" {
				t.Errorf("submitted again: %+v, first %+v", again, first)
			}
			byID, err := c.Transaction(ctx, first.ID)
			if err != nil || byID.Entry != first.Receipt.Entry || byID.Height != first.Receipt.Height {
				t.Errorf("by id: %+v, %v", byID, err)
			}
			byEntry, err := c.Entry(ctx, first.Receipt.Entry)
			if err != nil || byEntry.ID != first.ID {
				t.Errorf("by entry: %+v, %v", byEntry, err)
			}
			values, err := c.Get(ctx, "kv", []byte("hello"), []byte("nobody"))
			if err != nil {
				t.Fatal(err)
			}
			if !values[0].Present || string(values[0].Value) != "world" || values[1].Present {
				t.Errorf("values %+v", values)
			}
			trust := client.GenesisAnchor(w.Genesis)
			for _, p := range []*client.Proof{first.Receipt.Proof(), values[0].Proof(), values[1].Proof()} {
				file, err := p.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				v, err := client.VerifyProof(file, trust)
				if err != nil {
					t.Fatalf("%s\n%v", file, err)
				}
				if v.Kind == client.ProofOfEntry && v.ID != first.ID || len(v.Signers) == 0 {
					t.Errorf("verified %+v", v)
				}
				flip(t, file, trust)
			}
			q, err := c.Query(ctx, "kv", plugin.KVGetQuery([]byte("hello")))
			if err != nil || string(q.Output) != "world" {
				t.Errorf("query: %v, %v", q, err)
			}
			if s, err := c.Status(ctx); err != nil || s.Validator != "v0" || s.LeaderRelease != "builtin:round-robin" {
				t.Errorf("status: %v, %v", s, err)
			}
		})
	}
}

// flip changes every byte of the file, and then every byte of every decoded binary field and of the
// checkpoint; no such file may verify.
func flip(t *testing.T, file []byte, trust client.Anchor) {
	t.Helper()
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 1
		if v, err := client.VerifyProof(bad, trust); err == nil {
			// Of an absent key the proof may show that a neighbour is absent too, which is true.
			if v.Kind == client.ProofOfState && !v.Present && !bytes.Equal(bad, file) && sameBut(t, file, bad, "key", "namespace") {
				continue
			}
			t.Errorf("byte %d of the file changed: verified\n%s", i, bad)
		} else if !errors.Is(err, client.ErrProof) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	var fields map[string]any
	if err := json.Unmarshal(file, &fields); err != nil {
		t.Fatal(err)
	}
	for name, field := range fields {
		switch field := field.(type) {
		case string:
			if name != "value" && name != "proof" && name != "signers" && name != "checkpoint" {
				continue
			}
			decoded, encode := []byte(field), func(b []byte) string { return string(b) }
			if name != "checkpoint" {
				decoded, _ = base64.StdEncoding.DecodeString(field)
				encode = base64.StdEncoding.EncodeToString
			}
			for i := range decoded {
				for bit := range 8 {
					bad := bytes.Clone(decoded)
					bad[i] ^= 1 << bit
					old, _ := json.Marshal(field)
					now, _ := json.Marshal(encode(bad))
					refuse(t, bytes.Replace(file, old, now, 1), trust, name)
				}
			}
		case []any:
			if name != "signatures" {
				continue
			}
			for _, s := range field {
				decoded, _ := base64.StdEncoding.DecodeString(s.(string))
				for i := range decoded {
					bad := bytes.Clone(decoded)
					bad[i] ^= 1
					refuse(t, bytes.Replace(file, []byte(s.(string)), []byte(base64.StdEncoding.EncodeToString(bad)), 1), trust, name)
				}
			}
		}
	}
	for _, bad := range [][]byte{append(bytes.Clone(file), '\n'), bytes.Replace(file, []byte("{"), []byte("{ "), 1),
		bytes.Replace(file, []byte(`"format"`), []byte(`"more": 1, "format"`), 1), bytes.ReplaceAll(file, []byte("  "), nil)} {
		refuse(t, bad, trust, "form")
	}
}

func sameBut(t *testing.T, a, b []byte, names ...string) bool {
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	for _, n := range names {
		delete(x, n)
		delete(y, n)
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

func refuse(t *testing.T, bad []byte, trust client.Anchor, what string) {
	t.Helper()
	if _, err := client.VerifyProof(bad, trust); !errors.Is(err, client.ErrProof) {
		t.Errorf("%s changed: %v\n%s", what, err, bad)
	}
}

func TestProofOfAnotherNetworkFails(t *testing.T) {
	ours := apitest.Start(t, apitest.Options{})
	theirs := apitest.Start(t, apitest.Options{Name: "other"})
	c := open(t, theirs)
	o := certify(t, c, apitest.Put("hello", "world", 1, 1000))
	file, err := o[0].Receipt.Proof().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.VerifyProof(file, client.GenesisAnchor(theirs.Genesis)); err != nil {
		t.Fatal(err)
	}
	refuse(t, file, client.GenesisAnchor(ours.Genesis), "network")
	// The same origin with other keys.
	forged := client.GenesisAnchor(ours.Genesis)
	forged.Origin = theirs.Genesis.Origin()
	refuse(t, file, forged, "keys")
}

// TestFollowsEpochs changes the leader twice on four nodes and wants the client, proofs, blocks and a
// saved anchor to go along.
func TestFollowsEpochs(t *testing.T) {
	w := apitest.Start(t, apitest.Options{Nodes: 4})
	c := open(t, w)
	early := certify(t, c, apitest.Put("early", "1", 1, 1000))[0]
	bind(t, w, c, "weighted-random", 10)
	bind(t, w, c, "round-robin", 20)
	late := certify(t, c, apitest.Put("late", "2", 2, 1000))[0]
	if e := late.Receipt.Checkpoint.Epoch; e != 3 {
		t.Fatalf("epoch %d, want 3", e)
	}
	trust := client.GenesisAnchor(w.Genesis)
	for _, r := range []*client.Receipt{early.Receipt, late.Receipt} {
		file, err := r.Proof().Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.VerifyProof(file, trust); err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
	}
	stranger(t, w, early.ID)
	blocks(t, w, c, late.Receipt)

	anchor := c.Anchor()
	b, err := json.Marshal(&anchor)
	if err != nil {
		t.Fatal(err)
	}
	var saved client.Anchor
	if err := json.Unmarshal(b, &saved); err != nil {
		t.Fatal(err)
	}
	if saved.Configuration.Epoch != 3 {
		t.Errorf("saved epoch %d", saved.Configuration.Epoch)
	}
	o := client.Options{Endpoints: []client.Endpoint{{URL: w.Servers[1].URL()}}, Trust: saved, TrustPeriod: time.Hour}
	later, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	if _, err := later.Get(within(t), "kv", []byte("late")); err != nil {
		t.Error(err)
	}
	if _, err := later.Transaction(within(t), early.ID); !errors.Is(err, client.ErrProof) {
		t.Errorf("a receipt of an epoch before the anchor: %v", err)
	}
	saved.Time -= quoin.Time(2 * time.Hour / time.Millisecond)
	o.Trust = saved
	if _, err := client.New(o); !errors.Is(err, client.ErrAnchor) {
		t.Errorf("an old anchor: %v", err)
	}
	history(t, c)
}

// bind makes a built-in serve leader.v1 by proposal, approval and schedule.
func bind(t *testing.T, w *apitest.Network, c *client.Client, builtin string, salt uint64) {
	t.Helper()
	before := c.Verifier().Epoch()
	p := governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: builtin})
	certify(t, c, w.Kernel(w.Admin, governance.Encode(p), salt, 1000))
	var number governance.ProposalNumber
	for checked := false; !checked; { // by the validators
		if err := c.Kernel(within(t), func(s governance.State) {
			for x := range governance.Proposals(s) {
				number, checked = x.Number, x.Status == governance.StatusPrechecked
				break
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	certify(t, c, w.Kernel(w.Second, governance.Encode(governance.Approve{Proposal: number}), salt+1, 1000))
	at := c.Verifier().Newest().Height + 8
	certify(t, c, w.Kernel(w.Admin, governance.Encode(governance.Schedule{Proposal: number, Height: at}), salt+2, 1000))
	for c.Verifier().Epoch() == before {
		if _, err := c.Get(within(t), "kv", []byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Follow(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	configuration, _ := c.Verifier().Configuration(before + 1)
	if configuration.First != at+1 {
		t.Errorf("epoch %d begins at %d, want %d", before+1, configuration.First, at+1)
	}
}

// stranger wants a client that begins at the genesis to get to the same place by itself, from
// another node.
func stranger(t *testing.T, w *apitest.Network, id quoin.Hash) {
	t.Helper()
	c, err := client.New(client.Options{Endpoints: []client.Endpoint{{URL: w.Servers[2].URL()}}, Trust: client.GenesisAnchor(w.Genesis)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Get(within(t), "kv", []byte("early")); err != nil {
		t.Error(err)
	}
	if e := c.Verifier().Epoch(); e != 3 {
		t.Errorf("a stranger is in epoch %d", e)
	}
	if _, err := c.Transaction(within(t), id); err != nil {
		t.Error(err)
	}
}

// blocks reads all blocks by list and by feed.
func blocks(t *testing.T, w *apitest.Network, c *client.Client, r *client.Receipt) {
	t.Helper()
	seen := map[quoin.Hash]bool{}
	height := quoin.Height(0)
	note := func(b *client.Block) {
		if b.Header().Height != height+1 {
			t.Errorf("block %d after %d", b.Header().Height, height)
		}
		height = b.Header().Height
		for i, tx := range b.Transactions() {
			seen[tx.ID(w.Genesis.Origin().ID())] = true
			_ = b.Results[i]
		}
	}
	for next := quoin.Height(1); next <= r.Height; {
		list, at, err := c.Blocks(within(t), next, 5)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			note(&list[i])
		}
		next = at
	}
	if !seen[r.ID] {
		t.Error("the list of blocks does not have the transaction")
	}
	clear(seen)
	height = 0
	err := c.Feed(within(t), client.FeedOptions{From: 1, Events: true}, func(x client.FeedItem) bool {
		if x.Block != nil {
			note(x.Block)
		}
		return height < r.Height+3
	})
	if err != nil || !seen[r.ID] {
		t.Errorf("feed: %v; it has the transaction: %v", err, seen[r.ID])
	}
}

// history proves which leader served from which height.
func history(t *testing.T, c *client.Client) {
	t.Helper()
	var names []string
	err := c.Kernel(within(t), func(s governance.State) {
		for x := range governance.History(s, "leader.v1") {
			names = append(names, fmt.Sprintf("%d:%s", x.Epoch, x.Binding.Builtin))
		}
	})
	if got := fmt.Sprint(names); err != nil || got != "[3:round-robin 2:weighted-random 1:round-robin]" {
		t.Errorf("history %s, %v", got, err)
	}
}

func TestStream(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	for _, receipts := range []bool{false, true} {
		c := open(t, w)
		s := c.Stream(within(t), receipts)
		const batches, each = 10, 50
		go func() {
			for i := range batches {
				var txs []quoin.Transaction
				for k := range each {
					txs = append(txs, apitest.Put(fmt.Sprint(i, k), "v", 7, 1000))
				}
				if i == 3 {
					txs = append(txs, quoin.Transaction{Salt: 1, Expiry: 1 << 40, Namespace: "kv"})
				}
				if _, err := s.Send(txs); err != nil {
					t.Error(err)
				}
			}
			if err := s.CloseSend(); err != nil {
				t.Error(err)
			}
		}()
		settled, refused := map[string]bool{}, 0
		for {
			e, err := s.Receive()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e.Admitted != nil {
				for _, code := range e.Admitted.Codes {
					if !client.Taken(code) {
						if client.AdmissionName(code) != "expiry-too-far" {
							t.Errorf("refused with %s", client.AdmissionName(code))
						}
						refused++
					}
				}
			}
			for _, x := range e.Settled {
				if x.Stage != client.Certified || x.Result != 0 || (x.Receipt != nil) != receipts {
					t.Errorf("settled %+v", x)
				}
				settled[fmt.Sprint(x.Sequence, x.Index)] = true
			}
		}
		if len(settled) != batches*each || refused != 1 {
			t.Errorf("receipts %v: %d settled, %d refused", receipts, len(settled), refused)
		}
	}
}

// What is reported as final waits for as many blocks as the chain's finality.v1 wants, or for its
// time; what is certified does not.
func TestReported(t *testing.T) {
	deep := func(blocks, ms uint32) quoin.Binding {
		return quoin.Binding{Hook: "finality.v1", Builtin: "deep", Parameters: binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, blocks), ms)}
	}
	for name, x := range map[string]struct {
		binding quoin.Binding
		blocks  quoin.Height
	}{"by blocks": {deep(3, 60_000), 3}, "by time": {deep(64, 300), 0}} {
		t.Run(name, func(t *testing.T) {
			w := apitest.Start(t, apitest.Options{HeartbeatMS: 50, Bindings: []quoin.Binding{x.binding}})
			c := open(t, w)
			for salt := range uint64(8) { // rescue blocks ask no plugin and are reported at once
				tx := apitest.Put("a", "b", salt, 1000)
				o, err := c.Submit(within(t), []quoin.Transaction{tx}, client.Reported)
				if err != nil || o[0].Stage != client.Reported || o[0].Receipt == nil {
					t.Fatalf("%+v, %v", o, err)
				}
				h, tip := o[0].Receipt.Height, w.Nodes[0].Status().Tip.Height
				delay, err := replica.ReadDelay(w.Nodes[0].Store(), h)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case delay.Blocks == 0:
				case tip < h+x.blocks:
					t.Errorf("block %d was reported at height %d", h, tip)
				case x.blocks == 0 && tip >= h+64:
					t.Errorf("block %d was reported at height %d: the time did not bound it", h, tip)
				default:
					return
				}
			}
			t.Error("no block asked for a delay")
		})
	}
}

func TestRefusedByValidation(t *testing.T) {
	w := apitest.Start(t, apitest.Options{Bindings: []quoin.Binding{{Hook: "validation.v1", Namespace: "kv", Builtin: "signed"}}})
	c := open(t, w)
	o, err := c.Submit(within(t), []quoin.Transaction{apitest.Put("a", "b", 1, 1000)}, client.Certified)
	if err != nil || o[0].Stage != client.Refused || o[0].Code != "refused-by-validation" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestWaitAndExpiry(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	c := open(t, w)
	tx := apitest.Put("a", "b", 1, 1000)
	o, err := c.Submit(within(t), []quoin.Transaction{tx}, client.Pending)
	if err != nil || o[0].Stage != client.Pending || o[0].Code != "admitted" {
		t.Fatalf("%+v, %v", o, err)
	}
	o, err = c.Wait(within(t), []quoin.Hash{o[0].ID}, client.Certified)
	if err != nil || o[0].Stage != client.Certified || o[0].Receipt == nil {
		t.Fatalf("%+v, %v", o, err)
	}
	o, err = c.Wait(within(t), []quoin.Hash{{1}}, client.Certified)
	if err != nil || o[0].Stage != client.Refused || o[0].Code != "unknown" {
		t.Errorf("a transaction that nobody knows: %+v, %v", o, err)
	}
	o, err = c.Submit(within(t), []quoin.Transaction{apitest.Put("a", "c", 2, 1<<40), apitest.Put("a", "d", 3, 1000)}, client.Included)
	if err != nil || o[0].Code != "expiry-too-far" || o[1].Stage != client.Included && o[1].Stage != client.Certified {
		t.Errorf("%+v, %v", o, err)
	}
}

// A node that takes requests and never answers costs the calls that wait for it their time, and not
// those after them.
func TestHangingNodeIsLeft(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	hangs, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hangs.Close()
	c, err := client.New(client.Options{Trust: client.GenesisAnchor(w.Genesis), Attempts: 1,
		Endpoints: []client.Endpoint{{URL: "http://" + hangs.Addr().String()}, {URL: w.Servers[0].URL()}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Status(short); err == nil {
		t.Fatal("a node that hangs has answered")
	}
	if _, err := c.Status(within(t)); err != nil {
		t.Errorf("the call after the one that timed out: %v", err)
	}
}
