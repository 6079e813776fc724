package plugin

import (
	"encoding/binary"

	"quoin.dev/quoin/hook"
)

// scan is a state_scan at work. It belongs to its call, so that a scan allocates nothing.
type scan struct {
	bounds [2][hook.KeyMax]byte
	into   uint64 // the guest's buffer
	buffer []byte
	at     int    // bytes of it that are written
	need   int    // what the first pair needs, if it does not fit
	limit  uint32 // pairs
	visit  func(key, value []byte) bool
}

// state_scan(start, startLength, end, endLength, limit, buffer, capacity) -> length
func hostStateScan(c *call, s []uint64) {
	if !c.readable() {
		return
	}
	start, ok := c.view(s[0], s[1], hook.KeyMax, hook.FaultLimit)
	if !ok {
		return
	}
	end, ok := c.view(s[2], s[3], hook.KeyMax, hook.FaultLimit)
	if !ok || !c.charge(chargeScan) {
		return
	}
	x, limit := &c.scan, uint32(s[4])
	x.into = s[5]
	if x.buffer, ok = c.memory.Read(uint32(x.into), uint32(s[6])); !ok {
		c.stop(hook.FaultBounds)
		return
	}
	s[0] = 0
	if limit == 0 || len(end) > 0 && string(start) >= string(end) {
		return
	}
	// The buffer may overlap the bounds: the state may still be comparing with them.
	start, end = append(x.bounds[0][:0], start...), append(x.bounds[1][:0], end...)
	if len(end) == 0 {
		end = nil
	}
	x.at, x.need, x.limit = 0, 0, limit
	err := c.scene.reader.Scan(start, end, x.visit)
	x.buffer = nil
	s[0] = uint64(x.at)
	if x.at == 0 {
		s[0] = uint64(uint32(-int32(x.need)))
	}
	c.failed(err)
}

// scanned takes a pair of the scan at work, and reports whether it wants more.
func (c *call) scanned(key, value []byte) bool {
	x := &c.scan
	if !c.charge(chargeEntry(key, value)) {
		return false
	}
	need := 8 + len(key) + len(value)
	if x.at+need > len(x.buffer) {
		if x.at == 0 {
			x.need = need
		}
		return false
	}
	if !c.touch(x.into+uint64(x.at), need) {
		return false
	}
	to := x.buffer[x.at:]
	binary.LittleEndian.PutUint32(to, uint32(len(key)))
	binary.LittleEndian.PutUint32(to[4:], uint32(len(value)))
	copy(to[8:], key)
	copy(to[8+len(key):], value)
	x.at += need
	x.limit--
	return x.limit > 0
}
