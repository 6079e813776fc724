package attack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// callCases are attacks that are seen in what calls answer.
func callCases() []Case {
	return []Case{
		{1, hostile.LeaderTimeBomb, "takes turns up to a height, then never returns", "fault fuel", timeBomb},
		{1, hostile.MachineSelective, "does the harm that a transaction asks for", contained, selective},
		{4, hostile.ProbeDepth, "looks for the depth at which calls fault", contained, depth},
		{5, "reentrant-state", "calls itself from within a host function", "fault reentrant", reentrant},
		{10, hostile.ProbeOverlap, "writes a thousand data segments over one another", contained, overlap},
		{17, hostile.ProbeLog, "logs a megabyte", contained, logMuch},
		{20, hostile.ProbeNaN, "tells the bits of its NaNs", contained, nans},
		{22, hostile.ProbeGrow, "takes all memory that it can get, and tells how much that was", contained, growth},
		{23, hostile.ProbeAmbient, "tells all that is around it", contained, ambient},
		{25, hostile.ProbeMemory, "counts its calls wherever it can", contained, hidden},
		{25, "probe-memory-batch", "counts the calls of a batch, and of the batch before", contained, hiddenBatch},
		{26, "machine-refuse-after-writes", "writes and emits, then refuses the transaction", "code 1", refuseAfterWrites},
		{27, "host-panic", "reads a state that panics", "fault host", hostPanic},
		{27, "host-error", "reads a state that fails on this host alone", contained, hostError},
	}
}

func timeBomb(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.LeaderTimeBomb)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	b.Parameters = binary.LittleEndian.AppendUint64(nil, 100)
	at := func(height uint64) (answer, error) {
		return s.lead(b, &hook.LeaderRequest{View: height + 7, ParentHeight: height, Validators: validators(4)})
	}
	for height := uint64(90); height < 100; height++ {
		if got, err := at(height); err != nil || got.fault != hook.FaultNone {
			return got.String(), errors.Join(err, fmt.Errorf("height %d", height))
		}
	}
	got, err := at(100)
	return got.String(), err
}

func selective(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.MachineSelective)
	if err != nil {
		return "", err
	}
	for payload, want := range [...]string{
		hostile.SelectiveKeep: "answered", hostile.SelectiveLoop: "fault fuel", hostile.SelectiveTrap: "fault trap",
		hostile.SelectiveMemoryBomb: "fault trap", hostile.SelectiveRefuse: "code 66", hostile.SelectiveRecursion: "fault depth",
	} {
		if got, err := s.apply(b, transaction([]byte{byte(payload)}), newSpace(nil)); err != nil || got.String() != want {
			return got.String(), errors.Join(err, fmt.Errorf("payload %d, want %s", payload, want))
		}
	}
	return contained, nil
}

// depth finds the deepest recursion that ends without a fault: one number for all engines.
func depth(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeDepth)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	low, high := uint32(0), uint32(1<<20) // low is fine, high is not
	for high-low > 1 {
		middle := low + (high-low)/2
		got, err := s.apply(b, transaction(binary.LittleEndian.AppendUint32(nil, middle)), newSpace(nil))
		switch {
		case err != nil:
			return got.String(), fmt.Errorf("depth %d: %w", middle, err)
		case got.fault == hook.FaultNone:
			low = middle
		case got.fault == hook.FaultDepth:
			high = middle
		default:
			return got.String(), fmt.Errorf("at depth %d", middle)
		}
	}
	if low < 500 || low > plugin.FramesMax {
		return contained, fmt.Errorf("the deepest call is %d, want 500 to %d", low, plugin.FramesMax)
	}
	return contained, nil
}

// callback is a state that calls the plugin which reads it.
type callback struct {
	*space
	again func() hook.Fault
	got   hook.Fault
}

func (c *callback) Get(key []byte) ([]byte, bool, error) {
	c.got = c.again()
	return c.space.Get(key)
}

