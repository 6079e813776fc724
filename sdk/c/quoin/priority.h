// priority.h serves priority.v1: which pending transactions this node proposes first.
//
//	static uint64_t priority(const quoin_priority_request *r) { return QUOIN_PAYLOAD_MAX - r->q; }
//
//	QUOIN_PRIORITY(priority)
//
// Higher ones go first, equal ones by the built-in rule, which takes the senders in turn. The
// transactions of one sender keep their order.
#ifndef QUOIN_PRIORITY_H
#define QUOIN_PRIORITY_H

#include "quoin.h"

enum {
	QUOIN_NAMESPACE_MAX = 32,
	QUOIN_PRIORITY_REQUEST_MAX = 69768, // bytes
};

// quoin_priority_request is followed, behind the payload, by p bytes of the binding's parameters
// and n bytes of the namespace's name.
typedef struct QUOIN_OVERLAY quoin_priority_request {
	uint32_t q;        // bytes of the payload
	uint32_t p;        // bytes of the parameters
	uint32_t n;        // bytes of the namespace, 0 to QUOIN_NAMESPACE_MAX
	uint32_t local;    // 1: submitted to this node; 0: forwarded by another
	uint32_t pending;  // transactions in the pool
	uint32_t capacity; // of the pool
	uint64_t height;   // of the next block
	uint64_t expiry;   // height of the last block that may hold the transaction
	uint8_t transaction[32]; // its id
	uint8_t sender[32];      // the account's public key; zero: unsigned
	uint8_t payload[];
} quoin_priority_request;

_Static_assert(offsetof(quoin_priority_request, payload) == 104, "layout of priority.v1");

// quoin_priority_params returns the binding's parameters, r->p bytes.
static inline const uint8_t *quoin_priority_params(const quoin_priority_request *r) { return r->payload + r->q; }

// quoin_priority_namespace returns the namespace's name, r->n bytes.
static inline const uint8_t *quoin_priority_namespace(const quoin_priority_request *r) { return r->payload + r->q + r->p; }

// quoin_serve_priority answers one request.
static inline int32_t quoin_serve_priority(uint64_t (*priority)(const quoin_priority_request *r)) {
	static _Alignas(8) uint8_t request[QUOIN_PRIORITY_REQUEST_MAX];
	const quoin_priority_request *r = (const quoin_priority_request *)request;
	uint32_t length = quoin_input(request, sizeof request);
	if (length < sizeof *r || length > sizeof request || length != sizeof *r + (uint64_t)r->q + r->p + r->n) {
		return QUOIN_BAD_REQUEST;
	}
	uint64_t answer = priority(r);
	quoin_output(&answer, sizeof answer);
	return QUOIN_OK;
}

// QUOIN_PRIORITY makes the export of a handler.
#define QUOIN_PRIORITY(priority) \
	QUOIN_EXPORT("priority.v1", quoin_priority_v1) { return quoin_serve_priority(priority); }

#endif
