package plugin

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// driverModel says what the driver's commands must do, on a memory that is a slice: the contract
// of the host functions, written a second time without regard for cost.
type driverModel struct {
	memory   []byte
	state    map[string]string
	world    World
	request  []byte
	response []byte
	answered bool
	events   [][]byte
	log      []byte
	dropped  uint64
	fault    hook.Fault
	random   randomBytes
}

func newDriverModel(image []byte, state map[string]string, request []byte, digest quoin.Hash) *driverModel {
	m := &driverModel{memory: make([]byte, driverPages*pageBytes), state: maps.Clone(state), world: &worldState{}, request: request}
	copy(m.memory, image)
	m.random.digest = digest
	return m
}

func (m *driverModel) stop(f hook.Fault) {
	if m.fault == hook.FaultNone {
		m.fault = f
	}
}

// part returns a part of the memory, or stops.
func (m *driverModel) part(at, n uint32, fault hook.Fault) []byte {
	if end := uint64(at) + uint64(n); m.fault == hook.FaultNone && end <= uint64(len(m.memory)) {
		return m.memory[at:end]
	}
	m.stop(fault)
	return nil
}

// read returns a copy of a part of at most so many bytes.
func (m *driverModel) read(at, n uint32, most int, beyond hook.Fault) []byte {
	if int64(n) > int64(most) {
		m.stop(beyond)
	}
	return bytes.Clone(m.part(at, n, hook.FaultBounds))
}

func (m *driverModel) key(at, n uint32) string {
	if k := m.read(at, n, hook.KeyMax, hook.FaultLimit); len(k) > 0 {
		return string(k)
	}
	m.stop(hook.FaultLimit)
	return ""
}

// give writes b where it fits, and returns its length.
func (m *driverModel) give(b []byte, at, capacity uint32) uint32 {
	if m.fault == hook.FaultNone && uint64(len(b)) <= uint64(capacity) {
		copy(m.part(at, uint32(len(b)), hook.FaultBounds), b)
	}
	return uint32(len(b))
}

func (m *driverModel) word(at uint32, v uint32) {
	if b := m.part(at, 4, hook.FaultBounds); b != nil {
		binary.LittleEndian.PutUint32(b, v)
	}
}

// run does what the driver does.
func (m *driverModel) run() {
	end := uint32(commandsAt) + m.give([]byte(m.state["\x00"]), commandsAt, commandsMax)
	for at := uint32(commandsAt); at < end && m.fault == hook.FaultNone; at += commandBytes {
		c := m.memory[at : at+commandBytes]
		n := binary.LittleEndian.Uint32(c)
		var a [7]uint32
		for i := range a {
			a[i] = binary.LittleEndian.Uint32(c[4+4*i:])
		}
		result := uint32(0)
		switch k := int64(n) - int64(len(hostFunctions)); {
		case k < 0:
			result = m.hostFunction(hostFunctions[n].name, a)
		case k < int64(len(driverInstructions)):
			result = m.instruction(driverInstructions[k], a)
		}
		if m.fault == hook.FaultNone {
			m.word(at, result)
		}
	}
	m.answer(driverAnswer, 4+64)
	if m.fault == hook.FaultNone && (len(m.response) < 4) {
		m.fault = hook.FaultOutput
	}
}

func (m *driverModel) answer(at, n uint32) {
	b := m.read(at, n, 4+hook.ApplyOutputMax, hook.FaultOutput)
	if m.answered {
		m.stop(hook.FaultOutput)
	}
	m.response, m.answered = b, true
}

func (m *driverModel) instruction(name string, a [7]uint32) uint32 {
	switch name {
	case "memory.grow":
		before := len(m.memory) / pageBytes
		if uint64(before)+uint64(a[0]) > driverMost {
			return 0xffffffff
		}
		m.memory = append(m.memory, make([]byte, int(a[0])*pageBytes)...)
		return uint32(before)
	case "memory.copy":
		from, to := m.part(a[1], a[2], hook.FaultTrap), m.part(a[0], a[2], hook.FaultTrap)
		copy(to, from)
	case "memory.fill":
		b := m.part(a[0], a[2], hook.FaultTrap)
		for i := range b {
			b[i] = byte(a[1])
		}
	case "store":
		if b := m.part(a[0], 4, hook.FaultTrap); b != nil {
			binary.LittleEndian.PutUint32(b, a[1])
		}
	case "store far":
		m.stop(hook.FaultTrap) // the offset alone is beyond any memory
	case "load":
		if b := m.part(a[0], 4, hook.FaultTrap); b != nil {
			return binary.LittleEndian.Uint32(b)
		}
	}
	return 0
}

