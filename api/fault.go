package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/fault"
)

// Faults are injected into the nodes that run in this process. Its methods are called by several goroutines
// and return soon.
type Faults interface {
	// Inject tells these nodes of a fault, and returns which of its targets are among them. It fails with
	// fault.ErrInvalid, fault.ErrFull, fault.ErrTaken or fault.ErrClosed.
	Inject(f fault.Fault) (applied []quoin.PublicKey, err error)
	// Lift ends a fault, and reports whether there was one of this number.
	Lift(id uint64) bool
	// List returns the faults that are not over, ascending by number, and a number that no fault had.
	List() (faults []fault.Fault, next uint64)
	// Reopens reports whether a node that crashes is opened again by itself.
	Reopens() bool
}

// FaultsOf returns the faults of a process with one node, which nobody opens again after a crash.
func FaultsOf(self quoin.PublicKey, set *fault.Set) Faults { return one{self, set} }

type one struct {
	self quoin.PublicKey
	*fault.Set
}

// Inject implements Faults.
func (o one) Inject(f fault.Fault) ([]quoin.PublicKey, error) {
	if err := o.Set.Inject(f); err != nil || !f.Targeted(o.self) {
		return nil, err
	}
	return []quoin.PublicKey{o.self}, nil
}

// List implements Faults.
func (o one) List() ([]fault.Fault, uint64) { return o.Set.List(), o.Set.Next() }

// Reopens implements Faults.
func (one) Reopens() bool { return false }

type faultService struct{ *Server }

var _ quoinv1connect.FaultServiceHandler = faultService{}

func (s faultService) allowed() bool {
	return s.c.Faults != nil && s.node.Genesis().Configuration.Parameters.FaultInjection()
}

// check refuses what the genesis does not allow, before anybody's signature counts.
func (s faultService) check() error {
	if !s.allowed() {
		s.admission.count(CodeNoFaults)
		return refuse(CodeNoFaults, "faults are for networks of `quoin dev`, `quoin testnet`, and of a genesis with the parameter fault_injection=1",
			"this network's genesis does not allow that faults are injected")
	}
	return nil
}

// Inject implements quoinv1connect.FaultServiceHandler.
func (s faultService) Inject(ctx context.Context, r *connect.Request[quoinv1.InjectRequest]) (*connect.Response[quoinv1.InjectResponse], error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, r.Header(), quoinv1connect.FaultServiceInjectProcedure, sha256.Sum256(r.Msg.GetFault().SigningBytes()), true); err != nil {
		return nil, err
	}
	f, err := s.readFault(r.Msg.GetFault())
	if err != nil {
		return nil, err
	}
	applied, err := s.c.Faults.Inject(f)
	switch {
	case errors.Is(err, fault.ErrInvalid), errors.Is(err, fault.ErrTaken):
		return nil, refuse(CodeInvalid, "see docs/faults.md for kinds and limits", "%v", err)
	case errors.Is(err, fault.ErrFull):
		return nil, refuse(CodeBusy, "see `quoin fault list`", "%v", err)
	case err != nil:
		return nil, refuse(CodeStopped, "ask another node", "%v", err)
	}
	answer := &quoinv1.InjectResponse{Reopens: s.c.Faults.Reopens()}
	for _, k := range applied {
		answer.Applied = append(answer.Applied, k[:])
	}
	return connect.NewResponse(answer), nil
}

// durationMax keeps hostile numbers from overflowing; every limit of a fault is below it.
const durationMax = 24 * time.Hour

// readFault reads a fault whose nodes are all validators, and whose slot, if any, a release serves.
func (s faultService) readFault(x *quoinv1.Fault) (f fault.Fault, err error) {
	c := s.node.Status().Configuration
	keys := func(list [][]byte) (keys []quoin.PublicKey) {
		for _, b := range list {
			if len(b) != len(quoin.PublicKey{}) {
				err = refuse(CodeInvalid, "a key has 32 bytes", "a node's key of %d bytes", len(b))
				return nil
			}
			k := quoin.PublicKey(b)
			if _, ok := c.Validators.Index(k); !ok {
				err = refuse(CodeInvalid, "see `quoin status` for the validators", "%s is no validator's key", k)
				return nil
			}
			keys = append(keys, k)
		}
		return keys
	}
	if n := max(len(x.GetTargets()), len(x.GetPeers())); n > fault.NodesMax {
		return f, refuse(CodeTooLarge, "name each node once", "%d nodes, limit %d", n, fault.NodesMax)
	}
	f = fault.Fault{ID: x.GetId(), Kind: fault.Kind(x.GetKind()), Targets: keys(x.GetTargets()), Peers: keys(x.GetPeers()),
		Delay: time.Duration(min(x.GetDelayUs(), uint64(durationMax/time.Microsecond))) * time.Microsecond, Share: uint16(min(x.GetShare(), fault.ShareAll+1)),
		Slot: x.GetSlot(), Until: time.Now().Add(time.Duration(min(x.GetForMs(), uint64(durationMax/time.Millisecond))) * time.Millisecond), Note: x.GetNote()}
	if err == nil && f.Kind == fault.SlowPlugin {
		if b, ok := c.Binding(f.Slot); !ok || b.Release.IsZero() {
			err = refuse(CodeInvalid, "only calls of plugins can be slow: see `quoin status` for what serves, and activate a release first", "no release serves the slot %.80q", f.Slot)
		}
	}
	return f, err
}

// Lift implements quoinv1connect.FaultServiceHandler.
func (s faultService) Lift(ctx context.Context, r *connect.Request[quoinv1.LiftRequest]) (*connect.Response[quoinv1.LiftResponse], error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	named := quoinv1.Fault{Id: r.Msg.GetId()}
	if err := s.authorize(ctx, r.Header(), quoinv1connect.FaultServiceLiftProcedure, sha256.Sum256(named.SigningBytes()), true); err != nil {
		return nil, err
	}
	return connect.NewResponse(&quoinv1.LiftResponse{Found: s.c.Faults.Lift(r.Msg.GetId())}), nil
}

// List implements quoinv1connect.FaultServiceHandler.
func (s faultService) List(context.Context, *connect.Request[quoinv1.ListFaultsRequest]) (*connect.Response[quoinv1.ListFaultsResponse], error) {
	answer := &quoinv1.ListFaultsResponse{Allowed: s.allowed()}
	if !answer.Allowed {
		return connect.NewResponse(answer), nil
	}
	faults, next := s.c.Faults.List()
	answer.Next = next
	for i := range faults {
		answer.Faults = append(answer.Faults, quoinv1.NewFault(&faults[i], time.Now()))
	}
	return connect.NewResponse(answer), nil
}
