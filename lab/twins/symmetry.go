package twins

// renaming maps processes: the honest are permuted, the twins perhaps exchanged.
type renaming struct {
	place  [places]uint8
	groups [groupings]uint8 // what becomes of a grouping
}

var renamings = makeRenamings()

func makeRenamings() []renaming {
	var all []renaming
	for _, honest := range [][3]uint8{{0, 2, 3}, {0, 3, 2}, {2, 0, 3}, {2, 3, 0}, {3, 0, 2}, {3, 2, 0}} {
		for _, twins := range [][2]uint8{{1, 4}, {4, 1}} {
			r := renaming{place: [places]uint8{honest[0], twins[0], honest[1], honest[2], twins[1]}}
			for g := range uint8(groupings) {
				apart := uint8(0)
				for p := range places {
					apart |= (g << 1 >> p & 1) << r.place[p]
				}
				if apart&1 == 1 {
					apart ^= 1<<places - 1
				}
				r.groups[g] = apart >> 1
			}
			all = append(all, r)
		}
	}
	return all[1:] // the first changes nothing
}

func (r *renaming) value(d digit, v uint8) uint8 {
	switch {
	case d == groupDigit:
		return r.groups[v]
	case d == leaderDigit && v != twin:
		return r.place[v]
	case d == onlyDigit && v > 0:
		return r.place[v-1] + 1
	}
	return v
}

// canonical reports whether no renaming makes a script smaller, decision by decision in the script's
// own order. Up to the first decision that a renaming changes, both scripts have asked the same, so
// that order is one of all scenarios, and the smallest of those that are one by other names passes.
func (w *walk) canonical() bool {
	for i := range renamings {
		if renamings[i].smaller(w.script) {
			return false
		}
	}
	return true
}

func (r *renaming) smaller(script []decision) bool {
	for _, d := range script {
		if image := r.value(d.digit, d.value); image != d.value {
			return image < d.value
		}
	}
	return false
}
