package attack

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/plugin/wasmtest"
)

// nameCases are attacks on who a release claims to be.
func nameCases() []Case {
	return []Case{
		{43, "manifest-changed", "changes each byte of a signed manifest", contained, manifestChanged},
		{43, "manifest-twice", "carries two manifests", "refused manifest", func(s *stage) (string, error) {
			return spoofed(s, func(file []byte) []byte { return slices.Concat(file, custom("quoin.manifest", manifest("other"))) })
		}},
		{43, "manifest-not-last", "carries a section behind its manifest", "refused manifest", func(s *stage) (string, error) {
			return spoofed(s, func(file []byte) []byte { return slices.Concat(file, custom("name", []byte("bank"))) })
		}},
		{43, "manifest-long-form", "writes the length of its manifest in a second form", "refused manifest", func(s *stage) (string, error) { return spoofed(s, longForm) }},
		{43, "signature-of-another", "carries the signature of another file", contained, signatureOfAnother},
		{43, "author-unsigned", "is proposed in the name of an author who has not signed it", contained, unsignedAuthor},
	}
}

// signed is a release with its author's signature.
func signed(name string, by person) ([]byte, error) {
	f, _ := hostile.Find(hostile.ProbeNaN)
	m := f.Manifest(by.public)
	m.Name = name
	file, err := plugin.Embed(f.Module, m)
	if err != nil {
		return nil, err
	}
	return plugin.Sign(file, by.private)
}

func manifest(name string) []byte {
	f, _ := hostile.Find(hostile.ProbeNaN)
	m := f.Manifest(author.public)
	m.Name = name
	b, _ := m.Bytes()
	return b
}

// custom is a custom section.
func custom(name string, content []byte) []byte {
	return wasmtest.Section(0, append(wasmtest.Name(name), content...))
}

// spoofed observes how the check refuses a file that was good before it was changed.
func spoofed(s *stage, change func(file []byte) []byte) (string, error) {
	f, _ := hostile.Find(hostile.ProbeNaN)
	file := f.Release(author.public)
	limits := s.hole.limits(0)
	if _, err := plugin.Check(file, limits); err != nil {
		return "", err
	}
	_, err := plugin.Check(change(bytes.Clone(file)), limits)
	return refusal(err)
}

// longForm writes the last section's length in five bytes.
func longForm(file []byte) []byte {
	f, _ := hostile.Find(hostile.ProbeNaN)
	content := append(wasmtest.Name("quoin.manifest"), manifest(f.Name)...)
	n := uint32(len(content))
	long := []byte{0, byte(n) | 0x80, byte(n>>7) | 0x80, byte(n>>14) | 0x80, byte(n>>21) | 0x80, byte(n >> 28)}
	return slices.Concat(f.Module, long, content)
}

// manifestChanged changes every byte of a signed file's manifest in turn: the file is refused, or the
// signature does not verify, or at the least it is another release.
func manifestChanged(s *stage) (string, error) {
	file, err := signed("bank", author)
	if err != nil {
		return "", err
	}
	if err := plugin.VerifySignature(file); err != nil {
		return "", err
	}
	at := bytes.Index(file, manifest("bank"))
	if at < 0 {
		return "", errors.New("the manifest is not in the file")
	}
	for i := range len(manifest("bank")) {
		for _, flip := range []byte{1, 0x80, 0xff} {
			spoof := bytes.Clone(file)
			spoof[at+i] ^= flip
			if plugin.VerifySignature(spoof) == nil || plugin.Digest(spoof) == plugin.Digest(file) {
				return accepted, fmt.Errorf("byte %d of the manifest can be changed", i)
			}
		}
	}
	return contained, nil
}

func signatureOfAnother(*stage) (string, error) {
	one, err := signed("bank", author)
	if err != nil {
		return "", err
	}
	other, err := signed("savings", author)
	if err != nil {
		return "", err
	}
	signature, _ := plugin.AuthorSignature(other)
	at := len(one) - len(signature)
	copy(one[at:], signature[:])
	if err := plugin.VerifySignature(one); !errors.Is(err, plugin.ErrSignature) {
		return accepted, err
	}
	return contained, nil
}

// proposeRelease makes a proposal out of a file, as an honest proposer would.
func proposeRelease(file []byte) (governance.Propose, error) {
	m, err := plugin.ReadManifest(file)
	if err != nil {
		return governance.Propose{}, err
	}
	signature, _ := plugin.AuthorSignature(file)
	return governance.NewRelease(governance.Release{Digest: plugin.Digest(file), Name: m.Name, Version: m.Version, Sequence: m.Sequence, EndOfLife: m.EndOfLife,
		Size: uint64(len(file)), Author: m.Author, Signature: signature},
		quoin.Binding{Hook: "machine.v1", Namespace: hostileNamespace, FuelMax: hostile.FuelMax}), nil
}

// governed runs commands of the proposer, each in a block, and returns their codes.
func (s *stage) governed(commands ...governance.Command) ([]governance.Code, error) {
	config, err := configuration(4)
	if err != nil {
		return nil, err
	}
	c, err := newChain(s.replicas[0].table, config, s.hole)
	if err != nil {
		return nil, err
	}
	var codes []governance.Code
	for _, command := range commands {
		o, err := c.block(c.command(personKey("proposer"), command))
		if err != nil {
			return nil, err
		}
		codes = append(codes, governance.Code(o.Results[0].Code))
	}
	return codes, nil
}

// unsignedAuthor proposes a release in the name of the bank's author, with a signature of the thief.
func unsignedAuthor(s *stage) (string, error) {
	thief := personKey("thief")
	file, err := signed("bank", thief)
	if err != nil {
		return "", err
	}
	p, err := proposeRelease(file)
	if err != nil {
		return "", err
	}
	p.Release.Author = author.public
	codes, err := s.governed(p)
	if err != nil {
		return "", err
	}
	if codes[0] != governance.AuthorSignature {
		return codes[0].String(), errors.New("it is open to approval")
	}
	return contained, nil
}
