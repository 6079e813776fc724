package plugin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Charge is a line of the schedule: an instruction or a host function and what it costs.
type Charge struct {
	Module   string // of a host function; empty: an instruction
	Name     string // as in WebAssembly's text format, or the host function's
	Code     []byte // the instruction's, without immediates
	Params   []byte // types of what it takes, as bytes of the binary format; nil: no fixed ones
	Results  []byte
	Memory   bool   // a load or store
	Units    int    // of a load: with the least memory
	Variable string // what is added; empty: nothing
}

// Names of the instructions, in the order of their codes.
const (
	accessNames = "i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u " +
		"i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u " +
		"i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 i64.store16 i64.store32"
	intCompares    = "eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"
	floatCompares  = "eq ne lt gt le ge"
	intOperations  = "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"
	floatOperation = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign"
	conversions    = "i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u i64.extend_i32_s i64.extend_i32_u " +
		"i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s " +
		"f32.convert_i64_u f32.demote_f64 f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32 " +
		"i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64 " +
		"i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s"
	saturatingNames = "i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u " +
		"i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u"
)

// numericNames are those of the instructions from 0x28 to 0x3e and from 0x45 to 0xc4.
func numericNames() map[byte]string {
	names := map[byte]string{}
	add := func(from int, prefix, list string) int {
		for _, s := range strings.Fields(list) {
			names[byte(from)] = prefix + s
			from++
		}
		return from
	}
	add(0x28, "", accessNames)
	at := add(0x45, "i32.", intCompares)
	at = add(at, "i64.", intCompares)
	at = add(at, "f32.", floatCompares)
	at = add(at, "f64.", floatCompares)
	at = add(at, "i32.", intOperations)
	at = add(at, "i64.", intOperations)
	at = add(at, "f32.", floatOperation)
	at = add(at, "f64.", floatOperation)
	add(at, "", conversions)
	return names
}

// What is added to some charges.
const (
	variableBulk    = "two loads, and 1 for each 8 bytes"
	variableEntry   = "the callee's entry"
	variableBytes   = "1 for each begun 4 bytes"
	variableRead    = "1 for each begun 4 bytes, and 3 more for each of the value"
	variablePut     = "1 for each begun 4 bytes, and 15 more for each of the value"
	variableEntries = "5000 and 1 for each begun 4 bytes, and 3 more for each of the value, for each entry that is visited"
)

// hostCharges are what host functions cost beside every host function's charge.
var hostCharges = map[string]struct {
	units    int
	variable string
}{
	"input": {0, variableBytes}, "output": {0, variableBytes}, "log": {0, variableBytes}, "granted": {0, variableBytes},
	"fd_write": {0, variableBytes}, "poll_oneoff": {0, variableBytes}, "emit": {chargeEmit, variableBytes},
	"state_get": {chargeGet, variableRead}, "foreign_get": {chargeGet, variableRead}, "state_put": {chargePut, variablePut},
	"state_delete": {chargeDelete, variableBytes}, "state_scan": {chargeScan, variableEntries},
	"history_get": {chargeHistory, variableBytes}, "proof_get": {chargeProof, variableBytes}, "beacon": {chargeBeacon, variableBytes},
	"random_get": {0, "144 for each begun 32 bytes"},
}

// Schedule lists every instruction that the check accepts and every host function, in the
// order of their codes and of the list of imports.
func Schedule() []Charge {
	list := controlCharges()
	names := numericNames()
	for code := range operations {
		if o := &operations[code]; o.known {
			c := o.charge(names[byte(code)], byte(code))
			if c.Memory = o.align > 0; c.Memory && !o.store {
				c.Units = loadSchedule[0].cost
			}
			list = append(list, c)
		}
	}
	for i, name := range strings.Fields(saturatingNames) {
		list = append(list, saturating[i].charge(name, opPrefix, byte(i)))
	}
	list = append(list,
		Charge{Name: "memory.copy", Code: []byte{opPrefix, bulkCopy}, Units: costBulk, Variable: variableBulk},
		Charge{Name: "memory.fill", Code: []byte{opPrefix, bulkFill}, Units: costBulk, Variable: variableBulk})
	for i := range hostFunctions {
		f := &hostFunctions[i]
		c := Charge{Module: f.module, Name: f.name, Params: asBytes(f.params), Results: asBytes(f.results), Units: chargeHostCall}
		if own, ok := hostCharges[f.name]; ok {
			c.Units += own.units
			c.Variable = own.variable
		}
		list = append(list, c)
	}
	return list
}

