// The cautious finality in C: the rule is told in package cautious beside plugins/cautious-finality, which
// gives the same answers.
#include "quoin/finality.h"

// What is waited for by default, and the most that the host takes.
enum { BLOCKS = 2, MILLISECONDS = 5000, BLOCKS_MAX = 64 };

static quoin_finality_response delay(const quoin_finality_request *r) {
	uint32_t factor = BLOCKS, ms = MILLISECONDS;
	if (r->p >= 8) {
		memcpy(&factor, r->params, sizeof factor);
		memcpy(&ms, r->params + 4, sizeof ms);
	}
	if (r->view_gap == 0 || factor == 0) {
		return (quoin_finality_response){0};
	}
	uint64_t gap = r->view_gap > BLOCKS_MAX ? BLOCKS_MAX : r->view_gap; // so that the product fits
	uint64_t blocks = gap * factor;
	return (quoin_finality_response){.blocks = blocks > BLOCKS_MAX ? BLOCKS_MAX : (uint32_t)blocks, .milliseconds = ms};
}

QUOIN_FINALITY(delay)
