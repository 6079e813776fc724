package sandbox

import (
	"bytes"
	"fmt"

	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// Places of the arguments of host functions in the guest's memory.
const (
	keyAt    = 2048
	nameAt   = 3072
	valueAt  = 4096 // written by the host
	vectorAt = 3584
)

// hostProbes measure the host functions: on a state in memory, where on is nil, or on a chain.
// A new host function needs a line here; TestEveryChargeIsMeasured says so.
func hostProbes(on *chain) []probe {
	call := func(name string, arguments ...[]byte) probe {
		p := probe{name: name, of: name, imports: imported(name), more: hostArguments, locals: operandLocals, copies: 16,
			unit: code(code(arguments...), Call(2))}
		for _, a := range arguments {
			p.baseline = code(p.baseline, a, Op(0x1a))
		}
		if len(p.imports[0].Results) > 0 {
			p.unit = append(p.unit, 0x1a)
		}
		return p
	}
	at := func(a, n int32) []byte { return code(I32Const(a), I32Const(n)) }
	one := I32Const
	key := code(one(keyAt), one(chainKeyBytes))
	fresh := code(one(keyAt), chance(chainKeysLog2), I32Store(uint32(len(chainKeyStart))))
	random := func(p probe) probe {
		p.unit, p.baseline = code(fresh, p.unit), code(fresh, p.baseline)
		return p
	}
	// Arguments are pushed in pairs: the baseline drops each.
	pairs := func(name string, pairs ...[]byte) probe {
		p := call(name)
		p.unit, p.baseline = nil, nil
		for _, b := range pairs {
			p.unit, p.baseline = append(p.unit, b...), code(p.baseline, b, Op(0x1a, 0x1a))
		}
		p.unit = append(p.unit, Call(2)...)
		if len(p.imports[0].Results) > 0 {
			p.unit = append(p.unit, 0x1a)
		}
		return p
	}
	var list []probe
	if on == nil {
		list = []probe{
			pairs("input", at(valueAt, 1024)),
			pairs("log", at(keyAt, 16)),
			pairs("granted", at(nameAt, 5)),
			pairs("emit", at(keyAt, 16)),
			call("sched_yield"), call("args_sizes_get", one(valueAt), one(valueAt+8)), call("args_get", one(0), one(0)),
			call("environ_sizes_get", one(valueAt), one(valueAt+8)), call("environ_get", one(0), one(0)),
			call("clock_time_get", one(0), I64Const(0), one(valueAt)),
			pairs("fd_write", at(1, vectorAt), at(1, valueAt)),
			pairs("random_get", at(valueAt, 32)), sized(pairs("random_get", at(valueAt, 4096)), 4096),
			pairs("poll_oneoff", at(nameAt, valueAt), at(1, valueAt+64)),
			call("fd_close", one(1)), call("fd_fdstat_get", one(1), one(valueAt)), call("fd_fdstat_set_flags", one(1), one(0)),
			call("fd_prestat_get", one(3), one(valueAt)), call("fd_prestat_dir_name", one(3), one(valueAt), one(8)),
			sized(pairs("log", at(keyAt, 30_000)), 30_000), sized(pairs("emit", at(keyAt, 4096)), 4096),
		}
		for i := range list {
			if list[i].of == "emit" {
				list[i].copies, list[i].times = 8, 4 // there is a limit to events
			}
		}
	}
	state := []probe{
		random(pairs("state_get", key, at(valueAt, 1024))),
		random(pairs("state_put", key, at(valueAt, chainValueBytes))),
		random(pairs("state_delete", key)),
		call("beacon", one(valueAt)),
	}
	scan := call("state_scan")
	for _, limit := range []int32{1, 50} {
		s := scan
		if limit > 1 {
			s = sized(s, int(limit))
		}
		arguments := code(key, at(0, 0), one(limit), at(valueAt, 40_000))
		s.unit, s.baseline = code(fresh, arguments, Call(2), Op(0x1a)), code(fresh, arguments, bytes.Repeat(Op(0x1a), 7))
		state = append(state, s)
	}
	if on != nil {
		state = append(state,
			random(pairs("foreign_get", at(nameAt+8, 7), key, at(valueAt, 1024))),
			random(pairs("proof_get", key, at(valueAt, 20_000))))
		h := call("history_get")
		arguments := code(chance(chainKeysLog2), i64ExtendU, at(valueAt, 1024))
		h.unit, h.baseline = code(arguments, Call(2), Op(0x1a)), code(arguments, Op(0x1a, 0x1a, 0x1a))
		state = append(state, h)
	}
	for i := range state {
		s := &state[i]
		s.state = plugin.State(memoryState{})
		if on != nil {
			s.state, s.copies, s.times, s.settles = on, 4, 8, true
			switch s.of {
			case "state_put", "state_delete":
				s.times = 40 // a block of many
			case "state_scan":
				s.times = 2
			}
			s.name += ", on a chain"
		} else if s.of == "beacon" {
			continue
		}
		list = append(list, *s)
	}
	for i := range list {
		list[i].setup = code(usual.setup(), I32Const(moment), I64Load(0), LocalSet(x64)) // other keys each time
	}
	return list
}

// largeProbes measure what values of nearly the greatest length cost, on a chain of such values.
func largeProbes(on *chain) []probe {
	key := code(I32Const(keyAt), I32Const(chainKeyBytes))
	value := code(I32Const(valueAt), I32Const(largeValueBytes))
	fresh := code(I32Const(keyAt), chance(largeKeysLog2), I32Store(uint32(len(chainKeyStart))))
	var list []probe
	for _, name := range []string{"state_get", "state_put"} {
		p := probe{name: name, of: name, imports: imported(name), more: hostArguments, locals: operandLocals, copies: 4, times: 6, settles: true, state: on,
			unit: code(fresh, key, value, Call(2)), baseline: code(fresh, key, value, bytes.Repeat(Op(0x1a), 4)),
			setup: code(usual.setup(), I32Const(moment), I64Load(0), LocalSet(x64))}
		if len(p.imports[0].Results) > 0 {
			p.unit = append(p.unit, 0x1a)
		}
		p = sized(p, largeValueBytes)
		p.name += ", on a chain"
		list = append(list, p)
	}
	return list
}

func sized(p probe, n int) probe {
	p.name = fmt.Sprintf("%s, %d", p.name, n)
	return p
}

// hostArguments fills the memory with what host functions read.
func hostArguments(m *Module) {
	m.Data(keyAt, []byte(chainKeyStart+"\x00\x00\x00\x00\x00\x00\x00\x00"))
	m.Data(nameAt, []byte("state   foreign"))
	m.Data(nameAt+8, []byte("another"))
	m.Data(vectorAt, []byte{0, 8, 0, 0, 16, 0, 0, 0}) // keyAt, 16
}

// imported is a host function as a module imports it.
func imported(name string) []Imported {
	for _, c := range plugin.Schedule() {
		if c.Module != "" && c.Name == name {
			return []Imported{{Module: c.Module, Name: c.Name, Params: c.Params, Results: c.Results}}
		}
	}
	panic("sandbox: there is no host function " + name)
}
