// The reputation leader in C: the rule, its reasons and its limits are told in package reputation
// beside plugins/reputation-leader, which names the same proposers.
#include "quoin/draw.h"

enum { WINDOW_LEAST = 8 };

static const char label[] = "quoin/reputation-leader/v1";

// window is the length in blocks: the parameters' one byte, or twice the number of validators.
static uint32_t window(const quoin_leader_request *r) {
	const uint8_t *params = quoin_leader_params(r);
	if (r->p == 1 && params[0] >= 1 && params[0] <= QUOIN_WINDOW_MAX) {
		return params[0];
	}
	uint32_t w = 2 * r->n;
	return w < WINDOW_LEAST ? WINDOW_LEAST : w > QUOIN_WINDOW_MAX ? QUOIN_WINDOW_MAX : w;
}

// without_recent takes the proposers of the newest blocks whose weight together is at most f
// out of a set.
static void without_recent(const quoin_leader_request *r, uint64_t *set) {
	uint64_t seen[QUOIN_VALIDATORS_MAX / 64] = {0};
	uint64_t left = quoin_faulty(r);
	for (uint32_t j = 0; j < r->m; j++) {
		uint32_t p = quoin_window_block(r, j)->proposer;
		uint64_t bit = (uint64_t)1 << p % 64;
		if (seen[p / 64] & bit) {
			continue;
		}
		if (r->validators[p].weight > left) {
			break;
		}
		left -= r->validators[p].weight;
		seen[p / 64] |= bit;
		set[p / 64] &= ~bit;
	}
}

static uint32_t lead(const quoin_leader_request *r) {
	uint32_t w = window(r), proposer;
	if (r->m >= w) {
		uint64_t candidates[QUOIN_VALIDATORS_MAX / 64] = {0};
		for (uint32_t j = 0; j < w; j++) {
			const uint64_t *voters = quoin_window_block(r, j)->voters;
			for (uint32_t k = 0; k < (r->n + 63) / 64; k++) {
				candidates[k] |= voters[k];
			}
		}
		without_recent(r, candidates);
		if (quoin_choose(r, label, candidates, &proposer)) {
			return proposer;
		}
	}
	return quoin_turn(r) % r->n;
}

QUOIN_LEADER(lead)
