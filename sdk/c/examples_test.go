package c_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugins/adaptive-pacemaker/rto"
	"quoin.dev/quoin/plugins/allowlist-validation/allowlist"
	"quoin.dev/quoin/plugins/bank/smallbank"
	"quoin.dev/quoin/plugins/cautious-finality/cautious"
	"quoin.dev/quoin/plugins/fee-priority/fee"
	"quoin.dev/quoin/plugins/reputation-leader/reputation"
	"quoin.dev/quoin/sdk/internal/probe"
	"quoin.dev/quoin/sdk/plugintest"
)

// TestTheLeadersAgree: the reputation leader in Go, and in C as module and natively, name the same
// proposers.
func TestTheLeadersAgree(t *testing.T) {
	rng := generator(t)
	sandboxed, process := open(t, "../../plugins/reputation-leader-c")
	recorder := plugintest.NewRecorder(plugintest.Native{Leader: hook.LeaderFunc(reputation.Lead)}, nil)
	for i := range *calls {
		validatorsMax := 24
		if i%50 == 0 {
			validatorsMax = hook.ValidatorsMax
		}
		r := plugintest.RandomRequest(rng, validatorsMax)
		r.Params = nil
		if rng.IntN(2) == 0 {
			r.Params = reputation.Params(rng.IntN(hook.WindowMax + 2))
		}
		if _, err := recorder.Call(hook.Lead.Name, encoded(t, r)); err != nil {
			t.Fatal(err)
		}
	}
	agree(t, &recorder.Record, sandboxed, process)
}

// TestTheBanksAgree: the bank in Go, and in C as module and natively, give the same results, events and
// state for the same transactions.
func TestTheBanksAgree(t *testing.T) {
	rng := generator(t)
	sandboxed, process := open(t, "../../plugins/bank-c")
	recorder := plugintest.NewRecorder(plugintest.Native{Machine: smallbank.Machine{}}, nil)
	done := 0
	for i := range *calls {
		operation, request := hook.Apply.Name, encoded(t, &hook.ApplyRequest{Height: 1 + uint64(i)/10, Time: uint64(i), Index: uint32(i % 10),
			Sender: [32]byte{byte(rng.IntN(2))}, Payload: randomPayment(rng), Params: make([]byte, 32*(rng.IntN(4)/3))})
		if i%20 == 19 {
			operation, request = hook.Query.Name, encoded(t, &hook.QueryRequest{Height: 1 + uint64(i)/10, Time: uint64(i), Payload: randomQuestion(rng)})
		}
		a, err := recorder.Call(operation, request)
		if err != nil {
			t.Fatal(err)
		}
		if a.Fault != "" {
			t.Fatalf("the bank in Go ends in the fault %s", a.Fault)
		}
		if len(a.Writes) > 0 {
			done++
		}
	}
	if done < *calls/20 {
		t.Errorf("only %d of %d transactions did something", done, *calls)
	}
	agree(t, &recorder.Record, sandboxed, process)
}

func randomPayment(rng *rand.Rand) []byte {
	a, b := rng.Uint64N(16), rng.Uint64N(16)
	amount := rng.Int64N(1000) - 200
	if rng.IntN(8) == 0 {
		amount = []int64{math.MaxInt64, math.MinInt64, math.MaxInt64 / 2}[rng.IntN(3)]
	}
	switch rng.IntN(7) {
	case 0:
		return smallbank.CreateAccount(a, amount, 500)
	case 1:
		return smallbank.DepositChecking(a, amount)
	case 2:
		return smallbank.TransactSavings(a, amount)
	case 3:
		return smallbank.Amalgamate(a, b)
	case 4:
		return smallbank.WriteCheck(a, amount)
	case 5:
		return smallbank.SendPayment(a, b, amount)
	}
	garbage := make([]byte, rng.IntN(30))
	for i := range garbage {
		garbage[i] = byte(rng.IntN(8))
	}
	return garbage
}

func randomQuestion(rng *rand.Rand) []byte {
	switch rng.IntN(3) {
	case 0:
		return smallbank.BalanceQuery(rng.Uint64N(18))
	case 1:
		return smallbank.AccountsQuery(rng.Uint64N(18), []uint16{0, 1, 7, 8, 9, 100}[rng.IntN(6)])
	}
	return make([]byte, rng.IntN(12))
}

// TestTheAllowListsAgree: the allow-list in Go, and in C as module and natively.
func TestTheAllowListsAgree(t *testing.T) {
	rng := generator(t)
	sandboxed, process := open(t, "../../plugins/allowlist-validation-c")
	recorder := plugintest.NewRecorder(plugintest.Native{Validation: hook.ValidationFunc(allowlist.Validate)}, nil)
	answers := map[string]int{}
	for range *calls {
		var members [][32]byte
		for range rng.IntN(10) {
			members = append(members, [32]byte{byte(rng.IntN(16))})
		}
		q := &hook.ValidationRequest{Sender: [32]byte{byte(rng.IntN(16))}, Payload: make([]byte, rng.IntN(10)), Params: allowlist.Params(members...)}
		if rng.IntN(8) == 0 && len(q.Params) > 0 {
			q.Params = q.Params[1+rng.IntN(31):]
		}
		a, err := recorder.Call(hook.Validate.Name, encoded(t, q))
		if err != nil {
			t.Fatal(err)
		}
		answers[a.String()]++
	}
	if len(answers) != 4 {
		t.Errorf("there are four answers, the requests gave %v", answers)
	}
	agree(t, &recorder.Record, sandboxed, process)
}

