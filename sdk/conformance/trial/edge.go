package trial

import (
	"bytes"
	"math"

	"quoin.dev/quoin/hook"
)

// Edges returns the valid requests at the ends of what an operation's contract allows: nothing at
// all, the longest of everything, the largest numbers.
func Edges(operation string, params []byte) [][]byte {
	var list []message
	switch operation {
	case hook.Lead.Name:
		list = leaderEdges(params)
	case hook.Apply.Name:
		for _, p := range payloadEdges() {
			list = append(list, &hook.ApplyRequest{Payload: p, Params: params},
				&hook.ApplyRequest{Height: 1, Time: timeOf(1), Sender: ones(), Transaction: ones(), Payload: p, Params: params},
				&hook.ApplyRequest{Height: math.MaxUint64, Time: math.MaxUint64, Index: math.MaxUint32, Sender: ones(), Transaction: ones(), Payload: p, Params: params})
		}
	case hook.Query.Name:
		for _, p := range payloadEdges() {
			list = append(list, &hook.QueryRequest{Payload: p, Params: params},
				&hook.QueryRequest{Height: math.MaxUint64, Time: math.MaxUint64, Payload: p, Params: params})
		}
	case hook.Validate.Name:
		for _, p := range payloadEdges() {
			list = append(list, &hook.ValidationRequest{Payload: p, Params: params},
				&hook.ValidationRequest{Height: math.MaxUint64, Time: math.MaxUint64, Sender: ones(), Transaction: ones(), Payload: p, Params: params})
		}
	case hook.Delay.Name:
		const m32, m64 = math.MaxUint32, math.MaxUint64
		list = []message{
			&hook.FinalityRequest{Params: params},
			&hook.FinalityRequest{Validators: 1, Height: 1, Time: 5, ParentTime: 9, Epoch: 1, View: 1, Params: params},
			&hook.FinalityRequest{Transactions: m32, Bytes: m32, Proposer: m32, Validators: m32, Height: m64, Time: m64, ParentTime: m64, Epoch: m64, View: m64, ViewGap: m64, Params: params},
			&hook.FinalityRequest{Transactions: 1, Bytes: m32, Validators: hook.ValidatorsMax, Height: 1 << 63, Time: 0, ParentTime: m64, View: 1, Params: params},
		}
	case hook.Timeout.Name:
		list = pacemakerEdges(params)
	case hook.Prioritize.Name:
		for _, p := range payloadEdges() {
			list = append(list, &hook.PriorityRequest{Payload: p, Params: params},
				&hook.PriorityRequest{Pending: math.MaxUint32, Capacity: math.MaxUint32, Local: true, Height: math.MaxUint64, Expiry: math.MaxUint64,
					Transaction: ones(), Sender: ones(), Namespace: bytes.Repeat([]byte("n"), hook.NamespaceMax), Payload: p, Params: params},
				&hook.PriorityRequest{Pending: 5, Height: 10, Expiry: 3, Namespace: []byte("kv"), Payload: p, Params: params})
		}
	}
	var edges [][]byte
	for _, m := range list {
		edges = append(edges, encode(m))
	}
	return edges
}

func ones() (b [32]byte) { return [32]byte(bytes.Repeat([]byte{0xff}, 32)) }

// payloadEdges are the payloads of a byte and at the ends of the allowed lengths.
func payloadEdges() (list [][]byte) {
	for _, b := range []byte{0, 1, 2, 0x7f, 0xff} {
		list = append(list, []byte{b}, bytes.Repeat([]byte{b}, 8))
	}
	return append(list, nil, make([]byte, hook.PayloadMax), bytes.Repeat([]byte{0xff}, hook.PayloadMax), bytes.Repeat([]byte{0xff}, 255), bytes.Repeat([]byte{1}, 257))
}

func leaderEdges(params []byte) (list []message) {
	for _, n := range []int{1, 2, 63, 64, 65, hook.ValidatorsMax} {
		for _, weight := range []uint64{1, hook.TotalWeightMax / uint64(n)} {
			validators := make([]hook.Validator, n)
			none, all := hook.NewBitmap(n), hook.NewBitmap(n)
			for i := range validators {
				validators[i] = hook.Validator{Weight: weight, Key: madeUp("validator", []byte{byte(i), byte(i >> 8)})}
				all.Set(i)
			}
			list = append(list,
				&hook.LeaderRequest{View: 1, Validators: validators, Params: params},
				&hook.LeaderRequest{Seed: ones(), Epoch: math.MaxUint64, View: math.MaxUint64, ParentHeight: math.MaxUint64, Validators: validators, Params: params})
			for _, voters := range []hook.Bitmap{none, all} {
				window := make([]hook.WindowBlock, hook.WindowMax)
				for i := range window {
					window[i] = hook.WindowBlock{Height: math.MaxUint64 - uint64(i), View: math.MaxUint64 - 1 - uint64(i), Proposer: uint32(n - 1), Voters: voters}
				}
				list = append(list, &hook.LeaderRequest{View: math.MaxUint64, ParentHeight: window[0].Height, ParentView: window[0].View, Validators: validators, Window: window, Params: params})
			}
		}
	}
	return list
}

func pacemakerEdges(params []byte) (list []message) {
	window := make([]hook.PacemakerView, hook.PacemakerWindowMax)
	for i := range window {
		window[i] = hook.PacemakerView{View: math.MaxUint64 - 1 - uint64(i), MS: math.MaxUint32, Notarized: true}
	}
	idle := make([]hook.PacemakerView, hook.PacemakerWindowMax)
	for i := range idle {
		idle[i] = hook.PacemakerView{View: 100 - uint64(i)}
	}
	const m = math.MaxUint64
	return []message{
		&hook.PacemakerRequest{View: 1, Params: params},
		&hook.PacemakerRequest{Validators: 4, View: 1, BaseMS: 1, MaxMS: 1, BuiltinMS: 1, Params: params},
		&hook.PacemakerRequest{Validators: 4, Self: hook.PacemakerObserver, View: 101, CertifiedView: 60, BaseMS: 1_000, MaxMS: 60_000, BuiltinMS: 60_000, Window: idle, Params: params},
		&hook.PacemakerRequest{Validators: math.MaxUint32, Self: math.MaxUint32, View: m, CertifiedView: m - 1, BaseMS: m, MaxMS: m, BuiltinMS: m, Window: window, Params: params},
		&hook.PacemakerRequest{Validators: 4, View: m, BaseMS: m, MaxMS: 1, BuiltinMS: 0, Params: params},
	}
}
