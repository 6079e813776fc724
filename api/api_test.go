package api_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/api/apitest"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/plugin"
)

// post sends JSON as curl would, by HTTP/1.1.
func post(t *testing.T, url, procedure, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.Post(url+procedure, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var m map[string]any
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, m
}

func get(t *testing.T, url string) (int, []byte, http.Header) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, b, r.Header
}

func TestPlainJSON(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	url := w.Servers[0].URL()
	var b plugin.KVBatch
	b.Put([]byte("hello"), []byte("world"))
	tx := fmt.Sprintf(`{"transactions":[{"namespace":"kv","salt":"7","payload":%q}],"wait":"STAGE_CERTIFIED"}`, base64.StdEncoding.EncodeToString(b.Payload()))
	code, m := post(t, url, quoinv1connect.LedgerServiceSubmitProcedure, tx)
	outcome := m["outcomes"].([]any)[0].(map[string]any)
	if code != 200 || outcome["stage"] != "STAGE_CERTIFIED" || outcome["receipt"] == nil {
		t.Fatalf("%d %v", code, m)
	}
	key := base64.StdEncoding.EncodeToString([]byte("hello"))
	code, m = post(t, url, quoinv1connect.StateServiceGetProcedure, fmt.Sprintf(`{"namespace":"kv","keys":[%q]}`, key))
	value := m["values"].([]any)[0].(map[string]any)
	if code != 200 || value["value"] != base64.StdEncoding.EncodeToString([]byte("world")) || value["proof"] == nil {
		t.Errorf("%d %v", code, m)
	}
	for _, x := range []struct{ procedure, body, has string }{
		{quoinv1connect.StatusServiceGetStatusProcedure, `{}`, "origin"},
		{quoinv1connect.ReleaseServiceListBindingsProcedure, `{}`, "bindings"},
		{quoinv1connect.ReleaseServiceListHistoryProcedure, `{"slot":"leader.v1"}`, "served"},
		{quoinv1connect.ReleaseServiceListProposalsProcedure, `{}`, "height"},
		{quoinv1connect.LedgerServiceListBlocksProcedure, `{"fromHeight":1}`, "segments"},
		{quoinv1connect.LedgerServiceGetCheckpointProcedure, `{}`, "note"},
		{quoinv1connect.LedgerServiceGetTransactionProcedure, `{"entry":0}`, "receipt"},
	} {
		if code, m := post(t, url, x.procedure, x.body); code != 200 || m[x.has] == nil {
			t.Errorf("%s: %d %v", x.procedure, code, m)
		}
	}
}

// TestErrorsHaveCodes wants a stable code, what happened, and what to do, of every refusal.
func TestErrorsHaveCodes(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	url := w.Servers[0].URL()
	for _, x := range []struct {
		procedure, body string
		code            api.ErrorCode
	}{
		{quoinv1connect.LedgerServiceSubmitProcedure, `{}`, api.CodeTooLarge},
		{quoinv1connect.LedgerServiceSubmitProcedure, `{"transactions":[{"namespace":"NO"}]}`, api.CodeInvalid},
		{quoinv1connect.LedgerServiceSubmitProcedure, `{"transactions":[{"namespace":"kv","sender":"AAAA"}]}`, api.CodeInvalid},
		{quoinv1connect.LedgerServiceSubmitProcedure, `{"transactions":[{"namespace":"kv"}],"wait":"STAGE_EXPIRED"}`, api.CodeInvalid},
		{quoinv1connect.LedgerServiceWaitProcedure, `{"ids":["AAAA"],"until":"STAGE_CERTIFIED"}`, api.CodeInvalid},
		{quoinv1connect.LedgerServiceGetTransactionProcedure, `{}`, api.CodeInvalid},
		{quoinv1connect.LedgerServiceGetTransactionProcedure, `{"entry":99999}`, api.CodeNotFound},
		{quoinv1connect.LedgerServiceGetTransactionProcedure, `{"entry":"18446744073709551615"}`, api.CodeNotFound},
		{quoinv1connect.LedgerServiceGetTransactionProcedure, fmt.Sprintf(`{"id":%q}`, base64.StdEncoding.EncodeToString(make([]byte, 32))), api.CodeNotFound},
		{quoinv1connect.LedgerServiceListBlocksProcedure, `{}`, api.CodeInvalid},
		{quoinv1connect.LedgerServiceGetCheckpointProcedure, `{"fromHeight":"18446744073709551615"}`, api.CodeNotFound},
		{quoinv1connect.StateServiceGetProcedure, `{"namespace":"kv"}`, api.CodeTooLarge},
		{quoinv1connect.StateServiceGetProcedure, `{"namespace":"kv","keys":[""]}`, api.CodeInvalid},
		{quoinv1connect.StateServiceGetProcedure, `{"namespace":"K V","keys":["AAAA"]}`, api.CodeInvalid},
		{quoinv1connect.StateServiceQueryProcedure, `{"namespace":"nobody"}`, api.CodeNoMachine},
		{quoinv1connect.ReleaseServiceGetReleaseProcedure, `{"digest":"AAAA"}`, api.CodeInvalid},
		{quoinv1connect.ReleaseServiceGetReleaseProcedure, fmt.Sprintf(`{"digest":%q}`, base64.StdEncoding.EncodeToString(make([]byte, 32))), api.CodeNotFound},
		{quoinv1connect.ReleaseServiceListHistoryProcedure, `{"slot":"nothing"}`, api.CodeNotFound},
		{quoinv1connect.ReleaseServiceListHistoryProcedure, fmt.Sprintf(`{"slot":%q}`, strings.Repeat("x", 5000)), api.CodeInvalid},
		{quoinv1connect.ReleaseServiceUploadProcedure, `{"file":"AAAA"}`, api.CodeUnauthorized},
	} {
		status, m := post(t, url, x.procedure, x.body)
		details, _ := m["details"].([]any)
		if status == 200 || len(details) != 1 {
			t.Errorf("%s %s: %d %v", x.procedure, x.body, status, m)
			continue
		}
		debug := details[0].(map[string]any)["debug"].(map[string]any)
		if debug["code"] != string(x.code) || debug["message"] == "" || debug["hint"] == "" {
			t.Errorf("%s %s: %v, want %s", x.procedure, x.body, debug, x.code)
		}
	}
}

