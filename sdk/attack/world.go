package attack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// worldCases are attacks on what lies beyond a plugin's own namespace.
func worldCases() []Case {
	return []Case{
		{28, "foreign-ungranted", "reads a namespace that its manifest names and its binding does not grant", "fault import", foreignUngranted},
		{28, "foreign-other", "is granted one namespace and reads others", contained, foreignOther},
		{28, "foreign-kernel", "names the kernel's namespace in its manifest", "refused capability", foreignKernel},
		{28, "state-ungranted", "writes a state that its binding does not grant", "fault import", stateUngranted},
		{28, "foreign-shadow", "writes keys that are called like another namespace's", contained, foreignShadow},
		{29, "namespace-prefix", "puts the end of a namespace's name into the key, and the other way round", contained, namespacePrefix},
		{30, "history-outside", "asks for heights that are not before its block", contained, historyOutside},
		{30, "history-overwrite", "overwrites the history that it was given, and asks again", contained, historyOverwrite},
	}
}

// readForeign returns the payload with which the caller of foreign_get reads a key.
func readForeign(namespace, key string) []byte {
	const at = hostile.CallerArguments + 6*8
	n, k := uint64(len(namespace)), uint64(len(key))
	return hostile.CallerPayload([]uint64{at, n, at + n, k, hostile.CallerBuffer, hostile.CallerAnswer}, []byte(namespace+key))
}

func foreignUngranted(s *stage) (string, error) {
	b, err := s.caller("foreign_get")
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	b.Grants = s.hole.grants(hook.CapabilityForeign + hostile.ForeignNamespace)
	got, err := s.apply(b, transaction(readForeign(hostile.ForeignNamespace, "k")), crowded())
	return got.String(), err
}

func foreignOther(s *stage) (string, error) {
	b, err := s.caller("foreign_get")
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	sp := crowded()
	others := []string{"", "b", "bystander\x00", "bystander/", "BYSTANDER", "bystandеr", " bystander", quoin.KernelNamespace, hostileNamespace, "kv"}
	for _, n := range others {
		sp.foreign[n] = map[string]string{"k": "secret"}
	}
	if got, err := s.apply(b, transaction(readForeign(hostile.ForeignNamespace, "k")), sp); err != nil || got.fault != hook.FaultNone {
		return got.String(), errors.Join(err, errors.New("what is granted cannot be read"))
	}
	for _, n := range others {
		got, err := s.apply(b, transaction(readForeign(n, "k")), sp)
		if err != nil || got.fault != hook.FaultImport {
			return got.String(), errors.Join(err, fmt.Errorf("namespace %q", n))
		}
	}
	return contained, nil
}

func foreignKernel(s *stage) (string, error) {
	f, _ := hostile.Find(hostile.ProbeNaN)
	m := f.Manifest(author.public)
	m.Capabilities = []string{hook.CapabilityForeign + quoin.KernelNamespace}
	file, err := plugin.Embed(f.Module, m)
	if err != nil {
		return "", err
	}
	_, err = plugin.Check(file, s.hole.limits(0))
	return refusal(err)
}

// refusal observes a refusal of the check.
func refusal(err error) (string, error) {
	var r *plugin.Refusal
	if errors.As(err, &r) {
		return "refused " + string(r.Code), nil
	}
	if err != nil {
		return "", err
	}
	return accepted, nil
}

func stateUngranted(s *stage) (string, error) {
	b, err := s.caller("state_put")
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	b.Grants = s.hole.grants(hook.CapabilityState)
	got, err := s.apply(b, transaction(hostile.CallerPayload([]uint64{0, 4, 0, 4}, nil)), crowded())
	return got.String(), err
}

// foreignShadow lets a machine on a chain write under names that lead to the bystander's keys if
// anything but the host names the namespace.
func foreignShadow(s *stage) (string, error) {
	b, err := s.caller("state_put")
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	served := *b
	served.Namespace, served.FuelMax = hostileNamespace, hostile.FuelMax
	config, err := configuration(4, served)
	if err != nil {
		return "", err
	}
	c, err := newChain(s.replicas[0].table, config, s.hole)
	if err != nil {
		return "", err
	}
	var batch plugin.KVBatch
	batch.Put([]byte("k"), []byte("theirs"))
	if _, err := c.block(c.transact(bystanderNamespace, batch.Payload())); err != nil {
		return "", err
	}
	before := c.rootOf(bystanderNamespace)
	const at = hostile.CallerArguments + 4*8
	for _, key := range []string{"k", "bystander/k", "bystanderk", "\tbystanderk", "../bystander/k", "\x00bystander\x00k", "quoin/epoch", "epoch"} {
		o, err := c.block(c.transact(hostileNamespace, hostile.CallerPayload([]uint64{at, uint64(len(key)), at, 1}, []byte(key))))
		if err != nil || o.Results[0].Code != 0 {
			return "answered", fmt.Errorf("key %q: %w", key, err)
		}
	}
	value, ok, err := c.state.Get(bystanderNamespace, []byte("k"))
	if err != nil || !ok || string(value) != "theirs" || c.rootOf(bystanderNamespace) != before {
		return "answered", errors.Join(err, errors.New("the bystander's state has changed"))
	}
	return contained, nil
}

