package quoin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"quoin.dev/quoin/canonical"
)

// PolicyEveryClass is the class of a policy for changes whose class has none of its own.
const PolicyEveryClass = '*'

const policyClasses = "NLDG*"

// Policy says what must hold for changes of some class to take a step. What its expression means is
// package governance/policy's; here it is text.
type Policy struct {
	Class      byte   // 'N', 'L', 'D': hooks; 'G': what governance rests on; PolicyEveryClass
	Step       string // for example "approve": 1 to NamespaceMax of [a-z0-9.-]
	Expression string // in CEL: 1 to PolicyBytesMax bytes of printable ASCII, tabs and newlines
}

// compare orders policies by class, then step.
func (p Policy) compare(q Policy) int {
	return cmp.Or(cmp.Compare(p.Class, q.Class), cmp.Compare(p.Step, q.Step))
}

// SortPolicies brings policies into their canonical order.
func SortPolicies(policies []Policy) { slices.SortFunc(policies, Policy.compare) }

// AppendPolicies appends the canonical bytes: count (2), then class (1), step and expression of each.
func AppendPolicies(b []byte, policies []Policy) []byte {
	b = canonical.AppendUint16(b, uint16(len(policies)))
	for i := range policies {
		p := &policies[i]
		b = append(b, p.Class)
		b = canonical.AppendBytes8(b, p.Step)
		b = canonical.AppendBytes32(b, p.Expression)
	}
	return b
}

// ReadPolicies reads what AppendPolicies writes.
func ReadPolicies(r *canonical.Reader) []Policy {
	var policies []Policy
	for n := r.Count16(PoliciesMax, 1+2+5); n > 0; n-- {
		policies = append(policies, Policy{r.Byte(), string(r.Bytes8(NamespaceMax)), string(r.Bytes32(PolicyBytesMax))})
	}
	if r.Err() == nil {
		if err := checkPolicies(policies); err != nil {
			r.Fail("%v", err)
		}
	}
	return policies
}

func checkPolicies(policies []Policy) error {
	if len(policies) > PoliciesMax {
		return fmt.Errorf("%w: %d policies, limit %d", ErrConfiguration, len(policies), PoliciesMax)
	}
	for i := range policies {
		p := &policies[i]
		switch {
		case strings.IndexByte(policyClasses, p.Class) < 0:
			return fmt.Errorf("%w: policy of class %q, want one of %s", ErrConfiguration, p.Class, policyClasses)
		case !IsName(p.Step, NamespaceMax):
			return fmt.Errorf("%w: policy of step %q, want 1 to %d of [a-z0-9.-]", ErrConfiguration, p.Step, NamespaceMax)
		case len(p.Expression) == 0 || len(p.Expression) > PolicyBytesMax:
			return fmt.Errorf("%w: the policy of class %c for %s has %d bytes, want 1 to %d", ErrConfiguration, p.Class, p.Step, len(p.Expression), PolicyBytesMax)
		case !isPlainText(p.Expression):
			return fmt.Errorf("%w: the policy of class %c for %s holds more than printable ASCII, tabs and newlines", ErrConfiguration, p.Class, p.Step)
		case i > 0 && policies[i-1].compare(*p) >= 0:
			return fmt.Errorf("%w: policies out of order or twice at class %c for %s", ErrConfiguration, p.Class, p.Step)
		}
	}
	return nil
}

// isPlainText reports whether nothing in s can hide from who reads it.
func isPlainText(s string) bool {
	for _, c := range []byte(s) {
		if (c < ' ' || c > '~') && c != '\t' && c != '\n' {
			return false
		}
	}
	return true
}
