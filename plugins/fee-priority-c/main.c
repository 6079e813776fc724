// The priority by fees in C: the rule and its limits are told in package fee beside
// plugins/fee-priority, which gives the same priorities.
#include "quoin/priority.h"

enum {
	FEE_BYTES = 8,   // of a fee in a payload
	SCALE_BITS = 16, // a fee of one unit for a payload of one byte gives 2^16
};

static uint64_t priority(const quoin_priority_request *r) {
	const uint8_t *params = quoin_priority_params(r);
	uint32_t offset = 0;
	if (r->p >= 4) {
		memcpy(&offset, params, sizeof offset);
		if (r->p > 4 && !quoin_same(params + 4, r->p - 4, quoin_priority_namespace(r), r->n)) {
			return 0;
		}
	}
	if ((uint64_t)offset + FEE_BYTES > r->q) {
		return 0;
	}
	// fee × 2^16 / q, whose product may not fit: first the whole units, then what is left of one.
	uint64_t fee = quoin_load_le64(r->payload + offset);
	uint64_t whole = fee / r->q, rest = fee % r->q;
	if (whole >> (64 - SCALE_BITS) != 0) {
		return UINT64_MAX;
	}
	return (whole << SCALE_BITS) + (rest << SCALE_BITS) / r->q;
}

QUOIN_PRIORITY(priority)