func (o *operation) charge(name string, code ...byte) Charge {
	c := Charge{Name: name, Code: code, Units: int(o.cost), Params: []byte{}, Results: []byte{}}
	for _, t := range []valueType{o.first, o.second} {
		if t != 0 {
			c.Params = append(c.Params, byte(t))
		}
	}
	if o.result != 0 {
		c.Results = append(c.Results, byte(o.result))
	}
	return c
}

// controlCharges are the instructions that are not alike.
func controlCharges() []Charge {
	return []Charge{
		{Name: "unreachable", Code: []byte{opUnreachable}},
		{Name: "nop", Code: []byte{opNop}},
		{Name: "block", Code: []byte{opBlock}},
		{Name: "loop", Code: []byte{opLoop}, Units: costLoop, Variable: "each time round"},
		{Name: "if", Code: []byte{opIf}, Units: costBranch},
		{Name: "else", Code: []byte{opElse}},
		{Name: "end", Code: []byte{opEnd}},
		{Name: "br", Code: []byte{opBr}, Units: costJump},
		{Name: "br_if", Code: []byte{opBrIf}, Units: costBranch},
		{Name: "br_table", Code: []byte{opBrTable}, Units: costBranchTable},
		{Name: "return", Code: []byte{opReturn}, Units: costJump},
		{Name: "call", Code: []byte{opCall}, Units: costCall, Variable: variableEntry},
		{Name: "call_indirect", Code: []byte{opCallIndirect}, Units: costIndirect, Variable: variableEntry},
		{Name: "entry of a function", Units: costEntry, Variable: "1 for each 4 locals"},
		{Name: "drop", Code: []byte{opDrop}},
		{Name: "select", Code: []byte{opSelect}, Units: costSelect},
		{Name: "local.get", Code: []byte{opLocalGet}, Units: costSimple},
		{Name: "local.set", Code: []byte{opLocalSet}, Units: costSimple},
		{Name: "local.tee", Code: []byte{opLocalTee}, Units: costSimple},
		{Name: "global.get", Code: []byte{opGlobalGet}, Units: costGlobal},
		{Name: "global.set", Code: []byte{opGlobalSet}, Units: costGlobal},
		{Name: "memory.size", Code: []byte{opMemorySize}, Units: costSimple},
		{Name: "memory.grow", Code: []byte{opMemoryGrow}, Units: costGrow, Variable: "4096 for each page asked for"},
		{Name: "i32.const", Code: []byte{opI32Const}, Units: costSimple},
		{Name: "i64.const", Code: []byte{opI64Const}, Units: costSimple},
		{Name: "f32.const", Code: []byte{opF32Const}, Units: costSimple},
		{Name: "f64.const", Code: []byte{opF64Const}, Units: costSimple},
	}
}

// ScheduleMarkdown is the schedule as tables, for the documentation.
func ScheduleMarkdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Schedule version %d, engine version %d.\n\n## Instructions\n\n| units | instructions |\n|---|---|\n", ScheduleVersion, EngineVersion)
	schedule := Schedule()
	units := map[string][]string{}
	var order []string
	for _, c := range schedule {
		if c.Module != "" || c.Memory && len(c.Results) > 0 {
			continue
		}
		price := strconv.Itoa(c.Units)
		if c.Variable != "" {
			price += ", and " + c.Variable
		}
		if units[price] == nil {
			order = append(order, price)
		}
		units[price] = append(units[price], "`"+c.Name+"`")
	}
	slices.SortStableFunc(order, func(a, b string) int { return leading(a) - leading(b) })
	for _, price := range order {
		fmt.Fprintf(&b, "| %s | %s |\n", price, strings.Join(units[price], " "))
	}
	b.WriteString("\n## Memory\n\nBy the most pages (64 KiB) that a call may have: the least of the module's, the manifest's and the host's maximum.\n\n" +
		"| pages | a load | bytes of a region | first write of a call into a region |\n|---|---|---|---|\n")
	for _, pages := range []uint32{1, 2, 4, 8, 16, 32, 64, 128, DefaultLimits().PagesMax} {
		c := memoryChargesFor(pages)
		fmt.Fprintf(&b, "| %d | %d | %d | %d |\n", pages, c.load, 1<<c.regionShift, 1<<c.regionCharge)
	}
	b.WriteString("\n## Host functions\n\n| function | units |\n|---|---|\n")
	for _, c := range schedule {
		if c.Module != "" {
			price := strconv.Itoa(c.Units)
			if c.Variable != "" {
				price += ", and " + c.Variable
			}
			fmt.Fprintf(&b, "| `%s.%s` | %s |\n", c.Module, c.Name, price)
		}
	}
	return b.String()
}

// leading is the number that a price begins with.
func leading(price string) (n int) {
	for _, c := range price {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}
