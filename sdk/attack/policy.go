package attack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/plugin/hostile"
)

// leaderCases are attacks on liveness by plugins that answer.
func leaderCases() []Case {
	return []Case{
		{33, hostile.LeaderParameter, "names itself in every view", contained, func(s *stage) (string, error) { return elects(s, hostile.LeaderParameter, 2) }},
		{33, "leader-always-zero", "names validator 0 in every view", contained, func(s *stage) (string, error) { return elects(s, "leader-always-zero", 0) }},
		{33, "leader-parameter-simulated", "names one validator, on a network with losses, crashes and a faulty member", contained, electsSimulated},
		{37, hostile.PacemakerNever, "asks for the longest time-out that there is", contained, stalled},
		{37, hostile.PacemakerAtOnce, "asks for no time-out at all", contained, stalled},
		{37, hostile.FinalityNever, "asks to report nothing for ever", contained, unreported},
	}
}

// elects plays a leader that prefers one validator: of each four views it has three, and every other
// validator still leads once in 4n views.
func elects(s *stage, name string, elect int) (string, error) {
	_, b, err := s.fixture(name)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	const n = 4
	b.Parameters, b.FuelMax = binary.LittleEndian.AppendUint32(nil, uint32(elect)), hostile.FuelMax
	config, err := configuration(n, *b)
	if err != nil {
		return "", err
	}
	c, err := newChain(s.replicas[0].table, config, s.hole)
	if err != nil {
		return "", err
	}
	const views = 4 * n * 10
	share, since := [n]int{}, [n]int{}
	for v := 1; v <= views; v++ {
		lead, err := c.executor.Lead(quoin.View(v), c.executor.Tip().Block)
		if err != nil {
			return "", err
		}
		if !lead.Rescue && lead.Proposer != elect {
			return "answered", fmt.Errorf("view %d: validator %d leads, the plugin named %d", v, lead.Proposer, elect)
		}
		for i := range since {
			if since[i]++; since[i] > 4*n {
				return "answered", fmt.Errorf("validator %d has led no view from %d to %d", i, v-since[i]+1, v)
			}
		}
		share[lead.Proposer]++
		since[lead.Proposer] = 0
	}
	for i, got := range share {
		want := views / 4 / n
		if i == elect {
			want += views * 3 / 4
		}
		if got != want {
			return "answered", fmt.Errorf("validator %d led %d of %d views, want %d", i, got, views, want)
		}
	}
	return contained, nil
}

// electsSimulated brings the leader into a simulated network by proposal and vote; its observers look
// for blocks that differ, transactions that are lost, and views without progress.
func electsSimulated(*stage) (string, error) {
	r, err := lab.Run(lab.Options{Seed: 33, Blocks: 40, Transactions: 40, Epochs: 2, Hostile: hostile.LeaderParameter, Byzantine: lab.None})
	if err != nil {
		return "", err
	}
	if r.Failed() {
		return "answered", fmt.Errorf("%s: %s; replay: %s", r.Violations[0].Invariant, r.Violations[0].Text, r.Replay())
	}
	return contained, nil
}

// stalled asks for time-outs as views fail one after the other: they grow, whatever the plugin says,
// and never beyond the chain's maximum.
func stalled(s *stage) (string, error) {
	for _, name := range []string{hostile.PacemakerNever, hostile.PacemakerAtOnce} {
		_, b, err := s.fixture(name)
		if err != nil {
			return "", err
		}
		defer s.drop(b.Release)
		const base, most = 500, 20_000
		builtin := uint64(base)
		for view := uint64(7); view < 80; view++ {
			q := &hook.PacemakerRequest{Validators: 4, View: view, CertifiedView: 6, BaseMS: base, MaxMS: most, BuiltinMS: builtin}
			got, err := s.agree(func(r *witness) (answer, error) {
				a, err := r.table.Timeout(b, q)
				return answer{fault: a.Fault, fuel: a.Fuel, text: fmt.Sprint(a.MS)}, err
			})
			least, limit := max(1, builtin/4), min(most, 4*builtin)
			want := fmt.Sprint(least)
			if name == hostile.PacemakerNever {
				want = fmt.Sprint(limit)
			}
			if err != nil || got.fault != hook.FaultNone || got.text != want {
				return got.String(), errors.Join(err, fmt.Errorf("view %d, built-in rule %d ms: %s ms, want %s", view, builtin, got.text, want))
			}
			builtin = min(most, 2*builtin)
		}
	}
	for _, builtin := range []uint64{0, 1, 3, math.MaxUint64 / 4, math.MaxUint64/4 + 1, math.MaxUint64} { // no sum wraps round
		for _, asked := range []uint64{0, 1, math.MaxUint64} {
			q := &hook.PacemakerRequest{MaxMS: 20_000, BuiltinMS: builtin}
			if got := (hook.PacemakerResponse{TimeoutMS: asked}).Bounded(q); got < 1 || got > 20_000 {
				return "answered", fmt.Errorf("asked for %d beside %d: %d ms", asked, builtin, got)
			}
		}
	}
	return contained, nil
}

func unreported(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.FinalityNever)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	got, err := s.ask(b)
	if want := fmt.Sprint(hook.FinalityResponse{Blocks: hook.FinalityBlocksMax, Milliseconds: hook.FinalityMSMax}); err != nil || got.text != want {
		return got.String(), errors.Join(err, fmt.Errorf("it delays by %s", got.text))
	}
	return contained, nil
}
