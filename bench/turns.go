package bench

import (
	"context"
	"slices"
)

// InTurns makes two networks, and loads one after the other, in the order A B, B A, A B, so that what changes
// slowly meets both alike. Each pair is of the base and the candidate. Because both stand all the time, turns
// can be short: the more there are, the less it matters what else the machine does. each is told before each
// pair. The one whose turn it is not has no clients and no audience.
func InTurns(ctx context.Context, base, candidate Options, pairs int, each func(pair int)) (results [][2]*Result, err error) {
	err = with(ctx, base.withDefaults(), func(a *network) error {
		return with(ctx, candidate.withDefaults(), func(b *network) error {
			for i := range pairs {
				each(i + 1)
				order := []int{0, 1}
				if i%2 == 1 {
					slices.Reverse(order)
				}
				var pair [2]*Result
				for _, k := range order {
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