// reentrant stands in for a host function that would call a guest: none does, so the state does.
func reentrant(s *stage) (string, error) {
	f, b, err := s.fixture(hostile.CallerName(hostile.HostFunctions()[2])) // state_get
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	payload := hostile.CallerPayload([]uint64{0, 1, hostile.CallerBuffer, 1}, nil)
	got, err := s.agree(func(r *witness) (answer, error) {
		state := &callback{space: newSpace(nil)}
		state.again = func() hook.Fault {
			inner, err := r.table.Apply(b, transaction(payload), newSpace(nil))
			if err != nil || inner.Fuel != f.Manifest(author.public).FuelMax {
				return hook.FaultNone
			}
			return inner.Fault
		}
		outer, err := r.table.Apply(b, transaction(payload), state)
		if err == nil && outer.Fault != hook.FaultNone {
			err = fmt.Errorf("the outer call ends in %v", outer.Fault)
		}
		return answer{fault: state.got, fuel: outer.Fuel}, err
	})
	return got.String(), err
}

func overlap(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeOverlap)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	want := make([]byte, 16)
	for i := range 1_000 {
		copy(want[i%8:i%8+8], bytes.Repeat([]byte{byte(i)}, 8))
	}
	got, err := s.apply(b, transaction(nil), newSpace(nil))
	return expect(got, err, want)
}

// expect compares an answer with the output that it must have.
func expect(got answer, err error, output []byte) (string, error) {
	if err == nil && (got.fault != hook.FaultNone || got.text != fmt.Sprintf("%x [] ", output)) {
		err = fmt.Errorf("it answers %s, %s; want %x", got, got.text, output)
	}
	if err != nil {
		return got.String(), err
	}
	return contained, nil
}

func logMuch(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeLog)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	const logged = 16 << 16
	for i := range s.replicas {
		got, err := s.replicas[i].table.Apply(b, transaction(nil), newSpace(nil))
		if err != nil || got.Fault != hook.FaultNone || len(got.Log) != hook.LogMax || got.LogDropped != logged-hook.LogMax {
			return fmt.Sprintf("fault %v", got.Fault), errors.Join(err, fmt.Errorf("%d bytes kept, %d dropped", len(got.Log), got.LogDropped))
		}
	}
	return contained, nil
}

func nans(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeNaN)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	want := bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, hostile.NaNs)
	got, err := s.apply(b, transaction(nil), newSpace(nil))
	return expect(got, err, want)
}

func growth(s *stage) (string, error) {
	f, b, err := s.fixture(hostile.ProbeGrow)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	pages := f.Manifest(author.public).PagesMax - 1 // beside the first
	want := binary.LittleEndian.AppendUint32(nil, pages)
	got, err := s.apply(b, transaction(nil), newSpace(nil))
	return expect(got, err, binary.LittleEndian.AppendUint32(want, 1<<32-1))
}

// ambient compares what a probe sees on different replicas, and in a block of another time.
func ambient(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeAmbient)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	b.Grants = []string{hook.CapabilityState}
	q := transaction([]byte("payload"))
	got, err := s.apply(b, q, newSpace(nil))
	if err != nil || got.fault != hook.FaultNone {
		return got.String(), err
	}
	r := &s.replicas[0]
	see := func() ([]byte, error) {
		a, err := r.table.Apply(b, q, newSpace(nil))
		if err != nil || len(a.Output) != 296 {
			return nil, errors.Join(err, fmt.Errorf("%v, %d bytes", a.Fault, len(a.Output)))
		}
		return a.Output, nil
	}
	seen, err := see()
	if err != nil {
		return "", err
	}
	le := binary.LittleEndian
	nanoseconds := q.Time * 1_000_000
	for name, ok := range map[string]bool{
		"the clocks stand at the block's time": le.Uint64(seen) == nanoseconds && le.Uint64(seen[8:]) == nanoseconds,
		"no arguments and no environment":      [16]byte(seen[48:]) == [16]byte{},
		"the global is fresh":                  le.Uint64(seen[72:]) == 5,
		"granted tells what is granted":        le.Uint32(seen[80:]) == 1 && le.Uint64(seen[84:]) == 0,
	} {
		if !ok {
			return "answered", fmt.Errorf("not so: %s: %x", name, seen)
		}
	}
	random := bytes.Clone(seen[16:48])
	q.Time, q.Payload = q.Time+1_000, []byte("another")
	if seen, err = see(); err != nil {
		return "", err
	}
	if !bytes.Equal(random, seen[16:48]) || le.Uint64(seen) != nanoseconds+1e9 {
		return "answered", errors.New("the random bytes are not the release's, or the clock is not the block's")
	}
	return contained, nil
}

