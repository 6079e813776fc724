package scaffold

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
)

// ManifestFile is the file of a project that says what its releases are.
const ManifestFile = "plugin.json"

// ErrManifest is wrapped by every refusal of a manifest's source.
var ErrManifest = errors.New("scaffold: invalid " + ManifestFile)

// ErrNoProject is wrapped by the refusal of a folder that holds no manifest's source that can be opened.
var ErrNoProject = errors.New("scaffold: a plugin's folder holds a " + ManifestFile)

// manifestSource is what authors write. The order of the lists does not matter.
type manifestSource struct {
	Name         string          `json:"name"`
	Language     string          `json:"language"` // a Language's name; may be missing: Go
	Version      string          `json:"version"`
	Sequence     uint64          `json:"sequence"`
	Author       string          `json:"author"` // 64 hexadecimal digits; may be missing
	Hooks        []string        `json:"hooks"`
	Capabilities []string        `json:"capabilities"`
	FuelMax      uint64          `json:"fuel_max"`
	PagesMax     uint32          `json:"pages_max"`
	Parameters   json.RawMessage `json:"parameters"` // any JSON: describes the binding's parameters
	NodeMin      uint32          `json:"node_min"`
	EngineMin    uint32          `json:"engine_min"`
	EndOfLife    quoin.Height    `json:"end_of_life"`
}

// manifestSourceMax bounds the file.
const manifestSourceMax = 64 << 10

// ReadManifest reads the manifest of the project in the folder. A manifest without an author
// has the zero key.
func ReadManifest(dir string) (*plugin.Manifest, error) {
	b, err := readSource(dir)
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, ManifestFile), err)
	}
	return m, nil
}

// LanguageOf returns the language of the project in the folder, as its plugin.json names it.
func LanguageOf(dir string) (*Language, error) {
	b, err := readSource(dir)
	if err != nil {
		return nil, err
	}
	s, err := parseSource(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, ManifestFile), err)
	}
	return s.language()
}

func readSource(dir string) ([]byte, error) {
	path := filepath.Join(dir, ManifestFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w, and this one cannot be opened; name the plugin's folder, or make one with New: %w", ErrNoProject, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, manifestSourceMax+1))
	if err != nil {
		return nil, fmt.Errorf("scaffold: %s: %w", path, err)
	}
	return b, nil
}

// parseSource reads the fields. Unknown ones are refused, for they are most often misspelt.
func parseSource(b []byte) (*manifestSource, error) {
	if len(b) > manifestSourceMax {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrManifest, manifestSourceMax)
	}
	var s manifestSource
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: there is text after the closing brace", ErrManifest)
	}
	return &s, nil
}

func (s *manifestSource) language() (*Language, error) {
	l, err := FindLanguage(s.Language)
	if err != nil {
		return nil, fmt.Errorf("%w: language: %w", ErrManifest, err)
	}
	return l, nil
}

// ParseManifest reads a manifest's source. The language is checked, and is no part of the
// manifest: a release does not say what it was written in.
func ParseManifest(b []byte) (*plugin.Manifest, error) {
	s, err := parseSource(b)
	if err != nil {
		return nil, err
	}
	if _, err := s.language(); err != nil {
		return nil, err
	}
	m := &plugin.Manifest{
		Name: s.Name, Version: s.Version, Sequence: s.Sequence,
		Hooks: sorted(s.Hooks), Capabilities: sorted(s.Capabilities),
		FuelMax: s.FuelMax, PagesMax: s.PagesMax,
		NodeMin: s.NodeMin, EngineMin: s.EngineMin, EndOfLife: s.EndOfLife,
	}
	if s.Author != "" {
		author, err := quoin.ParseHash(s.Author)
		if err != nil {
			return nil, fmt.Errorf("%w: author: it must be a public key in 64 hexadecimal digits: %w", ErrManifest, err)
		}
		m.Author = quoin.PublicKey(author)
	}
	if len(s.Parameters) > 0 {
		var compact bytes.Buffer // white space is not worth a place in every release
		if err := json.Compact(&compact, s.Parameters); err != nil {
			return nil, fmt.Errorf("%w: parameters: %w", ErrManifest, err)
		}
		m.ParamsSchema = compact.Bytes()
	}
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	return m, nil
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}

// checkName refuses what is no name of a plugin.
func checkName(name string) error {
	m := plugin.Manifest{Name: name, Version: "0", Sequence: 1, Hooks: []string{"leader.v1"}, FuelMax: 1, PagesMax: 1}
	if err := m.Validate(); err != nil {
		return fmt.Errorf("scaffold: %q cannot name a plugin: %w", name, err)
	}
	return nil
}
