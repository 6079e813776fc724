// The pacemaker in the manner of TCP's retransmission timer, in C: the rule is told in package rto
// beside plugins/adaptive-pacemaker, which gives the same time-outs.
#include "quoin/pacemaker.h"

enum {
	DEVIATIONS = 4, // without parameters
	UNIT = 8,       // the resolution of the arithmetic: a millisecond has 8 units, so that eighths are whole
};

// estimate finds how long views take that a block ends, in units; false if the window has none.
static bool estimate(const quoin_pacemaker_request *r, uint64_t *mean, uint64_t *deviation) {
	bool found = false;
	for (uint32_t j = r->m; j-- > 0;) { // from the oldest to the newest
		if (!r->views[j].notarized) {
			continue;
		}
		uint64_t took = (uint64_t)r->views[j].ms * UNIT;
		if (!found) {
			*mean = took;
			*deviation = took / 2;
			found = true;
			continue;
		}
		uint64_t off = took > *mean ? took - *mean : *mean - took;
		*deviation = (3 * *deviation + off) / 4;
		*mean = (7 * *mean + took) / 8;
	}
	return found;
}

static uint64_t timeout(const quoin_pacemaker_request *r) {
	uint64_t mean, deviation;
	if (!estimate(r, &mean, &deviation)) {
		return r->builtin_ms;
	}
	uint64_t k = r->p == 1 ? quoin_pacemaker_params(r)[0] : DEVIATIONS;
	uint64_t wait = (mean + k * deviation) / UNIT;
	if (wait == 0) {
		wait = 1;
	}
	uint64_t failed = r->view - r->certified_view - 1;
	if (failed >= (uint64_t)__builtin_clzll(wait)) {
		return r->max_ms; // the shift would lose bits
	}
	return wait << failed;
}

QUOIN_PACEMAKER(timeout)
