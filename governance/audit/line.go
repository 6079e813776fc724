package audit

import (
	"bytes"
	"encoding/json"

	"quoin.dev/quoin"
	"quoin.dev/quoin/state"
)

// FormatName names the form of a file.
const FormatName = "quoin-audit/v1"

// LineMax is the longest line of a file, in bytes: base64 of the largest value of the state, and what
// stands around it.
const LineMax = (state.ValueBytesMax+2)/3*4 + 1<<20

// The kinds of lines.
const (
	lineHeader     = "header"
	lineHandover   = "handover"
	lineCheckpoint = "checkpoint"
	lineEvent      = "event"
)

type headerLine struct {
	Line    string         `json:"line"`
	Format  string         `json:"format"`
	Origin  quoin.Origin   `json:"origin"`
	Genesis *quoin.Genesis `json:"genesis"`
}

type handoverLine struct {
	Line        string       `json:"line"`
	Epoch       quoin.Epoch  `json:"epoch"`
	First       quoin.Height `json:"first"`
	Certificate []byte       `json:"certificate"`
	Proof       []byte       `json:"proof"`
}

type checkpointLine struct {
	Line        string       `json:"line"`
	Height      quoin.Height `json:"height"`
	Epoch       quoin.Epoch  `json:"epoch"`
	TimeMS      quoin.Time   `json:"time_ms"`
	Events      uint64       `json:"events"`
	Head        string       `json:"head"`
	Certificate []byte       `json:"certificate"`
	Proof       []byte       `json:"proof"`
}

type eventLine struct {
	Line string `json:"line"`
	Entry
	Bytes []byte `json:"bytes"`
	Path  []byte `json:"path"`
}

// encode returns the one form of a line, without its end.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("audit: a line that cannot be encoded: " + err.Error()) // nothing in a line can fail
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decode reads a line of a kind. Whether it has the one form, comparing it with what encode makes of it
// says.
func decode[T any](b []byte) (*T, *Fault) {
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fault(Format, "it is not a line of this format: %w", err)
	}
	return v, nil
}

// kindOf reads which kind a line is of.
func kindOf(b []byte) string {
	for _, kind := range []string{lineHeader, lineHandover, lineCheckpoint, lineEvent} {
		if bytes.HasPrefix(b, []byte(`{"line":"`+kind+`",`)) {
			return kind
		}
	}
	return ""
}
