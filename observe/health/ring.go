package health

import "time"

// The rings remember in buckets, so that what a model needs does not grow. With the default window of 28 days
// a fine bucket is a minute and a coarse one an hour; shorter windows are divided alike.
const (
	fineInWindow = 28 * 24 * 60
	fineInCoarse = 60
	fineKept     = 6 * 60
	coarseKept   = fineInWindow / fineInCoarse
)

// ring holds the newest buckets of one width. A bucket that time has passed over is empty.
type ring[T any] struct {
	width time.Duration
	slots []slot[T]
}

type slot[T any] struct {
	number int64 // of the bucket, from 1; 0: none
	bucket T
}

func newRing[T any](width time.Duration, kept int) ring[T] {
	return ring[T]{width, make([]slot[T], kept)}
}

// at returns the bucket of a time. One that is too old for the ring must not be asked for.
func (r *ring[T]) at(now time.Duration) *T {
	number := int64(now/r.width) + 1
	s := &r.slots[number%int64(len(r.slots))]
	if s.number != number {
		*s = slot[T]{number: number}
	}
	return &s.bucket
}

// over visits the buckets of a window that ends now, the present one and as many before it as the window has.
func (r *ring[T]) over(now, window time.Duration, visit func(*T)) {
	last := int64(now/r.width) + 1
	count := min(int64((window+r.width-1)/r.width), int64(len(r.slots)))
	for number := last; number > last-count && number > 0; number-- {
		if s := &r.slots[number%int64(len(r.slots))]; s.number == number {
			visit(&s.bucket)
		}
	}
}

// spread visits the buckets between two times with how much of that is in each. What is too old for the ring
// is left out.
func (r *ring[T]) spread(from, to time.Duration, visit func(*T, time.Duration)) {
	oldest := (to/r.width - time.Duration(len(r.slots)) + 1) * r.width
	for from = max(from, oldest, 0); from < to; {
		end := min((from/r.width+1)*r.width, to)
		visit(r.at(from), end-from)
		from = end
	}
}