func TestTilesAndHealth(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	url := w.Servers[0].URL()
	var txs []quoin.Transaction
	for i := range 300 {
		txs = append(txs, apitest.Put(fmt.Sprint(i), "v", uint64(i), 1000))
	}
	c := quoinv1connect.NewLedgerServiceClient(http.DefaultClient, url)
	m := &quoinv1.SubmitRequest{Wait: quoinv1.Stage_STAGE_CERTIFIED}
	for _, x := range txs {
		m.Transactions = append(m.Transactions, &quoinv1.Transaction{Salt: x.Salt, Expiry: uint64(x.Expiry), Namespace: x.Namespace, Payload: x.Payload})
	}
	if _, err := c.Submit(context.Background(), connect.NewRequest(m)); err != nil {
		t.Fatal(err)
	}
	status, note, _ := get(t, url+"/log/checkpoint")
	if status != 200 {
		t.Fatalf("%d %s", status, note)
	}
	if _, err := ledger.ParseSignedNote(note, w.Genesis.Configuration.Validators); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]int{"tile/0/000": 200, "tile/entries/000": 200, "tile/0/001.p/44": 200, "tile/0/001": 404, "tile/9/000": 404, "": 404, "tile/0/x999/999/999": 404} {
		status, body, h := get(t, url+"/log/"+path)
		if status != want && !(want == 404 && status == 400) {
			t.Errorf("%s: %d %s", path, status, body)
		}
		if immutable := strings.Contains(h.Get("Cache-Control"), "immutable"); immutable != (status == 200 && !strings.Contains(path, ".p/")) {
			t.Errorf("%s: %q", path, h.Get("Cache-Control"))
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body, _ := get(t, url+path); status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// TestGRPC speaks with the server through another implementation of gRPC.
func TestGRPC(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	c, err := grpc.NewClient(w.Servers[0].Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var s quoinv1.Status
	if err := c.Invoke(ctx, quoinv1connect.StatusServiceGetStatusProcedure, &quoinv1.GetStatusRequest{}, &s); err != nil || s.Origin != string(w.Genesis.Origin()) {
		t.Fatalf("%v, %v", &s, err)
	}
	stream, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, quoinv1connect.FeedServiceSubscribeProcedure)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stream.SendMsg(&quoinv1.SubscribeRequest{FromHeight: 1, Blocks: true}), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	for h := uint64(1); h <= 3; h++ {
		var x quoinv1.FeedItem
		if err := stream.RecvMsg(&x); err != nil || x.GetBlock().GetBlock().GetHeight() != h {
			t.Fatalf("%v, %v", &x, err)
		}
	}
}

func TestAdministrator(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	c := quoinv1connect.NewReleaseServiceClient(http.DefaultClient, w.Servers[0].URL())
	file := []byte("\x00asm\x01\x00\x00\x00")
	upload := func(key ed25519.PrivateKey, origin quoin.Origin, node quoin.PublicKey, at time.Time, signed []byte) api.ErrorCode {
		r := connect.NewRequest(&quoinv1.UploadRequest{File: file})
		quoinv1.SignAdmin(r.Header(), key, origin, node, quoinv1connect.ReleaseServiceUploadProcedure, at, sha256.Sum256(signed))
		_, err := c.Upload(context.Background(), r)
		return codeOf(err)
	}
	origin, node, now := w.Genesis.Origin(), w.Nodes[0].Key(), time.Now()
	if code := upload(w.Admin, origin, node, now, file); code != api.CodeRefused {
		t.Errorf("an administrator's empty module: %q", code)
	}
	for name, code := range map[string]api.ErrorCode{
		"another key":     upload(w.Second, origin, node, now, file),
		"another chain":   upload(w.Admin, "other", node, now, file),
		"another node":    upload(w.Admin, origin, quoin.PublicKey{1}, now, file),
		"long ago":        upload(w.Admin, origin, node, now.Add(-time.Hour), file),
		"in the future":   upload(w.Admin, origin, node, now.Add(time.Hour), file),
		"another content": upload(w.Admin, origin, node, now, []byte("x")),
	} {
		if code != api.CodeUnauthorized {
			t.Errorf("%s: %q", name, code)
		}
	}
}

// codeOf returns the stable code of an error.
func codeOf(err error) api.ErrorCode {
	var e *connect.Error
	if !errors.As(err, &e) {
		return ""
	}
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if m, ok := v.(*quoinv1.Error); ok {
				return api.ErrorCode(m.Code)
			}
		}
	}
	return ""
}

