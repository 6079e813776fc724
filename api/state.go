package api

import (
	"context"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/state"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
)

// KeysMax is the largest number of keys in one Get.
const KeysMax = 64

type stateService struct{ *Server }

var _ quoinv1connect.StateServiceHandler = stateService{}

// Get implements quoinv1connect.StateServiceHandler.
func (s stateService) Get(ctx context.Context, r *connect.Request[quoinv1.GetRequest]) (*connect.Response[quoinv1.GetResponse], error) {
	m := r.Msg
	if len(m.Keys) == 0 || len(m.Keys) > KeysMax {
		return nil, refuse(CodeTooLarge, "split the request", "%d keys, want 1 to %d", len(m.Keys), KeysMax)
	}
	for _, key := range m.Keys {
		if !quoin.IsName(m.Namespace, quoin.NamespaceMax) || len(key) == 0 || len(key) > state.KeyBytesMax {
			return nil, refuse(CodeInvalid, "a namespace is 1 to 32 of [a-z0-9.-], a key 1 to 256 bytes", "namespace %.40q with a key of %d bytes", m.Namespace, len(key))
		}
	}
	proofs, c, err := s.prove(ctx, m.Namespace, m.Keys, quoin.Height(m.MinHeight))
	if err != nil {
		return nil, err
	}
	answer := &quoinv1.GetResponse{Certificate: toCertificate(&c)}
	for i := range proofs {
		b, err := proofs[i].MarshalBinary()
		if err != nil {
			return nil, err
		}
		answer.Values = append(answer.Values, &quoinv1.Value{Key: m.Keys[i], Present: proofs[i].Kind == state.ProofPresent, Value: proofs[i].Value, Proof: b})
	}
	return connect.NewResponse(answer), nil
}

// prove proves the keys under the newest certificate, once there is one of the height.
func (s stateService) prove(ctx context.Context, namespace string, keys [][]byte, least quoin.Height) ([]state.Proof, quoin.Certificate, error) {
	sub := s.node.Feed().SubscribeTo(1, isFinished)
	defer sub.Close()
	for {
		var proofs []state.Proof
		var c quoin.Certificate
		var failed error
		ready := false
		err := s.node.Do(ctx, func(x *replica.Replica) {
			o := x.Overview()
			ready = o.Certificate != nil && o.Certificate.Checkpoint.Height == o.Tip.Height && o.Tip.Height >= max(least, 1)
			if ready {
				proofs, c, failed = x.ProveAll(namespace, keys)
			}
		})
		if err == nil {
			err = failed
		}
		if err != nil || ready {
			return proofs, c, err
		}
		select {
		case _, ok := <-sub.C:
			if !ok {
				return nil, c, refuse(CodeStopped, "ask another node", "the node stops")
			}
		case <-ctx.Done():
			return nil, c, refuse(CodeNotYet, "try again in a moment", "height %d is not certified here yet", max(least, 1))
		}
	}
}

// Query implements quoinv1connect.StateServiceHandler.
func (s stateService) Query(ctx context.Context, r *connect.Request[quoinv1.QueryRequest]) (*connect.Response[quoinv1.QueryResponse], error) {
	if n := len(r.Msg.Payload); n > hook.PayloadMax {
		return nil, refuse(CodeTooLarge, "ask for less", "a payload of %d bytes, limit %d", n, hook.PayloadMax)
	}
	var answer plugin.QueryResult
	var height quoin.Height
	var failed error
	err := s.node.Do(ctx, func(x *replica.Replica) {
		height = x.Overview().Tip.Height
		answer, failed = x.Query(r.Msg.Namespace, r.Msg.Payload)
		answer.Output = append([]byte(nil), answer.Output...)
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	m := &quoinv1.QueryResponse{Code: answer.Code, Output: answer.Output, Fuel: answer.Fuel, Height: uint64(height), Warnings: s.warnings([]string{r.Msg.Namespace})}
	if answer.Fault != hook.FaultNone {
		m.Fault = answer.Fault.String()
	}
	return connect.NewResponse(m), nil
}