// keyed is a state of namespaces.
type keyed interface {
	Put(namespace string, key, value []byte) error
	Get(namespace string, key []byte) ([]byte, bool, error)
}

// joined is a state that HoleKeys puts in the place of the real one.
type joined map[string][]byte

func (j joined) Put(namespace string, key, value []byte) error {
	j[namespace+"/"+string(key)] = value
	return nil
}

func (j joined) Get(namespace string, key []byte) ([]byte, bool, error) {
	v, ok := j[namespace+"/"+string(key)]
	return v, ok, nil
}

// namespacePrefix writes under every way to cut a text into a namespace and a key; what is written
// under one cut must not be seen under another, and a name that is none must be refused.
func namespacePrefix(s *stage) (string, error) {
	st, err := state.Open(store.NewMemory(), state.Options{})
	if err != nil {
		return "", err
	}
	names := []string{"a", "a.b", "a.b.c", "a-", "ab"}
	keys := []string{".b", ".b/k", "/k", "b/k", "k", "-/k", ".b.c/k", "b", "\x00k", "a/k"}
	for _, n := range names {
		for _, k := range keys {
			var world keyed = joined{}
			if s.hole != HoleKeys {
				o, err := st.NewOverlay(nil)
				if err != nil {
					return "", err
				}
				defer o.Drop()
				world = o
			}
			if err := world.Put(n, []byte(k), []byte("mine")); err != nil {
				return "", err
			}
			for _, n2 := range append(names, "a/.b", "a.") {
				for _, k2 := range append(keys, "c/k", ".c/k") {
					_, ok, err := world.Get(n2, []byte(k2))
					if err == nil && ok != (n == n2 && k == k2) {
						return "answered", fmt.Errorf("%q in %q is seen as %q in %q", k, n, k2, n2)
					}
				}
			}
		}
	}
	for _, n := range []string{"", "a/", "a/b", "A", "a\x00", "а", "a b", "quoin", "a_b", "0123456789abcdef0123456789abcdef0"} {
		c, err := configuration(1)
		if err != nil {
			return "", err
		}
		b := quoin.Binding{Hook: "machine.v1", Namespace: n, Builtin: "kv"}
		c = c.WithBinding(b)
		if n != "" && c.Check() == nil {
			return accepted, fmt.Errorf("the namespace %q", n)
		}
	}
	return contained, nil
}

// historyChain is a chain of some blocks with the caller of history_get.
func (s *stage) historyChain(blocks int) (*chain, error) {
	b, err := s.caller("history_get")
	if err != nil {
		return nil, err
	}
	served := *b
	served.Namespace, served.FuelMax = hostileNamespace, hostile.FuelMax
	config, err := configuration(4, served)
	if err != nil {
		return nil, err
	}
	c, err := newChain(s.replicas[0].table, config, s.hole)
	for i := 0; err == nil && i < blocks; i++ {
		_, err = c.block()
	}
	return c, err
}

// past asks a chain's plugin, in the next block, for the history of a height: nil is that there is none.
func (c *chain) past(height uint64) ([]byte, error) {
	o, err := c.block(c.transact(hostileNamespace, hostile.CallerPayload([]uint64{height, hostile.CallerBuffer, hostile.CallerAnswer}, nil)))
	if err != nil {
		return nil, err
	}
	r := o.Results[0]
	if r.Code != 0 || len(r.Output) != 4+hostile.CallerAnswer {
		return nil, fmt.Errorf("height %d: code %d, %d bytes", height, r.Code, len(r.Output))
	}
	switch n := binary.LittleEndian.Uint32(r.Output); n {
	case 1<<32 - 1:
		return nil, nil
	case hook.AncestorBytes:
		return r.Output[4 : 4+hook.AncestorBytes], nil
	default:
		return nil, fmt.Errorf("height %d: %d bytes of history", height, n)
	}
}

func historyOutside(s *stage) (string, error) {
	const blocks = 70
	c, err := s.historyChain(blocks)
	if err != nil {
		return "", err
	}
	for i, ask := range []uint64{1, 5, blocks + 3, blocks + 4, blocks + 100, 1 << 32, 1<<63 - 1, 1<<64 - 1} {
		tip := uint64(c.executor.Tip().Height)
		if ask >= 1 && ask <= tip && tip-ask < hook.AncestorsMax {
			return "", fmt.Errorf("question %d is about a block before", i)
		}
		if got, err := c.past(ask); err != nil || got != nil {
			return "answered", errors.Join(err, fmt.Errorf("height %d at height %d has the history %x", ask, tip+1, got))
		}
	}
	return contained, nil
}

func historyOverwrite(s *stage) (string, error) {
	c, err := s.historyChain(10)
	if err != nil {
		return "", err
	}
	tip := *c.executor.Tip()
	want := (&hook.Ancestor{Height: uint64(tip.Height), Time: uint64(tip.Time), Epoch: uint64(tip.Epoch), View: uint64(tip.View), Size: tip.Size,
		Block: tip.Block, State: tip.State, Ledger: tip.Ledger}).Append(nil)
	for range 3 { // the caller's buffer is its own: what it does to it stays there
		got, err := c.past(uint64(tip.Height))
		if err != nil || !slices.Equal(got, want) {
			return "answered", errors.Join(err, fmt.Errorf("the history is %x, want %x", got, want))
		}
	}
	return contained, nil
}
