package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"quoin.dev/quoin/client"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/audit"
	"quoin.dev/quoin/governance/audit/audittest"
)

// options trust a chain.
func options(c *audittest.Chain) audit.Options {
	return audit.Options{Origin: c.Genesis.Origin(), Environment: execution.Environment(), Trust: client.AuditTrust}
}

// history returns a chain and its file.
func history(t testing.TB, network string, events ...uint64) (*audittest.Chain, []byte) {
	t.Helper()
	c := audittest.New(t, network, execution.Environment())
	var b bytes.Buffer
	c.Write(&b, options(c), events...)
	return c, b.Bytes()
}

func TestAHistoryVerifiesFromTheGenesisAlone(t *testing.T) {
	c, file := history(t, "acme", 100, 200, 400)
	seen, kinds := uint64(0), map[string]bool{}
	s, err := audit.Verify(bytes.NewReader(file), options(c), func(e *audit.Entry) error {
		seen++
		kinds[e.Kind] = true
		if e.Number != seen || e.What == "" || e.Who() == "" {
			t.Errorf("event %d: %+v", seen, e)
		}
		if person := e.Member != "" || e.Validator != ""; person != (e.Key != "") {
			t.Errorf("event %d: by nobody: %+v", seen, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Events != seen || s.Events < 400 || s.Origin != c.Genesis.Origin() || s.Epochs < 20 || len(s.Statuses) < 5 || s.Lines != uint64(bytes.Count(file, []byte("\n"))) {
		t.Errorf("%+v", s)
	}
	for k := governance.KindPropose; k <= governance.KindRevoke; k++ {
		if !kinds[k.String()] {
			t.Errorf("no %s is in the history: this test does not see it replayed", k)
		}
	}
	for _, kind := range []string{"decision", "fault", "suspension"} {
		if !kinds[kind] {
			t.Errorf("no %s is in the history", kind)
		}
	}
}

// The fields of lines and their order are part of the format, which others read.
func TestTheFormatIsAsDocumented(t *testing.T) {
	_, file := history(t, "acme", 30)
	b := read(t, file)
	for kind, want := range map[string]string{
		"header":     "line format origin genesis",
		"handover":   "line epoch first certificate proof",
		"checkpoint": "line height epoch time_ms events head certificate proof",
		"event":      "line event height kind member organisation key what why proposals slots became bytes path",
	} {
		d := json.NewDecoder(bytes.NewReader(b.lines[b.kind(kind)[0]]))
		var fields []string
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			fields = append(fields, name.(string))
			if err := d.Decode(new(json.RawMessage)); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(fields, " "); got != want {
			t.Errorf("%s has %s, want %s", kind, got, want)
		}
	}
	if audit.FormatName != "quoin-audit/v1" {
		t.Error(audit.FormatName)
	}
}

// Whatever governance keeps comes back with the events, to the byte.
func TestAReplayHasTheStateOfTheChain(t *testing.T) {
	c := audittest.New(t, "acme", execution.Environment())
	c.Grow(400)
	env := execution.Environment()
	env.Origin = c.Genesis.Origin().ID()
	r := audit.NewReplay(env, &c.Genesis.Configuration, nil)
	for n := range c.Events() {
		b, _ := c.Now().Get(governance.EventKey(n + 1))
		if _, err := r.Next(b); err != nil {
			t.Fatal(err)
		}
	}
	keys := 0
	for key, value := range c.Keys() {
		if bytes.HasPrefix(key, []byte("event/")) {
			continue
		}
		keys++
		if again, ok := r.State().Get(key); !ok || !bytes.Equal(again, value) {
			t.Errorf("%s is %x, by the replay %x", key, value, again)
		}
	}
	if keys != r.Keys() {
		t.Errorf("%d keys, the replay has %d", keys, r.Keys())
	}
}
