package lab

// Region is where a replica stands. Messages between two regions take half of the round trip below,
// plus jitter.
type Region int

// Regions of a large cloud provider, around the world.
const (
	virginia Region = iota
	oregon
	saoPaulo
	ireland
	frankfurt
	mumbai
	singapore
	tokyo
	regions
)

var regionNames = [regions]string{"virginia", "oregon", "sao-paulo", "ireland", "frankfurt", "mumbai", "singapore", "tokyo"}

// String returns the region's name.
func (r Region) String() string { return regionNames[r] }

// roundTripMS is the round trip between two regions in milliseconds, rounded to medians of the kind
// published by cloudping.co for AWS's regions of these names. Only the upper triangle is
// filled in. Within a region it is half a millisecond.
var roundTripMS = [regions][regions]uint64{
	virginia:  {oregon: 65, saoPaulo: 115, ireland: 70, frankfurt: 90, mumbai: 190, singapore: 215, tokyo: 150},
	oregon:    {saoPaulo: 175, ireland: 125, frankfurt: 145, mumbai: 220, singapore: 165, tokyo: 100},
	saoPaulo:  {ireland: 180, frankfurt: 205, mumbai: 300, singapore: 325, tokyo: 255},
	ireland:   {frankfurt: 25, mumbai: 125, singapore: 175, tokyo: 205},
	frankfurt: {mumbai: 115, singapore: 160, tokyo: 225},
	mumbai:    {singapore: 60, tokyo: 125},
	singapore: {tokyo: 70},
}

// Regions is how many regions there are.
const Regions = int(regions)

// RegionDelay returns the time that a message takes one way between two regions of 0 to Regions − 1, in
// microseconds, without jitter.
func RegionDelay(from, to int) uint64 { return delay(Region(from), Region(to)) }

// delay returns the time that a message takes one way, in microseconds, without jitter.
func delay(from, to Region) uint64 {
	if from == to {
		return 250
	}
	return roundTripMS[min(from, to)][max(from, to)] * 500
}
