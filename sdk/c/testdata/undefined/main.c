// A leader that adds two signed numbers whose sum C leaves undefined.
#include "quoin/leader.h"

static uint32_t lead(const quoin_leader_request *r) {
	int32_t epoch = (int32_t)r->epoch;
	return (uint32_t)(epoch + 1) % r->n;
}

QUOIN_LEADER(lead)
