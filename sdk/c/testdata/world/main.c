// A machine that answers what the host tells of the chain. A query is one letter and its argument:
// f and a key of the namespace bank, h and a height (8 bytes, little-endian), p and a key, b, and g
// and a capability. The code of c is how often it was asked in one call, after initialisation.
#include "quoin/machine.h"

static uint32_t asked;

static void prepare(void) { asked = 40; }

QUOIN_INITIALIZE(prepare)

static uint32_t apply(const quoin_apply_request *r, quoin_writer *output) {
	(void)r, (void)output;
	return 1;
}

static uint32_t query(const quoin_query_request *r, quoin_writer *output) {
	const uint8_t *argument = r->payload + 1;
	uint32_t n = r->q - 1;
	static uint8_t room[QUOIN_PROOF_MAX]; // too much for the stack
	int32_t length = -1;
	switch (r->payload[0]) {
	case 'f':
		length = quoin_foreign_get("bank", 4, argument, n, room, sizeof room);
		break;
	case 'h': {
		quoin_ancestor a;
		if ((length = quoin_history_get(quoin_load_le64(argument), &a, sizeof a)) > 0) {
			memcpy(room, &a, sizeof a);
		}
		break;
	}
	case 'p':
		length = quoin_proof_get(argument, n, room, sizeof room);
		break;
	case 'b':
		quoin_beacon(room);
		length = 32;
		break;
	case 'c':
		return ++asked;
	case 'g':
		return quoin_granted(argument, n);
	}
	if (length < 0) {
		return 9;
	}
	quoin_write(output, room, (uint32_t)length);
	return 0;
}

QUOIN_MACHINE(apply, query)
