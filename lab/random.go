package lab

// random is SplitMix64 (Steele, Lea and Flood, 2014). Each concern of a world draws from a stream of
// its own, so that one more draw in one of them does not change the others.
type random struct{ state uint64 }

// stream returns the random numbers of one concern of a seed.
func stream(seed uint64, concern string) random {
	h := seed ^ 0xcbf29ce484222325
	for _, c := range []byte(concern) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	r := random{h}
	r.next()
	return r
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in 0 to n−1; n ≥ 1.
func (r *random) below(n uint64) uint64 { return r.next() % n }

// between returns a number from low to high, both included.
func (r *random) between(low, high uint64) uint64 { return low + r.below(high-low+1) }

// chance is true in so many of a thousand cases.
func (r *random) chance(thousandths uint64) bool { return r.below(1000) < thousandths }

// index returns an index of a slice of length n ≥ 1.
func (r *random) index(n int) int { return int(r.below(uint64(n))) }
