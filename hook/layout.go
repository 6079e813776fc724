package hook

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Layout describes the bytes of a message.
type Layout struct {
	Name   string  // of the message: "leader.v1 request"
	Max    int     // bytes of the longest message
	Fields []Field // in the order of their bytes
}

// Field is one part of a message.
type Field struct {
	Offset string // from the message's start, in bytes; counts by their names
	Size   string // in bytes
	Name   string
	Type   string
	Note   string // meaning, unit and limit
}

// String returns the layout as a table of text.
func (l Layout) String() string {
	var b strings.Builder
	b.WriteString(l.Name + ", at most " + strconv.Itoa(l.Max) + " bytes, little-endian\n")
	rows := append([]Field{{"offset", "size", "field", "type", "meaning"}}, l.Fields...)
	var wide [4]int
	for _, f := range rows {
		for i, s := range [4]string{f.Offset, f.Size, f.Name, f.Type} {
			wide[i] = max(wide[i], len(s))
		}
	}
	for _, f := range rows {
		for i, s := range [4]string{f.Offset, f.Size, f.Name, f.Type} {
			b.WriteString("  " + s + strings.Repeat(" ", wide[i]-utf8.RuneCountInString(s)))
		}
		b.WriteString("  " + f.Note + "\n")
	}
	return b.String()
}

// ErrLimit is wrapped by the errors of Append for a message that no decoder would accept.
var ErrLimit = errors.New("hook: message beyond its limits")

// DecodeError says why bytes are not the encoding of a message.
type DecodeError struct {
	Message string // "leader.v1 request"
	Field   string
	Problem string
}

func (e *DecodeError) Error() string {
	return "hook: " + e.Message + ": " + e.Field + ": " + e.Problem
}

func malformed(message, field, problem string) error {
	return &DecodeError{Message: message, Field: field, Problem: problem}
}

func tooLarge(message, field string, has, most int) error {
	return &limitError{message + ": " + field + " is " + strconv.Itoa(has) + ", at most " + strconv.Itoa(most) + " fit"}
}

func invalid(message, field, problem string) error {
	return &limitError{message + ": " + field + ": " + problem}
}

// limitError wraps ErrLimit. Guests carry this package, and fmt would double its weight.
type limitError struct{ problem string }

func (e *limitError) Error() string { return ErrLimit.Error() + ": " + e.problem }

func (e *limitError) Unwrap() error { return ErrLimit }
