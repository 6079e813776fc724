// A machine that keeps its transactions' payloads under "last", and a migration that moves what was
// there under "latest" before.
#include "quoin/machine.h"
#include "quoin/migration.h"

static uint32_t apply(const quoin_apply_request *r, quoin_writer *output) {
	(void)output;
	quoin_state_put("last", 4, r->payload, r->q);
	return 0;
}

static uint32_t query(const quoin_query_request *r, quoin_writer *output) {
	quoin_write(output, r->payload, r->q);
	return 0;
}

// migrate refuses a namespace in which there is nothing to move.
static uint32_t migrate(const quoin_migrate_request *r) {
	uint8_t value[64];
	int32_t n = quoin_state_get("latest", 6, value, sizeof value);
	if (n < 0 || n > (int32_t)sizeof value) {
		return 3;
	}
	quoin_state_put("last", 4, value, (uint32_t)n);
	quoin_state_delete("latest", 6);
	quoin_state_put("params", 6, r->params, r->p);
	quoin_state_put("from", 4, r->from, sizeof r->from);
	return 0;
}

QUOIN_MACHINE(apply, query)
QUOIN_MIGRATE(migrate)
