package node

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node/compile"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/wasmtest"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

// govern gives a network's genesis a proposer, the key 200, an approver, the key 201, and light policies.
func govern(w *network) {
	c := &w.genesis.Configuration
	c.Parameters.ReportHeights = 4
	c.Policies = policy.Light(1)
	c.Members = []quoin.Member{
		{Name: "proposer", Organisation: "a", Key: publicKey(200), Roles: quoin.RoleProposer | quoin.RoleResponder},
		{Name: "approver", Organisation: "b", Key: publicKey(201), Roles: quoin.RoleApprover},
	}
	quoin.SortMembers(c.Members)
}

func publicKey(i int) quoin.PublicKey {
	return quoin.PublicKey(validatorKey(i).Public().(ed25519.PublicKey))
}

// command has a member's command certified by node 0 and returns its result.
func (w *network) command(t testing.TB, member int, c governance.Command) quoin.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := w.nodes[0]
	sub := n.Feed().Subscribe(4096)
	defer sub.Close()
	x := quoin.Transaction{Sender: publicKey(member), Salt: uint64(time.Now().UnixNano()), Expiry: n.Status().Tip.Height + 1000,
		Namespace: quoin.KernelNamespace, Payload: governance.Encode(c)}
	id := x.ID(n.Origin().ID())
	x.Signature = signature.Sign(validatorKey(member), quoin.TransactionSigningBytes(id))
	if admissions, err := n.Submit(ctx, []quoin.Transaction{x}); err != nil || admissions[0].Code != replica.Admitted {
		t.Fatalf("submit: %v, %v", admissions, err)
	}
	for {
		select {
		case item := <-sub.C:
			if f := item.Finished; f != nil {
				for i := range f.IDs {
					if f.IDs[i] == id {
						return f.Results[i]
					}
				}
			}
		case <-ctx.Done():
			t.Fatalf("%T was not certified", c)
		}
	}
}

// propose opens a proposal and returns its number.
func (w *network) propose(t testing.TB, p governance.Propose) governance.ProposalNumber {
	t.Helper()
	r := w.command(t, 200, p)
	if r.Code != 0 {
		t.Fatalf("the proposal is refused: %v", governance.Code(r.Code))
	}
	return governance.ProposalNumber(binary.BigEndian.Uint64(r.Output))
}

// becomes waits until a proposal has one of the statuses on node 0, and returns it.
func (w *network) becomes(t testing.TB, n governance.ProposalNumber, statuses ...governance.Status) (p governance.Proposal) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := w.nodes[0].Do(context.Background(), func(r *replica.Replica) { p, _ = governance.ReadProposal(r.Kernel(), n) })
		switch {
		case err != nil:
			t.Fatal(err)
		case slices.Contains(statuses, p.Status):
			return p
		case time.Now().After(deadline):
			t.Fatalf("proposal %d is %v, %+v, and not %v", n, p.Status, p.Ending, statuses)
		}
	}
}

// proposed is the proposal that a release serves leader.v1 with a number as its parameter.
func proposed(t testing.TB, file []byte, parameter uint32) governance.Propose {
	t.Helper()
	report, err := plugin.Check(file, plugin.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	m := report.Manifest
	s, _ := plugin.AuthorSignature(file)
	return governance.NewRelease(governance.Release{Digest: plugin.Digest(file), Name: m.Name, Version: m.Version, Sequence: m.Sequence, Size: uint64(len(file)),
		Author: m.Author, Signature: s}, quoin.Binding{Hook: hook.Leader.Name, FuelMax: 1_000_000, Parameters: binary.LittleEndian.AppendUint32(nil, parameter)})
}

// A release of which only one node has the file is fetched, compiled and tried by all before any of them
// votes, and what they find decides.
func TestPrechecksOfARelease(t *testing.T) {
	_, good := leaderRelease(t)
	stillborn := stillbornRelease(t)
	for _, c := range []struct {
		name string
		file []byte
		p    governance.Propose
		want governance.PrecheckCode
	}{
		{"leads", good, proposed(t, good, 1), governance.PrecheckPassed},
		{"names nobody", good, proposed(t, good, 99), governance.PrecheckParameters},
		{"does not start", stillborn, proposed(t, stillborn, 0), governance.PrecheckRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newNetworkOf(t, 4, govern)
			n := w.propose(t, c.p)
			w.put(t, 1, "a", "1")
			w.becomes(t, n, governance.StatusProposed)
			if _, err := w.nodes[2].AddRelease(c.file); err != nil {
				t.Fatal(err)
			}
			if c.want == governance.PrecheckPassed {
				w.becomes(t, n, governance.StatusPrechecked)
				return
			}
			if p := w.becomes(t, n, governance.StatusRejected); p.Ending.Why != governance.WhyPrecheck || p.Ending.Code != uint32(c.want) {
				t.Errorf("it ended with %+v, want %v", p.Ending, c.want)
			}
		})
	}
}

