package protocol

// Random is SplitMix64 (Steele, Lea and Flood, 2014); its value is the seed.
type Random uint64

// Below returns a number from 0 to n − 1; n ≥ 1.
func (r *Random) Below(n uint64) uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return (z ^ z>>31) % n
}
