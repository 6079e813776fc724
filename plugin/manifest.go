package plugin

import (
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/hook"
)

// Manifest says what a release is, what it serves, and what it may use. It is part of the
// release's file and so of its digest.
type Manifest struct {
	Name     string          // of the plugin: [a-z0-9-]{1,32}
	Version  string          // for people: [0-9a-z.+-]{1,32}
	Sequence uint64          // at least 1; each release of a name has a higher one
	Author   quoin.PublicKey // whose signature counts for the name
	// Hooks that the module serves, such as leader.v1: ascending, at least one. Every
	// operation of each must be exported.
	Hooks []string
	// Capabilities that the module needs: ascending. See package hook. A call may use those that its
	// binding grants as well.
	Capabilities []string
	FuelMax      uint64 // of one call: 1 to FuelMax; a binding may give less
	PagesMax     uint32 // of memory, 64 KiB each: 1 to the host's limit
	// ParamsSchema describes the binding's parameters to people and tools; the host
	// does not read it.
	ParamsSchema []byte
	NodeMin      uint32       // least version of the node's interfaces, see NodeVersion
	EngineMin    uint32       // least EngineVersion
	EndOfLife    quoin.Height // no binding may be scheduled from this height on; 0: none
}

// Limits of a manifest.
const (
	VersionTextMax   = 32
	HooksMax         = 16
	CapabilitiesMax  = 16
	ParamsSchemaMax  = 8 << 10
	ManifestBytesMax = 16 << 10
)

// NodeVersion is the version of what a node offers to plugins: hooks and host functions. Version 2
// brought all hooks but leader.v1 and machine.v1, batches, and the capabilities beyond state and
// events.
const NodeVersion = 2

// manifestFormat is the first byte of a manifest; another format is another number.
const manifestFormat = 1

// ErrManifest is wrapped by every refusal of a manifest.
var ErrManifest = errors.New("plugin: invalid manifest")

// Bytes returns the canonical bytes: the format 1, then the fields in their order (see the
// package canonical: big-endian, names after a length of one byte, lists after a count of
// two). A manifest that ParseManifest would not accept is refused.
func (m *Manifest) Bytes() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	b := []byte{manifestFormat}
	b = canonical.AppendBytes8(b, m.Name)
	b = canonical.AppendBytes8(b, m.Version)
	b = canonical.AppendUint64(b, m.Sequence)
	b = append(b, m.Author[:]...)
	for _, list := range [][]string{m.Hooks, m.Capabilities} {
		b = canonical.AppendUint16(b, uint16(len(list)))
		for _, s := range list {
			b = canonical.AppendBytes8(b, s)
		}
	}
	b = canonical.AppendUint64(b, m.FuelMax)
	b = canonical.AppendUint32(b, m.PagesMax)
	b = canonical.AppendBytes32(b, m.ParamsSchema)
	b = canonical.AppendUint32(b, m.NodeMin)
	b = canonical.AppendUint32(b, m.EngineMin)
	return canonical.AppendUint64(b, m.EndOfLife), nil
}

// ParseManifest reads what Bytes writes, and nothing else.
func ParseManifest(b []byte) (*Manifest, error) {
	if len(b) > ManifestBytesMax {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrManifest, len(b), ManifestBytesMax)
	}
	r := canonical.NewReader(b)
	if f := r.Byte(); f != manifestFormat {
		r.Fail("its format is %d, this node reads %d", f, manifestFormat)
	}
	m := &Manifest{}
	m.Name = string(r.Bytes8(32))
	m.Version = string(r.Bytes8(VersionTextMax))
	m.Sequence = r.Uint64()
	r.Copy(m.Author[:])
	m.Hooks = readNames(r, HooksMax)
	m.Capabilities = readNames(r, CapabilitiesMax)
	m.FuelMax = r.Uint64()
	m.PagesMax = r.Uint32()
	m.ParamsSchema = slices.Clone(r.Bytes32(ParamsSchemaMax))
	m.NodeMin = r.Uint32()
	m.EngineMin = r.Uint32()
	m.EndOfLife = quoin.Height(r.Uint64())
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	return m, m.Validate()
}

func readNames(r *canonical.Reader, most int) []string {
	var list []string
	for n := r.Count16(most, 1); n > 0; n-- {
		list = append(list, string(r.Bytes8(64)))
	}
	return list
}

// Validate returns an error that wraps ErrManifest and says what to change, or nil. Whether
// this node can serve the release (hooks, versions) is the static check's to say.
func (m *Manifest) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrManifest, fmt.Sprintf(format, args...))
	}
	if p := nameProblem(m.Name); p != "" {
		return bad("the name %q %s", m.Name, p)
	}
	if !isVersionText(m.Version) {
		return bad("the version %q must have 1 to %d characters of 0-9, a-z, '.', '+', '-'", m.Version, VersionTextMax)
	}
	switch {
	case m.Sequence < 1:
		return bad("the sequence is 0; number releases from 1")
	case len(m.Hooks) < 1 || len(m.Hooks) > HooksMax:
		return bad("it names %d hooks, 1 to %d are allowed", len(m.Hooks), HooksMax)
	case len(m.Capabilities) > CapabilitiesMax:
		return bad("it names %d capabilities, at most %d are allowed", len(m.Capabilities), CapabilitiesMax)
	case m.FuelMax < 1 || m.FuelMax > FuelMax:
		return bad("its fuel limit is %d, 1 to %d are allowed", m.FuelMax, FuelMax)
	case m.PagesMax < 1 || m.PagesMax > 65536:
		return bad("its memory limit is %d pages, 1 to 65536 are possible", m.PagesMax)
	case len(m.ParamsSchema) > ParamsSchemaMax:
		return bad("its schema has %d bytes, at most %d are allowed", len(m.ParamsSchema), ParamsSchemaMax)
	}
	for _, list := range [][]string{m.Hooks, m.Capabilities} {
		for i, s := range list {
			if !isDottedName(s) {
				return bad("%q is no name: 1 to 64 characters of a-z, 0-9, '.', '-' are allowed", s)
			}
			if i > 0 && list[i-1] >= s {
				return bad("%q stands after %q; sort the names and write each once", s, list[i-1])
			}
		}
	}
	return nil
}

// Serves reports whether the manifest names the hook.
func (m *Manifest) Serves(hookName string) bool { return slices.Contains(m.Hooks, hookName) }

// names reports whether the manifest names the capability. Any foreign namespace does for
// hook.CapabilityForeign itself.
func (m *Manifest) names(capability string) bool {
	if capability == hook.CapabilityForeign {
		return slices.ContainsFunc(m.Capabilities, func(s string) bool { return foreignNamespace(s) != "" })
	}
	return slices.Contains(m.Capabilities, capability)
}

// operations lists what the manifest's hooks have, those that need not be exported included; unknown is the first hook that
// this node does not know, if any.
func (m *Manifest) operations() (list []hook.Operation, unknown string) {
	for _, name := range m.Hooks {
		h, ok := hook.Find(name)
		if !ok {
			return nil, name
		}
		list = append(list, h.Operations...)
	}
	return list, ""
}

func isVersionText(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '.' && c != '+' && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= VersionTextMax
}

func isDottedName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '.' && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}