func TestPlaintextNeedsLoopback(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	if s, err := api.Listen(api.Config{Node: w.Nodes[0], Listen: "0.0.0.0:0", Plaintext: true}); err == nil {
		s.Close()
		t.Error("plain text is served to everybody")
	}
	if s, err := api.Listen(api.Config{Node: w.Nodes[0], Listen: "127.0.0.1:0"}); err == nil {
		s.Close()
		t.Error("TLS without a key")
	}
	taken := w.Servers[0].Addr().String()
	if s, err := api.Listen(api.Config{Node: w.Nodes[0], Listen: taken, Plaintext: true}); err == nil {
		s.Close()
		t.Error("one address twice")
	}
}

func TestTooLarge(t *testing.T) {
	w := apitest.Start(t, apitest.Options{Limits: api.Limits{MessageBytes: 1 << 16, HeldBytes: 1 << 15}})
	c := quoinv1connect.NewStateServiceClient(http.DefaultClient, w.Servers[0].URL())
	_, err := c.Query(context.Background(), connect.NewRequest(&quoinv1.QueryRequest{Namespace: "kv", Payload: make([]byte, 1<<17)}))
	if connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a message above the limit: %v", err)
	}
	_, err = c.Query(context.Background(), connect.NewRequest(&quoinv1.QueryRequest{Namespace: "kv", Payload: make([]byte, 1<<15+1<<14)}))
	if codeOf(err) != api.CodeBusy {
		t.Errorf("more bytes than may be held: %v", err)
	}
	if n := w.Servers[0].Refused()[api.CodeBusy]; n == 0 {
		t.Error("the refusal was not counted")
	}
}

