#include "quoin/test.h"

#include "main.c"

static const uint8_t alice[32] = {1}, bob[32] = {2};

// payload writes an operation and its numbers, and returns its length.
static uint32_t payload(uint8_t *to, uint8_t operation, uint32_t count, const int64_t *numbers) {
	to[0] = operation;
	for (uint32_t i = 0; i < count; i++) {
		quoin_store_be64(to + 1 + 8 * i, (uint64_t)numbers[i]);
	}
	return 1 + 8 * count;
}

static uint32_t do_as(const uint8_t *sender, uint8_t operation, uint32_t count, const int64_t *numbers) {
	uint8_t p[64];
	return quoin_test_apply(sender, p, payload(p, operation, count, numbers))->code;
}

#define DO(sender, operation, ...) \
	do_as(sender, operation, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

// holds reports whether an account has such balances.
static bool holds(int64_t number, int64_t savings, int64_t checking) {
	uint8_t p[16];
	const quoin_test_result *got = quoin_test_query(p, payload(p, QUERY_BALANCE, 1, &number));
	return got->code == DONE && got->output_length == ACCOUNT_BYTES &&
		(int64_t)quoin_load_be64(got->output + OWNER_BYTES) == savings && (int64_t)quoin_load_be64(got->output + OWNER_BYTES + 8) == checking;
}

static void money_moves_and_is_kept(void) {
	quoin_expect(DO(alice, CREATE_ACCOUNT, 1, 100, 50) == DONE);
	quoin_expect(DO(alice, CREATE_ACCOUNT, 1, 0, 0) == EXISTS);
	quoin_expect(DO(bob, CREATE_ACCOUNT, 2, 0, 0) == DONE);
	quoin_expect(DO(bob, SEND_PAYMENT, 1, 2, 10) == NOT_OWNER);
	quoin_expect(DO(alice, SEND_PAYMENT, 1, 2, 51) == INSUFFICIENT);
	quoin_expect(DO(alice, SEND_PAYMENT, 1, 2, 50) == DONE);
	quoin_expect(holds(1, 100, 0) && holds(2, 0, 50));
	quoin_expect(DO(bob, WRITE_CHECK, 2, 60) == DONE); // an overdraft, with its penalty
	quoin_expect(holds(2, 0, -11));
	quoin_expect(DO(bob, AMALGAMATE, 2, 1) == INSUFFICIENT);
	quoin_expect(DO(alice, AMALGAMATE, 1, 2) == DONE);
	quoin_expect(holds(1, 0, 0) && holds(2, 0, 89));
}

static void balances_do_not_wrap_round(void) {
	quoin_expect(DO(alice, CREATE_ACCOUNT, 3, 0, INT64_MAX) == DONE);
	quoin_expect(DO(alice, DEPOSIT_CHECKING, 3, 1) == OVERFLOW);
	quoin_expect(DO(alice, TRANSACT_SAVINGS, 3, INT64_MIN) == INSUFFICIENT);
	quoin_expect(DO(alice, DEPOSIT_CHECKING, 9, 1) == NO_ACCOUNT);
	quoin_expect(DO(alice, DEPOSIT_CHECKING, 3, -1) == NEGATIVE);
	quoin_expect(holds(3, 0, INT64_MAX));
}

int main(void) {
	money_moves_and_is_kept();
	balances_do_not_wrap_round();
	quoin_expect(quoin_test_apply(alice, "\7", 1)->code == MALFORMED);
	return quoin_test_end();
}
