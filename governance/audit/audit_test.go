package audit_test

import (
	"bytes"
	"testing"

	"quoin.dev/quoin/client"
	"quoin.dev/quoin/execution"
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
	c, file := history(t, "acme", 100, 200, 300)
	seen := uint64(0)
	s, err := audit.Verify(bytes.NewReader(file), options(c), func(e *audit.Entry) error {
		if seen++; e.Number != seen || e.What == "" || e.Kind == "" || e.Who() == "" {
			t.Errorf("event %d: %+v", seen, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v, %d bytes", s, len(file))
	t.Logf("%s", file[len(file)-3000:])
}
