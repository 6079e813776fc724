// pacemaker.h serves pacemaker.v1: how long this node waits before it gives up a view.
//
//	static uint64_t timeout(const quoin_pacemaker_request *r) { return r->builtin_ms; }
//
//	QUOIN_PACEMAKER(timeout)
//
// The answer, in milliseconds, binds this node alone. The host keeps it within a quarter and four
// times of what the built-in rule gives, and below the chain's maximum.
#ifndef QUOIN_PACEMAKER_H
#define QUOIN_PACEMAKER_H

#include "quoin.h"

enum {
	QUOIN_PACEMAKER_WINDOW_MAX = 32,
	QUOIN_PACEMAKER_REQUEST_MAX = 4664, // bytes
};

#define QUOIN_OBSERVER UINT32_MAX // the place of a node that is no validator

// quoin_pacemaker_view is a view as this node saw it.
typedef struct QUOIN_OVERLAY quoin_pacemaker_view {
	uint64_t view;
	uint32_t ms;        // from when there was something to wait for until it was left
	uint32_t notarized; // 1: left by a block; 0: given up
} quoin_pacemaker_view;

// quoin_pacemaker_request is followed, behind the views, by p bytes of the binding's parameters.
typedef struct QUOIN_OVERLAY quoin_pacemaker_request {
	uint32_t p; // bytes of the parameters
	uint32_t m; // views in the window, 0 to QUOIN_PACEMAKER_WINDOW_MAX
	uint32_t validators;
	uint32_t self; // index of this node, or QUOIN_OBSERVER
	uint64_t view;
	uint64_t certified_view; // the highest that has a certificate, below view
	uint64_t base_ms, max_ms; // the chain's parameters
	uint64_t builtin_ms;      // what the built-in rule gives
	quoin_pacemaker_view views[]; // in which this node has waited, newest first, strictly falling
} quoin_pacemaker_request;

_Static_assert(sizeof(quoin_pacemaker_view) == 16, "layout of pacemaker.v1");
_Static_assert(offsetof(quoin_pacemaker_request, views) == 56, "layout of pacemaker.v1");

// quoin_pacemaker_params returns the binding's parameters, r->p bytes.
static inline const uint8_t *quoin_pacemaker_params(const quoin_pacemaker_request *r) { return (const uint8_t *)&r->views[r->m]; }

// quoin_serve_pacemaker answers one request.
static inline int32_t quoin_serve_pacemaker(uint64_t (*timeout)(const quoin_pacemaker_request *r)) {
	static _Alignas(8) uint8_t request[QUOIN_PACEMAKER_REQUEST_MAX];
	const quoin_pacemaker_request *r = (const quoin_pacemaker_request *)request;
	uint32_t length = quoin_input(request, sizeof request);
	if (length < sizeof *r || length > sizeof request || length != sizeof *r + (uint64_t)r->m * sizeof *r->views + r->p) {
		return QUOIN_BAD_REQUEST;
	}
	uint64_t ms = timeout(r);
	quoin_output(&ms, sizeof ms);
	return QUOIN_OK;
}

// QUOIN_PACEMAKER makes the export of a handler.
#define QUOIN_PACEMAKER(timeout) \
	QUOIN_EXPORT("pacemaker.v1", quoin_pacemaker_v1) { return quoin_serve_pacemaker(timeout); }

#endif
