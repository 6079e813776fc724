package bench

import "context"

// Order says which of two is loaded first in a pair, and which second: A B, B A, A B, so that what changes slowly
// meets both alike. Pairs count from 0.
func Order(pair int) [2]int {
	if pair%2 == 1 {
		return [2]int{1, 0}
	}
	return [2]int{0, 1}
}

// InTurns makes two networks, and loads one after the other, in their Order. Each pair is of the base and the
// candidate. Because both stand all the time, turns can be short: the more there are, the less it matters what
// else the machine does. each is told before each pair. The one whose turn it is not has no clients and no audience.
func InTurns(ctx context.Context, base, candidate Options, pairs int, each func(pair int)) (results [][2]*Result, err error) {
	err = with(ctx, base.withDefaults(), func(a *network) error {
		return with(ctx, candidate.withDefaults(), func(b *network) error {
			for i := range pairs {
				each(i + 1)
				var pair [2]*Result
				for _, k := range Order(i) {
					if pair[k], err = []*network{a, b}[k].measure(ctx); err != nil {
						return err
					}
				}
				results = append(results, pair)
			}
			return nil
		})
	})
	return results, err
}
