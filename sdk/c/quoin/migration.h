// migration.h serves machine.v1.migrate, beside machine.h: it brings the namespace over from what
// served it before, once, before the first transaction.
//
//	static uint32_t migrate(const quoin_migrate_request *r) { ... }
//
//	QUOIN_MIGRATE(migrate)
//
// The handler reads and writes the state and returns 0, or a code that says why it cannot: then, as
// after a fault, its writes are dropped and the machine goes. It has the fuel of 32 calls.
#ifndef QUOIN_MIGRATION_H
#define QUOIN_MIGRATION_H

#include "quoin.h"

typedef struct QUOIN_OVERLAY quoin_migrate_request {
	uint32_t p; // bytes of the parameters
	uint32_t zero;
	uint64_t height;  // of the first block that the machine serves
	uint64_t time;    // of that block, milliseconds since 1970-01-01 UTC
	uint8_t from[32]; // digest of the release that served before; zero: a built-in, or nothing
	uint8_t params[]; // of the binding
} quoin_migrate_request;

_Static_assert(offsetof(quoin_migrate_request, params) == 56, "layout of machine.v1.migrate");

// quoin_serve_migrate answers one request.
static inline int32_t quoin_serve_migrate(uint32_t (*migrate)(const quoin_migrate_request *r)) {
	static _Alignas(8) uint8_t request[sizeof(quoin_migrate_request) + QUOIN_PARAMS_MAX];
	const quoin_migrate_request *r = (const quoin_migrate_request *)request;
	uint32_t length = quoin_input(request, sizeof request);
	if (length < sizeof *r || length > sizeof request || length != sizeof *r + (uint64_t)r->p) {
		return QUOIN_BAD_REQUEST;
	}
	uint32_t code = migrate(r);
	quoin_output(&code, sizeof code);
	return QUOIN_OK;
}

// QUOIN_MIGRATE makes the export of a handler.
#define QUOIN_MIGRATE(migrate) \
	QUOIN_EXPORT("machine.v1.migrate", quoin_machine_v1_migrate) { return quoin_serve_migrate(migrate); }

#endif
