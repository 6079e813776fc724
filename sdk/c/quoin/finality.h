// finality.h serves finality.v1: when a certified block is reported as final to those who ask for
// reported finality.
//
//	static quoin_finality_response delay(const quoin_finality_request *r) { ... }
//
//	QUOIN_FINALITY(delay)
//
// The certificate is out at once in any case. The host takes at most 64 blocks and 60,000
// milliseconds, whichever comes first; both 0 is at once.
#ifndef QUOIN_FINALITY_H
#define QUOIN_FINALITY_H

#include "quoin.h"

// quoin_finality_request describes a block, by facts that every replica shares.
typedef struct QUOIN_OVERLAY quoin_finality_request {
	uint32_t p;            // bytes of the parameters
	uint32_t transactions; // of the block, the kernel's included
	uint32_t bytes;        // of the block's body
	uint32_t zero;
	uint32_t proposer;   // index of the validator
	uint32_t validators; // of the epoch
	uint64_t height;
	uint64_t time;        // milliseconds since 1970-01-01 UTC
	uint64_t parent_time; // of the block before
	uint64_t epoch;
	uint64_t view;
	uint64_t view_gap; // views without a block just before it
	uint8_t params[];  // of the binding
} quoin_finality_request;

typedef struct quoin_finality_response {
	uint32_t blocks;       // further certified blocks to wait for
	uint32_t milliseconds; // to wait at most; 0 beside some blocks: 60,000
} quoin_finality_response;

_Static_assert(offsetof(quoin_finality_request, params) == 72, "layout of finality.v1");
_Static_assert(sizeof(quoin_finality_response) == 8, "layout of finality.v1");

// quoin_serve_finality answers one request.
static inline int32_t quoin_serve_finality(quoin_finality_response (*delay)(const quoin_finality_request *r)) {
	static _Alignas(8) uint8_t request[sizeof(quoin_finality_request) + QUOIN_PARAMS_MAX];
	const quoin_finality_request *r = (const quoin_finality_request *)request;
	uint32_t length = quoin_input(request, sizeof request);
	if (length < sizeof *r || length > sizeof request || length != sizeof *r + (uint64_t)r->p) {
		return QUOIN_BAD_REQUEST;
	}
	quoin_finality_response answer = delay(r);
	quoin_output(&answer, sizeof answer);
	return QUOIN_OK;
}

// QUOIN_FINALITY makes the export of a handler.
#define QUOIN_FINALITY(delay) \
	QUOIN_EXPORT("finality.v1", quoin_finality_v1) { return quoin_serve_finality(delay); }

#endif
