#include "quoin/test.h"

#include "main.c"

int main(void) {
	quoin_priority_request *r = quoin_test_request(QUOIN_PRIORITY_REQUEST_MAX);
	quoin_expect(priority(r) == 0);
	r->q = 100;
	quoin_store_le64(r->payload, 100);
	quoin_expect(priority(r) == 1 << 16);
	quoin_store_le64(r->payload, 50);
	quoin_expect(priority(r) == 1 << 15);
	quoin_store_le64(r->payload, UINT64_MAX);
	quoin_expect(priority(r) == UINT64_MAX);
	r->p = 8; // an offset of 1, and a namespace
	r->n = 4;
	memcpy(r->payload + 100, "\1\0\0\0bankbank", 12);
	quoin_store_le64(r->payload + 1, 250);
	quoin_expect(priority(r) == 5 << 15);
	r->payload[108] = 'B';
	quoin_expect(priority(r) == 0);
	r->q = 7;
	r->p = 0;
	quoin_expect(priority(r) == 0);
	return quoin_test_end();
}