func (m *driverModel) hostFunction(name string, a [7]uint32) uint32 {
	switch name {
	case "input":
		return m.give(m.request, a[0], a[1])
	case "output":
		m.answer(a[0], a[1])
	case "state_get":
		return m.found(m.state, m.key(a[0], a[1]), a[2], a[3])
	case "state_put":
		k, v := m.key(a[0], a[1]), m.read(a[2], a[3], hook.ValueMax, hook.FaultLimit)
		if m.fault == hook.FaultNone {
			m.state[k] = string(v)
		}
	case "state_delete":
		if k := m.key(a[0], a[1]); m.fault == hook.FaultNone {
			delete(m.state, k)
		}
	case "state_scan":
		return m.scan(a)
	case "emit":
		e := m.read(a[0], a[1], hook.EventMax, hook.FaultLimit)
		if len(m.events) == hook.EventsMax {
			m.stop(hook.FaultLimit)
		}
		m.events = append(m.events, e)
	case "log":
		m.write(m.read(a[0], a[1], 1<<20, hook.FaultLimit))
	case "granted":
		if name := m.read(a[0], a[1], 64, hook.FaultLimit); slices.Contains(driverGrants, string(name)) {
			return 1
		}
	case "foreign_get":
		namespace := m.read(a[0], a[1], hook.NamespaceMax, hook.FaultLimit)
		if string(namespace) != "bank" {
			m.stop(hook.FaultImport)
		}
		k := m.key(a[2], a[3])
		v, ok, _ := m.world.Foreign("bank", []byte(k))
		if !ok {
			return 0xffffffff
		}
		return m.give(v, a[4], a[5])
	case "history_get":
		b, ok, _ := m.world.History(uint64(a[0]) | uint64(a[1])<<32)
		if !ok {
			return 0xffffffff
		}
		return m.give(b.Append(nil), a[2], a[3])
	case "proof_get":
		proof, _ := m.world.Proof([]byte(m.key(a[0], a[1])))
		return m.give(proof, a[2], a[3])
	case "beacon":
		b := m.world.Beacon()
		m.give(b[:], a[0], 32)
	case "batch_next":
		m.stop(hook.FaultImport)
	case "abort":
		m.stop(hook.FaultAbort)
	default:
		return m.wasi(name, a)
	}
	return 0
}

func (m *driverModel) found(in map[string]string, k string, at, capacity uint32) uint32 {
	v, ok := in[k]
	if !ok {
		return 0xffffffff
	}
	return m.give([]byte(v), at, capacity)
}

func (m *driverModel) scan(a [7]uint32) uint32 {
	start := m.read(a[0], a[1], hook.KeyMax, hook.FaultLimit)
	end := m.read(a[2], a[3], hook.KeyMax, hook.FaultLimit)
	buffer := m.part(a[5], a[6], hook.FaultBounds)
	if m.fault != hook.FaultNone {
		return 0
	}
	var out []byte
	for _, k := range slices.Sorted(maps.Keys(m.state)) {
		if k < string(start) || len(end) > 0 && k >= string(end) || a[4] == 0 {
			continue
		}
		pair := binary.LittleEndian.AppendUint32(nil, uint32(len(k)))
		pair = binary.LittleEndian.AppendUint32(pair, uint32(len(m.state[k])))
		pair = append(append(pair, k...), m.state[k]...)
		if len(out)+len(pair) > len(buffer) {
			if len(out) == 0 {
				return uint32(-len(pair))
			}
			break
		}
		out = append(out, pair...)
		a[4]--
	}
	copy(buffer, out)
	return uint32(len(out))
}

func (m *driverModel) write(b []byte) {
	n := min(len(b), hook.LogMax-len(m.log))
	m.log, m.dropped = append(m.log, b[:n]...), m.dropped+uint64(len(b)-n)
}

// wasi is what the functions of WASI do.
func (m *driverModel) wasi(name string, a [7]uint32) uint32 {
	switch name {
	case "proc_exit":
		m.stop(hook.FaultExit)
	case "args_sizes_get", "environ_sizes_get":
		m.word(a[0], 0)
		m.word(a[1], 0)
	case "clock_time_get": // the second argument has two words
		if b := m.part(a[3], 8, hook.FaultBounds); b != nil {
			binary.LittleEndian.PutUint64(b, 1_700_000_000_000_000_000)
		}
	case "random_get":
		if a[1] > 1<<16 {
			m.stop(hook.FaultLimit)
		}
		if b := m.part(a[0], a[1], hook.FaultBounds); b != nil {
			m.random.fill(b)
		}
	case "fd_write":
		return m.fdWrite(a)
	case "poll_oneoff":
		return m.poll(a)
	case "fd_close", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_prestat_get", "fd_prestat_dir_name":
		return errnoBadFile
	case "sched_yield", "args_get", "environ_get":
	default:
		panic("the model does not know the host function " + name + "; add it")
	}
	return errnoSuccess
}

func (m *driverModel) fdWrite(a [7]uint32) uint32 {
	switch {
	case a[0] != 1 && a[0] != 2:
		return errnoBadFile
	case a[2] > wasiVectorsMax:
		return errnoInvalid
	}
	written := uint32(0)
	for v := m.read(a[1], 8*a[2], 8*wasiVectorsMax, hook.FaultBounds); len(v) > 0 && m.fault == hook.FaultNone; v = v[8:] {
		n := binary.LittleEndian.Uint32(v[4:])
		m.write(m.read(binary.LittleEndian.Uint32(v), n, 1<<20, hook.FaultLimit))
		written += n
	}
	m.word(a[3], written)
	return errnoSuccess
}

func (m *driverModel) poll(a [7]uint32) uint32 {
	n := a[2]
	if n == 0 || n > wasiVectorsMax {
		return errnoInvalid
	}
	subscriptions := m.read(a[0], 48*n, 48*wasiVectorsMax, hook.FaultBounds)
	events := m.part(a[1], 32*n, hook.FaultBounds)
	if m.fault != hook.FaultNone {
		return 0
	}
	clear(events)
	for i := range int(n) {
		from, to := subscriptions[48*i:], events[32*i:]
		copy(to[:8], from[:8])
		if kind := from[8]; kind != 0 {
			to[8], to[10] = errnoBadFile, kind
		}
	}
	m.word(a[3], n)
	return errnoSuccess
}
