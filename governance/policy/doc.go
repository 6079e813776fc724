// Package policy judges the steps of a proposal's life: expressions in a small part of CEL, the Common
// Expression Language (https://github.com/google/cel-spec), over facts that the ledger holds.
//
// # The language
//
// Values are int (64 bits, signed), bool and string. An expression is one bool, made of
//
//	names       of Names, typed, dotted ones included: shadow.diverged
//	literals    1, true, "text" (at most LiteralMax bytes)
//	int         + - * / % and - in front; < <= > >= == !=
//	bool        && || ! == != and condition ? a : b
//	string      == != size(s) s.startsWith(t) s.endsWith(t) s.contains(t)
//	membership  x in [a, b, c], the list written out
//
// Everything else of CEL is refused when an expression is checked: other types (double, uint, bytes,
// timestamp, duration, null, map, message, type, dyn), conversions, indexing, matches, concatenation,
// macros (has, all, exists, map, filter). Refusal is by an allow-list, once in what the environment
// declares and once more on the checked tree.
//
// # No data
//
// Evidence that nobody has given is absent, not zero: the names of a nil group, and organisations that
// are not known, have no value. What needs them has none either; || and && get by without the side that
// has no value if the other decides, as CEL defines it. An expression without a value does not hold.
//
// # Limits and determinism
//
// An expression has at most quoin.PolicyBytesMax bytes of printable ASCII, tabs and newlines, NodesMax
// names, literals and operators, DepthMax sub-expressions inside one another, and may cost CostLimit by
// CEL's cost model: about one for each name, operator and ten bytes of compared text. Check refuses what
// might cost more with strings of FactBytesMax; evaluation stops at the limit whatever the facts.
// Compiling takes 0.1 to 1.5 ms, refusing up to 10 ms, evaluating 0.1 to 2 µs: a caller checks what is
// cheap before it calls Check.
//
// The answer is a function of text and facts: no clock, no floating point, no map is walked, nothing
// of one evaluation reaches another. The cost is part of it, because the limit makes an answer of it;
// the version of the library is therefore pinned in go.mod and the version of the cost model in the
// code. Texts of errors are for people and never part of the ledger.
package policy
