// leader.h serves leader.v1: who proposes in a view.
//
//	static uint32_t lead(const quoin_leader_request *r) { return quoin_turn(r) % r->n; }
//
//	QUOIN_LEADER(lead)
//
// The answer must be a function of the request alone: every voter asks the same question about
// a proposal and must get the same answer.
#ifndef QUOIN_LEADER_H
#define QUOIN_LEADER_H

#include "quoin.h"

enum {
	QUOIN_VALIDATORS_MAX = 1024,
	QUOIN_WINDOW_MAX = 64,
	QUOIN_LEADER_REQUEST_MAX = 55376, // bytes
};

typedef struct QUOIN_OVERLAY quoin_validator {
	uint64_t weight; // at least 1; of all together at most 2^62
	uint8_t key[32];
} quoin_validator;

// quoin_leader_request is followed by m blocks, each stride bytes long, and p bytes of the
// binding's parameters.
typedef struct QUOIN_OVERLAY quoin_leader_request {
	uint32_t n;      // validators, 1 to QUOIN_VALIDATORS_MAX
	uint32_t m;      // blocks in the window, 0 to QUOIN_WINDOW_MAX
	uint32_t p;      // bytes of parameters, 0 to QUOIN_PARAMS_MAX
	uint32_t stride; // bytes of one block
	uint8_t seed[32];
	uint64_t epoch;
	uint64_t view;          // the view that needs a leader, at least 1
	uint64_t parent_height; // of the block that the proposal extends
	uint64_t parent_view;   // 0 when the parent belongs to an earlier epoch
	quoin_validator validators[];
} quoin_leader_request;

// quoin_block is a recent block as its descendants commit to it.
typedef struct QUOIN_OVERLAY quoin_block {
	uint64_t height;   // never rising from one to the next
	uint64_t view;     // strictly falling
	uint64_t view_gap; // views without a block just before it
	uint32_t proposer; // index of the validator
	uint32_t zero;
	uint64_t voters[]; // bit i%64 of word i/64: validator i signed
} quoin_block;

_Static_assert(sizeof(quoin_validator) == 40, "layout of leader.v1");
_Static_assert(offsetof(quoin_leader_request, validators) == 80, "layout of leader.v1");
_Static_assert(offsetof(quoin_block, voters) == 32, "layout of leader.v1");

// quoin_window_block returns block j of the window, newest first; j below r->m.
static inline const quoin_block *quoin_window_block(const quoin_leader_request *r, uint32_t j) {
	return (const quoin_block *)((const uint8_t *)&r->validators[r->n] + (size_t)j * r->stride);
}

// quoin_leader_params returns the binding's parameters, r->p bytes.
static inline const uint8_t *quoin_leader_params(const quoin_leader_request *r) {
	return (const uint8_t *)quoin_window_block(r, r->m);
}

// quoin_voted reports whether the validator is among the signatures shown for the block.
static inline bool quoin_voted(const quoin_block *b, uint32_t validator) {
	return b->voters[validator / 64] >> (validator % 64) & 1;
}

// quoin_turn counts the views for which a plugin is asked, from 0. Every fourth view is a
// rescue view, whose proposer the kernel names: who takes turns by the view's own number may
// leave somebody out.
static inline uint64_t quoin_turn(const quoin_leader_request *r) { return r->view - r->view / 4 - 1; }

// quoin_serve_leader answers one request.
static inline int32_t quoin_serve_leader(uint32_t (*lead)(const quoin_leader_request *r)) {
	static _Alignas(8) uint8_t request[QUOIN_LEADER_REQUEST_MAX];
	const quoin_leader_request *r = (const quoin_leader_request *)request;
	uint32_t length = quoin_input(request, sizeof request);
	if (length < sizeof *r || length > sizeof request ||
		length != sizeof *r + (uint64_t)r->n * sizeof *r->validators + (uint64_t)r->m * r->stride + r->p) {
		return QUOIN_BAD_REQUEST;
	}
	uint32_t proposer = lead(r);
	quoin_output(&proposer, sizeof proposer);
	return QUOIN_OK;
}

// QUOIN_LEADER makes the export of a handler, which returns the index of a validator, below n.
#define QUOIN_LEADER(lead) \
	QUOIN_EXPORT("leader.v1", quoin_leader_v1) { return quoin_serve_leader(lead); }

#endif
