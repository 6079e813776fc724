package plugin

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
)

// A release is one file: a WebAssembly module whose last custom sections are quoin.manifest
// and, when its author has signed it, quoin.signature:
//
//	module | 0, length, 14, "quoin.manifest", manifest | 0, length, 15, "quoin.signature", 64 bytes
//
// The digest that names the release is SHA-256 over the file without its signature section,
// which is the file's last 82 bytes, byte for byte: signing does not change the digest, and
// everything else does. The author's signature is Ed25519 over "quoin/release-author/v1\n"
// and the digest.
const (
	manifestSection  = "quoin.manifest"
	signatureSection = "quoin.signature"
	authorContext    = "quoin/release-author/v1\n"

	signatureSectionBytes = 1 + 1 + 1 + len(signatureSection) + ed25519.SignatureSize
)

// FileMax is the largest release file in bytes.
const FileMax = 4 << 20

// ErrSignature is wrapped by every refusal of an author's signature.
var ErrSignature = errors.New("plugin: no valid author's signature")

// Embed returns the release file of a module and a manifest. A manifest and a signature that
// the module already has are dropped.
func Embed(module []byte, m *Manifest) ([]byte, error) {
	b, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	sections, err := splitSections(module)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(module[:8])
	for _, s := range sections {
		if s.id == 0 && (s.name == manifestSection || s.name == signatureSection) {
			continue
		}
		out = append(out, module[s.start:s.end]...)
	}
	out = appendCustom(out, manifestSection, b)
	if len(out) > FileMax {
		return nil, refuse(CodeSize, -1, "the release has %d bytes, at most %d are allowed; build with -ldflags='-s -w' or leave code out", len(out), FileMax)
	}
	return out, nil
}

// ReadManifest returns the manifest of a release file. It checks the file's sections and the
// manifest, nothing else.
func ReadManifest(file []byte) (*Manifest, error) {
	sections, err := splitSections(file)
	if err != nil {
		return nil, err
	}
	return manifestOf(file, sections)
}

// manifestOf finds the one manifest and checks that it and the signature come last.
func manifestOf(file []byte, sections []section) (*Manifest, error) {
	var found *section
	for i := range sections {
		s := &sections[i]
		if s.id != 0 {
			continue
		}
		switch s.name {
		case manifestSection:
			if found != nil {
				return nil, refuse(CodeManifest, s.start, "there are two manifests; embed one")
			}
			if rest := len(sections) - 1 - i; rest > 1 || rest == 1 && sections[i+1].name != signatureSection {
				return nil, refuse(CodeManifest, s.start, "the manifest must be the last section, or the last before the signature")
			}
			if want := appendCustom(nil, manifestSection, s.content); len(want) != s.end-s.start {
				return nil, refuse(CodeManifest, s.start, "a length is not written in its shortest form")
			}
			found = s
		case signatureSection:
			if found == nil || s.end-s.start != signatureSectionBytes || s.end != len(file) {
				return nil, refuse(CodeManifest, s.start, "the signature must be 64 bytes in the last section, after the manifest")
			}
		}
	}
	if found == nil {
		return nil, refuse(CodeManifest, -1, "there is no section %s; embed a manifest", manifestSection)
	}
	m, err := ParseManifest(found.content)
	if err != nil {
		return nil, &Refusal{Code: CodeManifest, Offset: found.start, Problem: err.Error(), cause: err}
	}
	return m, nil
}

// Digest returns the name of a release: SHA-256 over the file without its signature section.
func Digest(file []byte) quoin.Hash {
	unsigned, _ := splitSignature(file)
	return sha256.Sum256(unsigned)
}

// AuthorBytes returns what the author signs to publish the release with the digest.
func AuthorBytes(digest quoin.Hash) []byte { return append([]byte(authorContext), digest[:]...) }

// AuthorSignature returns the author's signature in a file and whether there is one. It is not verified.
func AuthorSignature(file []byte) (quoin.Signature, bool) {
	_, signature := splitSignature(file)
	if signature == nil {
		return quoin.Signature{}, false
	}
	return quoin.Signature(signature), true
}

// Sign returns the file with the author's signature; an earlier one is replaced. The key must
// be the manifest's author.
func Sign(file []byte, key ed25519.PrivateKey) ([]byte, error) {
	m, err := ReadManifest(file)
	if err != nil {
		return nil, err
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("plugin: a signing key has %d bytes, this one %d", ed25519.PrivateKeySize, len(key))
	}
	if !slices.Equal(key.Public().(ed25519.PublicKey), m.Author[:]) {
		return nil, fmt.Errorf("plugin: the manifest names the author %x; sign with that key or change the manifest", m.Author[:])
	}
	digest := Digest(file)
	unsigned, _ := splitSignature(file)
	return appendCustom(slices.Clone(unsigned), signatureSection, ed25519.Sign(key, AuthorBytes(digest))), nil
}

// VerifySignature returns nil if the manifest's author has signed the file, else an error
// that wraps ErrSignature.
func VerifySignature(file []byte) error {
	m, err := ReadManifest(file)
	if err != nil {
		return err
	}
	unsigned, signature := splitSignature(file)
	if signature == nil {
		return fmt.Errorf("%w: the file has none; its author %x must sign it", ErrSignature, m.Author[:])
	}
	digest := sha256.Sum256(unsigned)
	if !ed25519.Verify(m.Author[:], AuthorBytes(digest), signature) {
		return fmt.Errorf("%w: it is not by %x over %x; the file was changed or another key was used", ErrSignature, m.Author[:], digest)
	}
	return nil
}

// splitSignature cuts the signature section off, when the file is a row of sections and that
// is the last. It goes by the sections and not by the last bytes, which may lie inside
// another section: two files that are both accepted never share a digest but by a signature.
func splitSignature(file []byte) (unsigned, signature []byte) {
	sections, err := splitSections(file)
	if err != nil || len(sections) == 0 {
		return file, nil
	}
	last := sections[len(sections)-1]
	if last.id != 0 || last.name != signatureSection || last.end-last.start != signatureSectionBytes {
		return file, nil
	}
	return file[:last.start], last.content
}

func appendCustom(b []byte, name string, content []byte) []byte {
	b = append(b, 0)
	b = appendU32(b, uint32(lenU32(uint32(len(name)))+len(name)+len(content)))
	b = appendU32(b, uint32(len(name)))
	b = append(b, name...)
	return append(b, content...)
}
