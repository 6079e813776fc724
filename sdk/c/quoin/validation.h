// validation.h serves validation.v1: which transactions of a namespace reach its machine.
//
//	static uint32_t validate(const quoin_validation_request *r) { return r->q > 100 ? TOO_LONG : 0; }
//
//	QUOIN_VALIDATION(validate)
//
// The code 0 accepts; another one is the reason of the refusal, which the transaction's result
// carries. The state is that after the block before, and only to be read.
#ifndef QUOIN_VALIDATION_H
#define QUOIN_VALIDATION_H

#include "quoin.h"

enum { QUOIN_VALIDATION_REQUEST_MAX = 69720 }; // bytes

// quoin_validation_request is followed, behind the payload, by p bytes of the binding's
// parameters.
typedef struct QUOIN_OVERLAY quoin_validation_request {
	uint32_t q;              // bytes of the payload
	uint32_t p;              // bytes of the parameters
	uint64_t height;         // of the block; in the pool: of the next one
	uint64_t time;           // of the block, milliseconds since 1970-01-01 UTC; in the pool: of the last one
	uint8_t transaction[32]; // its id
	uint8_t sender[32];      // the account's public key; zero: unsigned
	uint8_t payload[];
} quoin_validation_request;

_Static_assert(offsetof(quoin_validation_request, payload) == 88, "layout of validation.v1");

// quoin_validation_params returns the binding's parameters, r->p bytes.
static inline const uint8_t *quoin_validation_params(const quoin_validation_request *r) { return r->payload + r->q; }

// quoin_serve_validation judges one transaction.
static inline int32_t quoin_serve_validation(uint32_t (*validate)(const quoin_validation_request *r)) {
	static _Alignas(8) uint8_t request[QUOIN_VALIDATION_REQUEST_MAX];
	const quoin_validation_request *r = (const quoin_validation_request *)request;
	uint32_t length = quoin_input(request, sizeof request);
	if (length < sizeof *r || length > sizeof request || length != sizeof *r + (uint64_t)r->q + r->p) {
		return QUOIN_BAD_REQUEST;
	}
	uint32_t code = validate(r);
	quoin_output(&code, sizeof code);
	return QUOIN_OK;
}

// quoin_serve_validation_batch judges transactions until there are no more.
static inline int32_t quoin_serve_validation_batch(uint32_t (*validate)(const quoin_validation_request *r)) {
	void *mark = quoin_alloc(0);
	int32_t status = QUOIN_OK;
	while (status == QUOIN_OK && quoin_batch_next()) {
		status = quoin_serve_validation(validate);
		quoin_alloc_release(mark);
	}
	return status;
}

// QUOIN_VALIDATION makes the exports of a handler. The host may ask about several transactions in
// one call, and memory is not restored between them: validate must not leave anything in variables.
#define QUOIN_VALIDATION(validate) \
	QUOIN_EXPORT("validation.v1.validate", quoin_validation_v1_validate) { return quoin_serve_validation(validate); } \
	QUOIN_EXPORT("validation.v1.validate_batch", quoin_validation_v1_validate_batch) { return quoin_serve_validation_batch(validate); }

#endif