// TestTheCautiousAgree: the cautious finality in Go, and in C as module and natively.
func TestTheCautiousAgree(t *testing.T) {
	rng := generator(t)
	sandboxed, process := open(t, "../../plugins/cautious-finality-c")
	recorder := plugintest.NewRecorder(plugintest.Native{Finality: hook.FinalityFunc(cautious.Delay)}, nil)
	waits := 0
	for range *calls {
		q := &hook.FinalityRequest{Height: rng.Uint64(), ViewGap: uint64(rng.IntN(2)) * rng.Uint64N(1<<rng.IntN(64))}
		if rng.IntN(2) == 0 {
			q.Params = binary.LittleEndian.AppendUint32(nil, rng.Uint32()>>rng.IntN(32))
			q.Params = binary.LittleEndian.AppendUint32(q.Params, rng.Uint32N(100_000))
		}
		a, err := recorder.Call(hook.Delay.Name, encoded(t, q))
		if err != nil {
			t.Fatal(err)
		}
		if a.Response[0] > 0 {
			waits++
		}
	}
	if waits < *calls/10 {
		t.Errorf("only %d of %d requests led to a wait", waits, *calls)
	}
	agree(t, &recorder.Record, sandboxed, process)
}

// TestThePacemakersAgree: the pacemaker after TCP's timer in Go, and in C as module and natively.
func TestThePacemakersAgree(t *testing.T) {
	rng := generator(t)
	sandboxed, process := open(t, "../../plugins/adaptive-pacemaker-c")
	recorder := plugintest.NewRecorder(plugintest.Native{Pacemaker: hook.PacemakerFunc(rto.Timeout)}, nil)
	answers := map[string]bool{}
	for range *calls {
		q := randomPacemaker(rng)
		for range rng.IntN(3) {
			q.Params = append(q.Params, byte(rng.IntN(10)))
		}
		a, err := recorder.Call(hook.Timeout.Name, encoded(t, q))
		if err != nil {
			t.Fatal(err)
		}
		answers[a.String()] = true
	}
	if len(answers) < *calls/4 {
		t.Errorf("only %d different answers to %d requests", len(answers), *calls)
	}
	agree(t, &recorder.Record, sandboxed, process)
}

// TestTheFeesAgree: the priority by fees in Go, and in C as module and natively.
func TestTheFeesAgree(t *testing.T) {
	rng := generator(t)
	sandboxed, process := open(t, "../../plugins/fee-priority-c")
	recorder := plugintest.NewRecorder(plugintest.Native{Priority: hook.PriorityFunc(fee.Priority)}, nil)
	answers := map[string]bool{}
	for range *calls {
		q := &hook.PriorityRequest{Namespace: []byte("bank"), Payload: make([]byte, rng.IntN(1<<rng.IntN(14)))}
		offset := 0
		if rng.IntN(2) == 0 {
			offset = rng.IntN(20)
			q.Params = fee.Params(uint32(offset), []string{"", "bank", "shop"}[rng.IntN(3)])
			q.Params = q.Params[:max(0, len(q.Params)-rng.IntN(2)*rng.IntN(8))]
		}
		if offset+fee.Bytes <= len(q.Payload) {
			binary.LittleEndian.PutUint64(q.Payload[offset:], rng.Uint64()>>rng.IntN(64))
		}
		a, err := recorder.Call(hook.Prioritize.Name, encoded(t, q))
		if err != nil {
			t.Fatal(err)
		}
		answers[a.String()] = true
	}
	if len(answers) < *calls/8 {
		t.Errorf("only %d different answers to %d requests", len(answers), *calls)
	}
	agree(t, &recorder.Record, sandboxed, process)
}

// TestTheProbesAgree runs random programs of reads and writes, about the limits of keys and values.
func TestTheProbesAgree(t *testing.T) {
	rng := generator(t)
	sandboxed, process := open(t, "testdata/probe")
	recorder := plugintest.NewRecorder(plugintest.Native{Machine: probe.Machine{}}, nil)
	for i := range *calls / 2 {
		program := probe.Random(rng)
		for _, q := range []struct {
			operation string
			request   []byte
		}{
			{hook.Apply.Name, encoded(t, &hook.ApplyRequest{Height: uint64(i), Payload: program})},
			{hook.Query.Name, encoded(t, &hook.QueryRequest{Height: uint64(i), Payload: program})},
		} {
			if _, err := recorder.Call(q.operation, q.request); err != nil {
				t.Fatal(err)
			}
		}
	}
	agree(t, &recorder.Record, sandboxed, process)
}
