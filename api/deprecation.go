package api

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// warnings says what namespaces are served by and should not be.
func (s *Server) warnings(namespaces []string) []string {
	var lines []string
	for _, d := range s.node.Status().Deprecations {
		name, namespace := quoin.SplitSlot(d.Slot)
		if h, ok := hook.Find(name); ok && h.Namespaced && slices.Contains(namespaces, namespace) {
			lines = append(lines, warning(&d))
		}
	}
	return lines
}

// warning is a deprecation for people. It says nothing that changes, so that it can be told once.
func warning(d *governance.Deprecation) string {
	what := "the built-in"
	if d.Name != "" {
		what = d.Name + " " + d.Version
	}
	text := fmt.Sprintf("%s, which serves %s by proposal %d, is deprecated: nobody should use it from height %d on", what, d.Slot, d.Proposal, d.EndOfUse)
	if d.Note != "" {
		text += " (" + d.Note + ")"
	}
	return text
}

func toDeprecations(list []governance.Deprecation) []*quoinv1.Deprecation {
	var m []*quoinv1.Deprecation
	for _, d := range list {
		m = append(m, &quoinv1.Deprecation{Slot: d.Slot, Proposal: uint64(d.Proposal), Name: d.Name, Version: d.Version, EndOfUse: uint64(d.EndOfUse), Note: d.Note})
	}
	return m
}

// namespacesOf returns the namespaces of transactions, each once.
func namespacesOf(txs []quoin.Transaction) []string {
	var list []string
	for i := range txs {
		if !slices.Contains(list, txs[i].Namespace) {
			list = append(list, txs[i].Namespace)
		}
	}
	return list
}
