package plugin

import "quoin.dev/quoin"

// Beside returns a table of the same releases and built-ins for calls that run beside those which
// count. It has instances and buffers of its own, so that neither sees anything of the other even when
// both are of one release, and it is neither metered nor observed. It follows Add and Remove until
// StopBeside, and belongs to the goroutine of its table.
func (t *Table) Beside() *Table {
	if t.beside == nil {
		t.beside = &Table{builtins: t.builtins, guests: map[quoin.Hash]*guest{}, seconds: map[quoin.Hash]*guest{}, flaws: t.flaws}
		for _, g := range t.guests { // any order
			t.beside.Add(g.release)
		}
	}
	return t.beside
}

// StopBeside frees what Beside has brought.
func (t *Table) StopBeside() {
	if t.beside == nil {
		return
	}
	for _, g := range t.beside.guests { // any order
		g.close()
	}
	t.beside = nil
}