// The release of a built-in is tried on the loop, which owns the built-ins.
func TestPrecheckOfABuiltin(t *testing.T) {
	w := newNetworkOf(t, 1, govern)
	n := w.propose(t, governance.NewBuiltin(quoin.Binding{Hook: hook.Leader.Name, Builtin: "weighted-random"}))
	w.becomes(t, n, governance.StatusPrechecked)
}

// A node that knows of a refusal before anybody proposes the release says so when somebody does, and
// again if it is proposed again.
func TestRefusalsAreTold(t *testing.T) {
	file := stillbornRelease(t)
	w := newNetworkOf(t, 1, govern)
	digest, err := w.nodes[0].AddRelease(file)
	if err != nil {
		t.Fatal(err)
	}
	w.await(t, 0, digest, "refused", func(r ReleaseStatus) bool { return r.State == ReleaseRefused })
	for range 2 {
		n := w.propose(t, proposed(t, file, 0))
		if p := w.becomes(t, n, governance.StatusRejected); p.Ending.Code != uint32(governance.PrecheckRefused) {
			t.Errorf("it ended with %+v", p.Ending)
		}
		w.put(t, 0, "a", "1") // the replica looks, and does not name the release any more
	}
}

// Only a release that broke the budget several times is given up: before, it is late.
func TestBudgetIsBrokenSeveralTimes(t *testing.T) {
	l := &library{named: map[quoin.Hash]bool{}, releases: map[quoin.Hash]*ReleaseStatus{}, work: make(chan struct{}, 1), prechecks: newPrechecks()}
	for d, err := range map[quoin.Hash]error{{1}: compile.ErrBudget, {2}: plugin.ErrLocal, {3}: &plugin.Refusal{Code: plugin.CodeVersion}, {4}: compile.ErrRefused} {
		l.releases[d] = &ReleaseStatus{Digest: d}
		for try := range 5 {
			l.settle(d, fmt.Errorf("planted: %w: %w", plugin.ErrLocal, err))
			code, known := l.codes[d]
			switch d[0] {
			case 1:
				if known != (try+1 >= budgetTries) || known && code != governance.PrecheckCompile {
					t.Errorf("after %d tries: %v, %v", try+1, code, known)
				}
			case 2:
				if known {
					t.Error("any error of this host is a verdict")
				}
			case 3:
				if code != governance.PrecheckVersion {
					t.Errorf("a release for another version: %v", code)
				}
			case 4:
				if code != governance.PrecheckRefused {
					t.Errorf("a refused release: %v", code)
				}
			}
		}
	}
}

// stillbornRelease passes the static check and traps when it starts.
func stillbornRelease(t testing.TB) []byte {
	t.Helper()
	m := wasmtest.Guest(1)
	m.Func("_initialize", nil, nil, nil, wasmtest.Op(0x00))
	m.Func("leader.v1", nil, wasmtest.Types(wasmtest.I32), nil, wasmtest.I32Const(0))
	file, err := plugin.Embed(m.Bytes(), &plugin.Manifest{Name: "stillborn", Version: "1.0.0", Sequence: 1, Author: authorKey(),
		Hooks: []string{"leader.v1"}, FuelMax: 1_000_000, PagesMax: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, file = sign(t, file)
	return file
}
