#include "quoin/test.h"

#include "main.c"

static void the_silent_do_not_lead(void) {
	quoin_leader_request *r = quoin_test_leader_request(4, 20);
	for (uint32_t j = 0; j < 8; j++) { // the default window
		((quoin_block *)quoin_window_block(r, j))->voters[0] = 0x7;
	}
	for (r->view = 21; r->view < 200; r->view++) {
		uint32_t proposer = lead(r);
		quoin_expect(proposer < 3);
		quoin_expect(proposer != quoin_window_block(r, 0)->proposer); // has just led
	}
}

static void without_a_window_they_take_turns(void) {
	quoin_leader_request *r = quoin_test_leader_request(4, 7);
	for (r->view = 9; r->view < 20; r->view++) {
		quoin_expect(lead(r) == quoin_turn(r) % 4);
	}
}

int main(void) {
	the_silent_do_not_lead();
	without_a_window_they_take_turns();
	return quoin_test_end();
}
