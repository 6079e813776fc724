// draw.h draws validators for leaders, as package leader of the Go SDK does: the same request and
// label give the same draw in both languages.
#ifndef QUOIN_DRAW_H
#define QUOIN_DRAW_H

#include "leader.h"

// quoin_sha256 is SHA-256 (FIPS 180-4).
void quoin_sha256(const void *text, uint32_t length, uint8_t digest[32]);

// quoin_draw returns a number below bound (which must not be 0), drawn for the view: all bits come
// from SHA-256 over the label, the epoch's seed, the epoch and the view. Different labels give
// independent draws. A label has at most 64 bytes.
uint64_t quoin_draw(const quoin_leader_request *r, const char *label, uint64_t bound);

// quoin_choose draws one of the validators of a set, laid out as the voters of a block, with a
// probability in proportion to its weight. It returns false if there is none.
bool quoin_choose(const quoin_leader_request *r, const char *label, const uint64_t *members, uint32_t *proposer);

// quoin_faulty returns the most weight that may be faulty, f = ⌊(W−1)/3⌋ of the total weight W.
static inline uint64_t quoin_faulty(const quoin_leader_request *r) {
	uint64_t total = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		total += r->validators[i].weight;
	}
	return total == 0 ? 0 : (total - 1) / 3;
}

#endif
