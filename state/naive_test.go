package state

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	"quoin.dev/quoin"
)

// model is the state as a reader of the package doc would write it: maps and a recursion.
type model map[string]map[string]string

func (m model) clone() model {
	c := model{}
	for name, keys := range m {
		c[name] = maps.Clone(keys)
	}
	return c
}

func (m model) put(name, key, value string) {
	if m[name] == nil {
		m[name] = map[string]string{}
	}
	m[name][key] = value
}

func (m model) delete(name, key string) {
	delete(m[name], key)
	if len(m[name]) == 0 {
		delete(m, name)
	}
}

type modelLeaf struct {
	hash       quoin.Hash
	key, value string
}

// leaves returns a namespace in the order of the key hashes.
func (m model) leaves(name string) []modelLeaf {
	var leaves []modelLeaf
	for key, value := range m[name] {
		leaves = append(leaves, modelLeaf{sha256.Sum256([]byte(key)), key, value})
	}
	slices.SortFunc(leaves, func(a, b modelLeaf) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	return leaves
}

// inOrder returns a namespace in the order of the keys.
func (m model) inOrder(name string) []modelLeaf {
	leaves := m.leaves(name)
	slices.SortFunc(leaves, func(a, b modelLeaf) int { return strings.Compare(a.key, b.key) })
	return leaves
}

// trieRoot returns the root of leaves that agree in their first depth bits. Where it is not nil,
// page is called for every subtree that the flush writes as a page.
func trieRoot(leaves []modelLeaf, depth int, page func(depth int, path quoin.Hash)) quoin.Hash {
	if page != nil && depth%pageLevels == 0 && len(leaves) > bucketMax {
		page(depth, leaves[0].hash)
	}
	switch len(leaves) {
	case 0:
		return quoin.Hash{}
	case 1:
		value := sha256.Sum256([]byte(leaves[0].value))
		return sha256.Sum256(slices.Concat([]byte{0}, leaves[0].hash[:], value[:]))
	}
	at := 0
	for at < len(leaves) && leaves[at].hash[depth/8]>>(7-depth%8)&1 == 0 {
		at++
	}
	left, right := trieRoot(leaves[:at], depth+1, page), trieRoot(leaves[at:], depth+1, page)
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

func (m model) root() quoin.Hash {
	text := []byte("quoin/state-directory/v1\x00")
	for _, name := range slices.Sorted(maps.Keys(m)) {
		root := trieRoot(m.leaves(name), 0, nil)
		text = append(append(append(text, byte(len(name))), name...), root[:]...)
	}
	return sha256.Sum256(text)
}
