package lab

import (
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/mark"
	"quoin.dev/quoin/replica"
)

// Marks lists the coverage marks that worlds may reach, by room. Those that are expected Sometimes are
// reached within some hundred seeds without further options; those that are Reachable need the world of
// a test, which they name.
func Marks() [][]mark.Mark {
	return [][]mark.Mark{disk.Marks(), simplex.Marks(), execution.Marks(), replica.Marks()}
}

// marksOf is where a node reports what it reaches: nowhere if it is faulty.
func (w *world) marksOf(n *node) *mark.Set {
	if n.behaviour != None {
		return nil
	}
	return &w.marks
}

// checkMarks says which places were passed where what must hold did not.
func (w *world) checkMarks() {
	if _, broken := mark.Missed(w.marks.Counts()); len(broken) > 0 {
		w.broken("always/marks", "%s did not hold %d times of %d: %s", broken[0].Name, broken[0].Broken, broken[0].Reached, broken[0].Says)
	}
}
