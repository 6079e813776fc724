// machine.h serves machine.v1: what transactions do to the state of a namespace, and queries.
//
//	static uint32_t apply(const quoin_apply_request *r, quoin_writer *output) { ... }
//	static uint32_t query(const quoin_query_request *r, quoin_writer *output) { ... }
//
//	QUOIN_MACHINE(apply, query)
//
// A handler returns its code and writes its output. A code other than 0 is the machine's own
// refusal: its output is kept, its writes and events are dropped. query must not write or emit:
// the fault is import. A machine needs the capability "state", and "events" to emit.
#ifndef QUOIN_MACHINE_H
#define QUOIN_MACHINE_H

#include "quoin.h"

enum {
	QUOIN_APPLY_OUTPUT_MAX = 4096,  // bytes
	QUOIN_QUERY_OUTPUT_MAX = 65536, // bytes
	QUOIN_APPLY_REQUEST_MAX = 69728,
	QUOIN_QUERY_REQUEST_MAX = 69656,
};

// quoin_apply_request is followed, behind the payload, by p bytes of the binding's parameters.
typedef struct QUOIN_OVERLAY quoin_apply_request {
	uint32_t q;     // bytes of the payload
	uint32_t p;     // bytes of the parameters
	uint32_t index; // of the transaction in its block
	uint32_t zero;
	uint64_t height;
	uint64_t time;           // of the block, milliseconds since 1970-01-01 UTC
	uint8_t transaction[32]; // its id
	uint8_t sender[32];      // the account's public key; zero: unsigned
	uint8_t payload[];
} quoin_apply_request;

// quoin_query_request is followed, behind the payload, by p bytes of the binding's parameters.
typedef struct QUOIN_OVERLAY quoin_query_request {
	uint32_t q;      // bytes of the payload
	uint32_t p;      // bytes of the parameters
	uint64_t height; // of the block after which the state is read
	uint64_t time;   // of that block, milliseconds since 1970-01-01 UTC
	uint8_t payload[];
} quoin_query_request;

_Static_assert(offsetof(quoin_apply_request, payload) == 96, "layout of machine.v1.apply");
_Static_assert(offsetof(quoin_query_request, payload) == 24, "layout of machine.v1.query");

// The binding's parameters, r->p bytes.
static inline const uint8_t *quoin_apply_params(const quoin_apply_request *r) { return r->payload + r->q; }
static inline const uint8_t *quoin_query_params(const quoin_query_request *r) { return r->payload + r->q; }

// quoin_machine holds what machine.v1 reads and writes. What transactions use lies first:
// restoring the memory after a call costs as much as the call has touched.
static struct {
	struct {
		uint32_t code;
		uint8_t output[QUOIN_APPLY_OUTPUT_MAX];
	} applied;
	_Alignas(8) uint8_t request[QUOIN_APPLY_REQUEST_MAX];
	struct {
		uint32_t code;
		uint8_t output[QUOIN_QUERY_OUTPUT_MAX];
	} answered;
} quoin_machine;

// quoin_answer hands over a response of a code and an output. An overflow becomes the empty
// response, which is none: the fault output.
static inline void quoin_answer(const void *response, const quoin_writer *w) {
	quoin_output(response, w->overflow ? 0 : 4 + w->length);
}

// quoin_serve_apply applies one transaction. Its two callers share it, and with it the handler.
__attribute__((noinline)) static int32_t quoin_serve_apply(uint32_t (*apply)(const quoin_apply_request *r, quoin_writer *output)) {
	const quoin_apply_request *r = (const quoin_apply_request *)quoin_machine.request;
	uint32_t length = quoin_input(quoin_machine.request, sizeof quoin_machine.request);
	if (length < sizeof *r || length > QUOIN_APPLY_REQUEST_MAX || length != sizeof *r + (uint64_t)r->q + r->p) {
		return QUOIN_BAD_REQUEST;
	}
	quoin_writer w = {.bytes = quoin_machine.applied.output, .capacity = QUOIN_APPLY_OUTPUT_MAX};
	quoin_machine.applied.code = apply(r, &w);
	quoin_answer(&quoin_machine.applied, &w);
	return QUOIN_OK;
}

// quoin_serve_query answers one query.
static inline int32_t quoin_serve_query(uint32_t (*query)(const quoin_query_request *r, quoin_writer *output)) {
	const quoin_query_request *r = (const quoin_query_request *)quoin_machine.request;
	uint32_t length = quoin_input(quoin_machine.request, sizeof quoin_machine.request);
	if (length < sizeof *r || length > QUOIN_QUERY_REQUEST_MAX || length != sizeof *r + (uint64_t)r->q + r->p) {
		return QUOIN_BAD_REQUEST;
	}
	quoin_writer w = {.bytes = quoin_machine.answered.output, .capacity = QUOIN_QUERY_OUTPUT_MAX};
	quoin_machine.answered.code = query(r, &w);
	quoin_answer(&quoin_machine.answered, &w);
	return QUOIN_OK;
}

// quoin_serve_apply_batch applies transactions until there are no more.
static inline int32_t quoin_serve_apply_batch(uint32_t (*apply)(const quoin_apply_request *r, quoin_writer *output)) {
	void *mark = quoin_alloc(0);
	int32_t status = QUOIN_OK;
	while (status == QUOIN_OK && quoin_batch_next()) {
		status = quoin_serve_apply(apply);
		quoin_alloc_release(mark);
	}
	return status;
}

// QUOIN_MACHINE makes the exports of the two handlers. The host may apply transactions that
// follow one another in one call, and memory is not restored between them: apply must not
// leave anything in variables, or one transaction sees what another left.
#define QUOIN_MACHINE(apply, query) \
	QUOIN_EXPORT("machine.v1.apply", quoin_machine_v1_apply) { return quoin_serve_apply(apply); } \
	QUOIN_EXPORT("machine.v1.apply_batch", quoin_machine_v1_apply_batch) { return quoin_serve_apply_batch(apply); } \
	QUOIN_EXPORT("machine.v1.query", quoin_machine_v1_query) { return quoin_serve_query(query); }

#endif