func hidden(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeMemory)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	want := []byte{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}
	got, err := s.apply(b, transaction(nil), newSpace(nil))
	return expect(got, err, want)
}

// hiddenBatch runs two batches: what a transaction sees of those before it ends with the batch.
func hiddenBatch(s *stage) (string, error) {
	_, b, err := s.fixture(hostile.ProbeMemory)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	const n = 5
	got, err := s.agree(func(r *witness) (a answer, err error) {
		if !r.table.Batches(b) {
			return a, errors.New("it gets no batches")
		}
		a.fault, err = r.table.ApplyBatch(b, n, func(int) *hook.ApplyRequest { return transaction(nil) }, newSpace(nil),
			func(_ int, one plugin.ApplyResult) error {
				a.fuel += one.Fuel
				a.text += fmt.Sprint(one.Output[:4])
				return nil
			})
		return a, err
	})
	if err == nil && got.text != "[1 0 0 0][2 0 0 0][3 0 0 0][4 0 0 0][5 0 0 0]" {
		err = fmt.Errorf("the transactions of the batch count %s", got.text)
	}
	if err != nil {
		return got.String(), err
	}
	return contained, nil
}

func refuseAfterWrites(s *stage) (string, error) {
	_, b, err := s.fixture("machine-refuse-after-writes")
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	got, err := s.ask(b)
	if err != nil {
		return got.String(), err
	}
	b.FuelMax = hostile.FuelMax
	return got.String(), s.machineOnChain(b, got)
}

// caller returns a binding to the fixture that calls a host function.
func (s *stage) caller(name string) (*quoin.Binding, error) {
	for _, f := range hostile.HostFunctions() {
		if f.Name == name {
			_, b, err := s.fixture(hostile.CallerName(f))
			return b, err
		}
	}
	return nil, fmt.Errorf("there is no host function %s", name)
}

// hostPanic reads a state that panics: the call is charged in full, and the next one is fine.
func hostPanic(s *stage) (string, error) {
	b, err := s.caller("state_get")
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	payload := hostile.CallerPayload([]uint64{0, 1, hostile.CallerBuffer, 1}, nil)
	broken := newSpace(nil)
	broken.failAt, broken.panics = 1, true
	got, err := s.apply(b, transaction(payload), broken)
	if err == nil && got.fuel != hostile.FuelMax {
		err = fmt.Errorf("it costs %d, not the limit", got.fuel)
	}
	if err == nil {
		var after answer
		if after, err = s.apply(b, transaction(payload), newSpace(nil)); err == nil && after.fault != hook.FaultNone {
			err = fmt.Errorf("the call after it: %s", after)
		}
	}
	return got.String(), err
}

// hostError reads a state that fails here alone: never a result, and the next call is fine.
func hostError(s *stage) (string, error) {
	b, err := s.caller("state_get")
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	payload := hostile.CallerPayload([]uint64{0, 1, hostile.CallerBuffer, 1}, nil)
	for i := range s.replicas {
		broken := newSpace(nil)
		broken.failAt = 1
		got, err := s.replicas[i].table.Apply(b, transaction(payload), broken)
		if !errors.Is(err, plugin.ErrLocal) || !errors.Is(err, errUnreadable) {
			return fmt.Sprintf("fault %v", got.Fault), fmt.Errorf("an unreadable state became a result: %w", err)
		}
	}
	if got, err := s.apply(b, transaction(payload), newSpace(nil)); err != nil || got.fault != hook.FaultNone {
		return got.String(), err
	}
	return contained, nil
}
