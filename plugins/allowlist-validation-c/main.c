// The allow-list in C: the rule is told in package allowlist beside plugins/allowlist-validation, which
// gives the same answers.
#include "quoin/validation.h"

// Reasons of refusals, which results carry.
enum {
	ACCEPTED,
	NOBODY,   // the transaction is unsigned
	STRANGER, // its sender is not on the list
	BAD_LIST, // the parameters are no list of keys in ascending order
};

enum { KEY_BYTES = 32 };

static bool ordered(const uint8_t *keys, uint32_t length) {
	if (length % KEY_BYTES != 0) {
		return false;
	}
	for (uint32_t at = KEY_BYTES; at < length; at += KEY_BYTES) {
		if (memcmp(keys + at - KEY_BYTES, keys + at, KEY_BYTES) >= 0) {
			return false;
		}
	}
	return true;
}

static uint32_t validate(const quoin_validation_request *r) {
	static const uint8_t nobody[KEY_BYTES];
	const uint8_t *keys = quoin_validation_params(r);
	if (!ordered(keys, r->p)) {
		return BAD_LIST;
	}
	if (memcmp(r->sender, nobody, KEY_BYTES) == 0) {
		return NOBODY;
	}
	uint32_t low = 0, high = r->p / KEY_BYTES;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		int order = memcmp(keys + middle * KEY_BYTES, r->sender, KEY_BYTES);
		if (order == 0) {
			return ACCEPTED;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return STRANGER;
}

QUOIN_VALIDATION(validate)
