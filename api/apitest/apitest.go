// Package apitest starts small networks of real nodes with their APIs, in one process, for tests.
package apitest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/fault"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/transport"
)

// Network is a running network with an API for each node.
type Network struct {
	Genesis *quoin.Genesis
	Nodes   []*node.Node
	Servers []*api.Server
	Faults  []*fault.Set         // of the nodes; nil without Options.Faults
	Keys    []ed25519.PrivateKey // of the nodes, and of their APIs' certificates
	Admin   ed25519.PrivateKey   // may propose and upload
	Second  ed25519.PrivateKey   // may approve
}

// Options say what is out of the ordinary.
type Options struct {
	Nodes       int // default 1
	Name        string
	Limits      api.Limits
	TLS         bool
	NoSync      bool
	HeartbeatMS uint64 // default 200
	Bindings    []quoin.Binding
	Faults      bool // may be injected
}

// Key returns a private key that is a function of its name.
func Key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Start starts a network; the test's end stops it.
func Start(t testing.TB, o Options) *Network {
	t.Helper()
	o.Nodes = max(o.Nodes, 1)
	if o.Name == "" {
		o.Name = "test"
	}
	if o.HeartbeatMS == 0 {
		o.HeartbeatMS = 200
	}
	w := &Network{Admin: Key(o.Name + "/admin"), Second: Key(o.Name + "/second")}
	w.Genesis = w.genesis(t, o)
	dir := t.TempDir()
	var peers []transport.Peer
	for i, key := range w.Keys {
		c := node.Config{Dir: filepath.Join(dir, fmt.Sprint(i)), Genesis: w.Genesis, Identity: key, Listen: "127.0.0.1:0", NoSync: o.NoSync}
		if o.Faults {
			c.Faults = fault.NewSet(fault.Config{Self: signature.PublicOf(key)})
		}
		w.Faults = append(w.Faults, c.Faults)
		n, err := node.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		w.Nodes = append(w.Nodes, n)
		t.Cleanup(func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
		peers = append(peers, transport.Peer{Key: transport.Key(n.Key()), Address: n.Addr().String()})
	}
	for i, n := range w.Nodes {
		if err := n.SetPeers(peers); err != nil {
			t.Fatal(err)
		}
		c := api.Config{Node: n, Listen: "127.0.0.1:0", Key: w.Keys[i], Plaintext: !o.TLS, Limits: o.Limits}
		if o.Faults {
			c.Faults = api.FaultsOf(n.Key(), w.Faults[i])
		}
		s, err := api.Listen(c)
		if err != nil {
			t.Fatal(err)
		}
		w.Servers = append(w.Servers, s)
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return w
}

func (w *Network) genesis(t testing.TB, o Options) *quoin.Genesis {
	t.Helper()
	var members []quoin.Validator
	for i := range o.Nodes {
		key := Key(fmt.Sprintf("%s/v%d", o.Name, i))
		w.Keys = append(w.Keys, key)
		members = append(members, quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: signature.PublicOf(key), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	g := &quoin.Genesis{Network: "test", Chain: "main", Time: quoin.Time(time.Now().UnixMilli())}
	g.Configuration = quoin.Configuration{Epoch: 1, First: 1, Validators: set, Parameters: quoin.DefaultParameters()}
	g.Configuration.Parameters.UnsignedTransactionsFlag = 1
	g.Configuration.Parameters.TimeoutBaseMS = 200
	g.Configuration.Parameters.HeartbeatMS = o.HeartbeatMS
	if o.Faults {
		g.Configuration.Parameters.FaultInjectionFlag = 1
	}
	g.Configuration.Members = []quoin.Member{
		{Name: "proposer", Key: signature.PublicOf(w.Admin), Organisation: "org-0", Roles: quoin.RoleProposer},
		{Name: "approver", Key: signature.PublicOf(w.Second), Organisation: "org-1", Roles: quoin.RoleApprover},
	}
	quoin.SortMembers(g.Configuration.Members)
	g.Configuration.Policies = policy.Light(1)
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	for _, b := range o.Bindings {
		g.Configuration = g.Configuration.WithBinding(b)
	}
	return g
}

// Put returns an unsigned transaction of the key-value machine.
func Put(key, value string, salt uint64, expiry quoin.Height) quoin.Transaction {
	var b plugin.KVBatch
	b.Put([]byte(key), []byte(value))
	return quoin.Transaction{Salt: salt, Expiry: expiry, Namespace: "kv", Payload: b.Payload()}
}

// Kernel returns a governance transaction signed by key.
func (w *Network) Kernel(key ed25519.PrivateKey, payload []byte, salt uint64, expiry quoin.Height) quoin.Transaction {
	t := quoin.Transaction{Sender: signature.PublicOf(key), Salt: salt, Expiry: expiry, Namespace: quoin.KernelNamespace, Payload: payload}
	t.Signature = signature.Sign(key, quoin.TransactionSigningBytes(t.ID(w.Genesis.Origin().ID())))
	return t
}
