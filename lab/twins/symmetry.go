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

// canonical reports whether no renaming makes a script's decisions smaller, compared view by view up
// to the first that is not made. The smallest of all scenarios that are one by other names always
// passes; others may, where a run asks out of that order.
func (w *walk) canonical() bool {
	var values [ViewsMax][digits]uint8
	var known [ViewsMax][digits]bool
	for _, d := range w.script {
		values[d.view][d.digit], known[d.view][d.digit] = d.value, true
	}
	for i := range renamings {
		if w.smaller(&renamings[i], &values, &known) {
			return false
		}
	}
	return true
}

func (w *walk) smaller(r *renaming, values *[ViewsMax][digits]uint8, known *[ViewsMax][digits]bool) bool {
	for v := range w.space.Views {
		for d := range digits {
			if d == earlyDigit {
				continue // has no names in it
			}
			if !known[v][d] {
				return false
			}
			if image := r.value(d, values[v][d]); image != values[v][d] {
				return image < values[v][d]
			}
		}
	}
	return false
}
