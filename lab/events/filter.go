package events

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Filter is a condition on events: all of its terms hold. The empty filter holds for every event.
type Filter []Term

// Term compares one field with a value.
type Term struct {
	Field    string
	Operator string
	Value    string
	number   uint64 // Value, where the field is a number
}

// ErrFilter is wrapped by every refusal of a filter.
var ErrFilter = errors.New("bad condition")

// operators, longest first.
var operators = []string{"!=", ">=", "<=", "=", "~", ">", "<"}

// The fields that a filter knows: numbers are compared as numbers, texts by equality, or with ~ by
// what they contain. node and peer take names: v2, world, all. at is in seconds since the beginning.
var (
	numberFields = []string{"i", "at", "epoch", "view", "height", "count", "flight", "took"}
	textFields   = []string{"node", "peer", "verb", "kind", "block", "transaction", "text"}
)

// FilterMax bounds the terms of a filter.
const FilterMax = 32

// ParseFilter reads terms such as verb=certifies, node=v2, height>=10, kind~notar, at>3.5. A word without
// an operator is a verb. Errors wrap ErrFilter.
func ParseFilter(terms ...string) (Filter, error) {
	var f Filter
	for _, list := range terms {
		for _, s := range strings.Fields(list) {
			t, err := parseTerm(s)
			if err != nil {
				return nil, err
			}
			if f = append(f, t); len(f) > FilterMax {
				return nil, fmt.Errorf("%w: more than %d terms", ErrFilter, FilterMax)
			}
		}
	}
	return f, nil
}

func parseTerm(s string) (Term, error) {
	at, operator := len(s), ""
	for _, o := range operators {
		if i := strings.Index(s, o); i >= 0 && i < at {
			at, operator = i, o
		}
	}
	t := Term{Field: s[:at], Operator: operator, Value: s[at+len(operator):]}
	if operator == "" {
		t = Term{Field: "verb", Operator: "=", Value: s}
	}
	var err error
	switch {
	case t.Field == "verb" && t.Operator == "=" && !slices.Contains(Verbs(), Verb(t.Value)):
		return t, fmt.Errorf("%w %q: no verb %q; there are %v", ErrFilter, s, t.Value, Verbs())
	case slices.Contains(textFields, t.Field):
		if t.Operator != "=" && t.Operator != "!=" && t.Operator != "~" {
			return t, fmt.Errorf("%w %q: a text is compared by = != ~", ErrFilter, s)
		}
	case !slices.Contains(numberFields, t.Field):
		return t, fmt.Errorf("%w %q: no field %q; there are %s, %s", ErrFilter, s, t.Field, strings.Join(numberFields, " "), strings.Join(textFields, " "))
	case t.Operator == "~":
		return t, fmt.Errorf("%w %q: a number is compared by = != > >= < <=", ErrFilter, s)
	case t.Field == "at":
		t.number, err = parseSeconds(t.Value)
	default:
		t.number, err = strconv.ParseUint(t.Value, 10, 64)
	}
	if err != nil {
		return t, fmt.Errorf("%w %q: %q is no number", ErrFilter, s, t.Value)
	}
	return t, nil
}

// parseSeconds reads seconds with at most six decimals, as microseconds.
func parseSeconds(s string) (uint64, error) {
	whole, fraction, _ := strings.Cut(strings.TrimSuffix(s, "s"), ".")
	if whole == "" || len(fraction) > 6 || len(whole) > 9 {
		return 0, ErrFilter
	}
	return strconv.ParseUint(whole+fraction+strings.Repeat("0", 6-len(fraction)), 10, 64)
}

// Match reports whether all terms hold for an event.
func (f Filter) Match(e *Event) bool {
	for i := range f {
		if !f[i].match(e) {
			return false
		}
	}
	return true
}

func (t *Term) match(e *Event) bool {
	number, text := uint64(0), ""
	switch t.Field {
	case "i":
		number = e.Index
	case "at":
		number = e.AtUS
	case "epoch":
		number = e.Epoch
	case "view":
		number = e.View
	case "height":
		number = e.Height
	case "count":
		number = uint64(e.Count)
	case "flight":
		number = e.Flight
	case "took":
		number = e.TookUS
	case "node":
		text = Name(e.Node)
	case "peer":
		text = Name(e.Peer)
	case "verb":
		text = string(e.Verb)
	case "kind":
		text = e.Kind
	case "block":
		text = e.Block
	case "transaction":
		text = e.Transaction
	case "text":
		text = e.Text
	}
	if slices.Contains(textFields, t.Field) {
		switch t.Operator {
		case "=":
			return text == t.Value
		case "!=":
			return text != t.Value
		}
		return strings.Contains(text, t.Value)
	}
	switch t.Operator {
	case "=":
		return number == t.number
	case "!=":
		return number != t.number
	case ">":
		return number > t.number
	case ">=":
		return number >= t.number
	case "<":
		return number < t.number
	}
	return number <= t.number
}
