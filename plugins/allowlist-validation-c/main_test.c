#include "quoin/test.h"

#include "main.c"

int main(void) {
	quoin_validation_request *r = quoin_test_request(QUOIN_VALIDATION_REQUEST_MAX);
	uint8_t *keys = (uint8_t *)quoin_validation_params(r);
	quoin_expect(validate(r) == NOBODY);
	r->sender[0] = 2;
	quoin_expect(validate(r) == STRANGER);
	r->p = 3 * KEY_BYTES;
	keys[0] = 1;
	keys[KEY_BYTES] = 2;
	keys[2 * KEY_BYTES] = 3;
	quoin_expect(validate(r) == ACCEPTED);
	r->sender[31] = 1;
	quoin_expect(validate(r) == STRANGER);
	keys[0] = 2;
	quoin_expect(validate(r) == BAD_LIST);
	r->p = KEY_BYTES + 1;
	quoin_expect(validate(r) == BAD_LIST);
	return quoin_test_end();
}