func TestRateAndStreams(t *testing.T) {
	w := apitest.Start(t, apitest.Options{Limits: api.Limits{RequestsPerSecond: 5, Streams: 2}})
	url := w.Servers[0].URL()
	refused := 0
	for range 20 {
		status, _, h := get(t, url+"/healthz")
		if status == http.StatusTooManyRequests && h.Get("Quoin-Error-Code") == string(api.CodeRate) {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no request was refused")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var streams []*connect.ServerStreamForClient[quoinv1.FeedItem]
	codes := map[connect.Code]int{}
	for range 3 {
		// A connection each: their rate is not the point here.
		c := quoinv1connect.NewFeedServiceClient(&http.Client{Transport: &http.Transport{}}, url)
		s, err := c.Subscribe(ctx, connect.NewRequest(&quoinv1.SubscribeRequest{FromHeight: 1, Blocks: true}))
		if err == nil && !s.Receive() {
			err = s.Err()
		}
		if err != nil {
			codes[connect.CodeOf(err)]++
			continue
		}
		streams = append(streams, s)
	}
	if len(streams) != 2 {
		t.Errorf("%d streams, %v", len(streams), codes)
	}
	cancel()
	for _, s := range streams {
		s.Close()
	}
}

// TestConnections wants the server to refuse connections above the limit, and to serve again when
// some have gone.
func TestConnections(t *testing.T) {
	w := apitest.Start(t, apitest.Options{Limits: api.Limits{Connections: 8}})
	addr := w.Servers[0].Addr().String()
	var held []net.Conn
	for range 30 {
		if c, err := net.Dial("tcp", addr); err == nil {
			held = append(held, c)
		}
	}
	alone := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if r, err := alone.Get("http://" + addr + "/healthz"); err == nil {
		r.Body.Close()
		t.Error("served above the limit of connections")
	}
	for _, c := range held {
		c.Close()
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		r, err := alone.Get("http://" + addr + "/healthz")
		if err == nil {
			r.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestSlowConsumer wants a subscriber that reads too slowly to be told, and one that does not read at
// all to be dropped.
func TestSlowConsumer(t *testing.T) {
	for _, x := range []struct {
		name  string
		stall time.Duration
		pause time.Duration
		codes []api.ErrorCode
	}{
		{"late", time.Hour, time.Second, []api.ErrorCode{api.CodeSlowConsumer}},
		// The stream is reset; whether the code was written before depends on who was quicker.
		{"absent", time.Second, 3 * time.Second, []api.ErrorCode{"", api.CodeSlowConsumer}},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := apitest.Start(t, apitest.Options{NoSync: true, Limits: api.Limits{StallTime: x.stall, FeedItems: 2}})
			err := slowConsumer(t, w.Servers[0].URL(), x.pause)
			if err == nil || !slices.Contains(x.codes, codeOf(err)) {
				t.Errorf("%v (%s), want one of %q", err, codeOf(err), x.codes)
			}
		})
	}
}

// slowConsumer subscribes, lets more happen than the window of HTTP/2 has room for, and reads after a
// while; it returns how the subscription ended.
func slowConsumer(t *testing.T, url string, pause time.Duration) error {
	t.Helper()
	h := &http.Client{Transport: &http.Transport{Protocols: new(http.Protocols)}}
	h.Transport.(*http.Transport).Protocols.SetUnencryptedHTTP2(true)
	defer h.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := quoinv1connect.NewFeedServiceClient(h, url).Subscribe(ctx, connect.NewRequest(&quoinv1.SubscribeRequest{Blocks: true}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	noise := make([]byte, 50<<10) // does not compress
	for i := range noise {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		noise[i] = sum[0]
	}
	c := quoinv1connect.NewLedgerServiceClient(http.DefaultClient, url)
	for i := range 14 {
		m := &quoinv1.SubmitRequest{Wait: quoinv1.Stage_STAGE_CERTIFIED}
		for n := range 10 {
			tx := apitest.Put("big", string(noise), uint64(i<<16|n), 1000)
			m.Transactions = append(m.Transactions, &quoinv1.Transaction{Salt: tx.Salt, Expiry: 1000, Namespace: "kv", Payload: tx.Payload})
		}
		if _, err := c.Submit(ctx, connect.NewRequest(m)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(pause)
	for s.Receive() {
	}
	if ctx.Err() != nil {
		t.Error("it was kept")
	}
	return s.Err()
}

// TestManyWaitForOneTransaction wants all who submit one transaction at once to get one receipt.
func TestManyWaitForOneTransaction(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	url := w.Servers[0].URL()
	tx := apitest.Put("one", "1", 1, 1000)
	m := &quoinv1.SubmitRequest{Wait: quoinv1.Stage_STAGE_CERTIFIED, Transactions: []*quoinv1.Transaction{
		{Salt: 1, Expiry: 1000, Namespace: "kv", Payload: tx.Payload}}}
	c := quoinv1connect.NewLedgerServiceClient(http.DefaultClient, url)
	var wg sync.WaitGroup
	entries := make([]uint64, 32)
	for i := range entries {
		wg.Go(func() {
			r, err := c.Submit(context.Background(), connect.NewRequest(m))
			if err != nil {
				t.Error(err)
				return
			}
			entries[i] = r.Msg.Outcomes[0].Receipt.Place.Entry + 1
		})
	}
	wg.Wait()
	for _, e := range entries {
		if e != entries[0] || e == 0 {
			t.Errorf("entries %v", entries)
		}
	}
}

// Who is refused and never sends the body that was announced holds the connection for as long as a request may
// take, and no longer.
func TestABodyThatDoesNotComeEndsTheConnection(t *testing.T) {
	w := apitest.Start(t, apitest.Options{Limits: api.Limits{RequestsPerSecond: 1, RequestTime: 300 * time.Millisecond}})
	conn, err := net.Dial("tcp", w.Servers[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nPOST /quoin.v1.StatusService/GetStatus HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
	answers, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("the connection is held: %v", err)
	}
	if !strings.Contains(string(answers), string(api.CodeRate)) {
		t.Errorf("it was not refused: %q", answers)
	}
}
