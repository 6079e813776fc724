package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/signature"
)

func TestListEvents(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	url := w.Servers[0].URL()
	ask := func(body string) (int, map[string]any) {
		return post(t, url, quoinv1connect.AuditServiceListEventsProcedure, body)
	}
	status, m := ask(`{"from":1}`)
	if status != http.StatusOK || m["chain"] == nil || m["certificate"] == nil || m["events"] != nil {
		t.Errorf("before anything happened: %d %v", status, m)
	}
	payload := governance.Encode(governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"}))
	x := w.Kernel(w.Admin, payload, 1, 1000)
	sender, signed := signature.PublicOf(w.Admin), x.Signature
	encode := base64.StdEncoding.EncodeToString
	if status, m := post(t, url, quoinv1connect.LedgerServiceSubmitProcedure, fmt.Sprintf(`{"transactions":[{"sender":%q,"salt":"1","expiry":"1000","namespace":"quoin","payload":%q,"signature":%q}],"wait":"STAGE_CERTIFIED"}`,
		encode(sender[:]), encode(payload), encode(signed[:]))); status != http.StatusOK {
		t.Fatalf("%d %v", status, m)
	}
	status, m = ask(`{"from":1,"limit":1}`)
	if events, _ := m["events"].([]any); status != http.StatusOK || len(events) != 1 {
		t.Errorf("after a proposal: %d %v", status, m)
	}
	for _, bad := range []string{`{}`, `{"from":"18446744073709551615"}`} {
		if status, m := ask(bad); status == http.StatusOK {
			t.Errorf("%s: %v", bad, m)
		}
	}
}
