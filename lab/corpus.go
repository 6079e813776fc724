package lab

import (
	"encoding/binary"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/signature"
)

// Corpus is hostile plugins, compiled. It may be shared by runs on several goroutines.
type Corpus struct {
	items []corpusItem
}

type corpusItem struct {
	fixture hostile.Fixture
	file    []byte
	release *plugin.Release
}

// leaderFixtures are the names of the hostile leaders.
var leaderFixtures = namesOf(hostile.Leaders())

// chainFixtures are the names of the hostile plugins that serve a whole chain: a seed chooses among
// them.
var chainFixtures = append(slices.Clone(leaderFixtures), namesOf(slices.DeleteFunc(hostile.Policies(), func(f hostile.Fixture) bool {
	h, _ := hook.Find(f.Hook)
	return h.Namespaced
}))...)

func namesOf(fixtures []hostile.Fixture) []string {
	var names []string
	for _, f := range fixtures {
		names = append(names, f.Name)
	}
	return names
}

// NewCorpus compiles fixtures of plugin/hostile, or all that networks run with if none is named.
func NewCorpus(names ...string) (*Corpus, error) { return newCorpus(plugin.Options{}, names...) }

func newCorpus(o plugin.Options, names ...string) (*Corpus, error) {
	if len(names) == 0 {
		names = namesOf(append(hostile.Corpus(), hostile.Policies()...))
	}
	host, err := plugin.NewHost(o)
	if err != nil {
		return nil, err
	}
	c := &Corpus{}
	for _, name := range names {
		f, ok := hostile.Find(name)
		if !ok {
			return nil, fmt.Errorf("%w: no hostile plugin %q", ErrOptions, name)
		}
		author := key("author", 0)
		file, err := plugin.Sign(f.Release(signature.PublicOf(author)), author)
		if err != nil {
			return nil, err
		}
		r, err := host.Compile(file)
		if err != nil {
			return nil, fmt.Errorf("lab: compiling %s: %w", name, err)
		}
		c.items = append(c.items, corpusItem{f, file, r})
	}
	return c, nil
}

func (c *Corpus) all() []*plugin.Release {
	if c == nil {
		return nil
	}
	var all []*plugin.Release
	for i := range c.items {
		all = append(all, c.items[i].release)
	}
	return all
}

// has refuses names of fixtures that were not compiled.
func (c *Corpus) has(names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(c.items, func(x corpusItem) bool { return x.fixture.Name == name }) {
			return fmt.Errorf("%w: the hostile plugin %q is not in the corpus", ErrOptions, name)
		}
	}
	return nil
}

func (c *Corpus) find(digest quoin.Hash) *plugin.Release {
	for _, r := range c.all() {
		if r.Digest() == digest {
			return r
		}
	}
	return nil
}

// propose returns the proposal that brings a fixture in: for the chain, or a machine for the
// namespace "hostile".
func (c *Corpus) propose(name string) governance.Propose {
	for i := range c.items {
		x := &c.items[i]
		if x.fixture.Name != name {
			continue
		}
		b := *x.release.Binding(x.fixture.Hook)
		h, _ := hook.Find(b.Hook)
		b.FuelMax = min(hostile.FuelMax, h.FuelMax)
		switch {
		case x.fixture.Hook == hook.Machine.Name:
			b.Namespace = hostileNamespace
		case name == hostile.LeaderTimeBomb:
			b.Parameters = binary.LittleEndian.AppendUint64(nil, 150)
		case name == hostile.LeaderParameter:
			b.Parameters = binary.LittleEndian.AppendUint32(nil, 0)
		}
		m := x.release.Manifest()
		s, _ := plugin.AuthorSignature(x.file)
		return governance.NewRelease(governance.Release{Digest: x.release.Digest(), Name: m.Name, Version: m.Version, Sequence: m.Sequence,
			Size: uint64(len(x.file)), Author: m.Author, Signature: s}, b)
	}
	panic("lab: a fixture that was not compiled: " + name)
}

// hostileNamespace is where hostile machines serve.
const hostileNamespace = "hostile"
