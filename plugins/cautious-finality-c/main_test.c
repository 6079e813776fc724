#include "quoin/test.h"

#include "main.c"

int main(void) {
	quoin_finality_request *r = quoin_test_request(sizeof *r + QUOIN_PARAMS_MAX);
	quoin_expect(delay(r).blocks == 0 && delay(r).milliseconds == 0);
	r->view_gap = 3;
	quoin_expect(delay(r).blocks == 6 && delay(r).milliseconds == 5000);
	r->view_gap = UINT64_MAX;
	quoin_expect(delay(r).blocks == BLOCKS_MAX);
	r->p = 8;
	quoin_expect(delay(r).blocks == 0); // a factor of 0
	r->params[3] = 0xff;
	r->params[4] = 9;
	quoin_expect(delay(r).blocks == BLOCKS_MAX && delay(r).milliseconds == 9);
	return quoin_test_end();
}
