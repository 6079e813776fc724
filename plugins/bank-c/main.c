// The bank in C: its state, operations, codes and rules are told in package smallbank beside
// plugins/bank, which gives the same results.
#include "quoin/machine.h"

// Codes of the machine. A code other than DONE changes nothing.
enum {
	DONE,
	MALFORMED,     // the payload is no operation or query
	NO_ACCOUNT,    // an account that does not exist
	EXISTS,        // CREATE_ACCOUNT of an account that does
	NEGATIVE,      // an amount below 0 where none may be
	INSUFFICIENT,  // not enough money
	OVERFLOW,      // a balance would leave the range of 64 bits
	NOT_OWNER,     // the sender does not own the account
	NOT_ISSUER,    // the sender may not bring money in
	SAME_ACCOUNT,  // from and to are one account
	MISCONFIGURED, // the binding's parameters are neither empty nor a key
};

enum { CREATE_ACCOUNT = 1, DEPOSIT_CHECKING, TRANSACT_SAVINGS, AMALGAMATE, WRITE_CHECK, SEND_PAYMENT };

enum { QUERY_BALANCE = 1, QUERY_ACCOUNTS };

enum { KEY_BYTES = 9, OWNER_BYTES = 32, ACCOUNT_BYTES = OWNER_BYTES + 8 + 8 };

typedef struct account {
	uint8_t owner[OWNER_BYTES];
	int64_t savings, checking;
} account;

// transaction is one call of apply. Its first refusal stays; the host then drops the writes.
typedef struct transaction {
	const quoin_apply_request *r;
	quoin_writer *output;
	uint32_t code;
} transaction;

static void refuse(transaction *t, uint32_t code) {
	if (t->code == DONE) {
		t->code = code;
	}
}

static void account_key(uint8_t key[KEY_BYTES], uint64_t number) {
	key[0] = 'a';
	quoin_store_be64(key + 1, number);
}

// The machine alone writes its namespace, so a value of another length is not there.
static void load(transaction *t, uint64_t number, account *a) {
	uint8_t key[KEY_BYTES], value[ACCOUNT_BYTES];
	memset(a, 0, sizeof *a);
	if (t->code != DONE) {
		return;
	}
	account_key(key, number);
	if (quoin_state_get(key, sizeof key, value, sizeof value) != ACCOUNT_BYTES) {
		refuse(t, NO_ACCOUNT);
		return;
	}
	memcpy(a->owner, value, OWNER_BYTES);
	a->savings = (int64_t)quoin_load_be64(value + OWNER_BYTES);
	a->checking = (int64_t)quoin_load_be64(value + OWNER_BYTES + 8);
}

static void store(transaction *t, uint64_t number, const account *a) {
	uint8_t key[KEY_BYTES], value[ACCOUNT_BYTES];
	if (t->code != DONE) {
		return;
	}
	account_key(key, number);
	memcpy(value, a->owner, OWNER_BYTES);
	quoin_store_be64(value + OWNER_BYTES, (uint64_t)a->savings);
	quoin_store_be64(value + OWNER_BYTES + 8, (uint64_t)a->checking);
	quoin_state_put(key, sizeof key, value, sizeof value);
	quoin_write(t->output, value + OWNER_BYTES, 16);
}

// own refuses a sender who does not own the account.
static void own(transaction *t, const account *a) {
	if (memcmp(a->owner, t->r->sender, OWNER_BYTES) != 0) {
		refuse(t, NOT_OWNER);
	}
}

// issue refuses a sender who may not bring money in.
static void issue(transaction *t) {
	if (t->r->p == OWNER_BYTES && memcmp(quoin_apply_params(t->r), t->r->sender, OWNER_BYTES) != 0) {
		refuse(t, NOT_ISSUER);
	}
}

// add returns x+y, or refuses.
static int64_t add(transaction *t, int64_t x, int64_t y) {
	int64_t sum;
	if (__builtin_add_overflow(x, y, &sum)) {
		refuse(t, OVERFLOW);
		return 0;
	}
	return sum;
}

// subtract returns x−y, or refuses.
static int64_t subtract(transaction *t, int64_t x, int64_t y) {
	int64_t difference;
	if (__builtin_sub_overflow(x, y, &difference)) {
		refuse(t, OVERFLOW);
		return 0;
	}
	return difference;
}

// covers reports whether savings and checking together are at least the amount, of at least 0,
// without ever forming a sum that does not fit.
static bool covers(const account *a, int64_t amount) {
	if (a->checking >= amount) {
		return true; // savings are never negative
	}
	if (a->checking >= 0 || amount <= INT64_MAX + a->checking) {
		return a->savings >= amount - a->checking;
	}
	return false; // the shortfall is more than any savings
}

static void create_account(transaction *t, uint64_t number, int64_t savings, int64_t checking) {
	account a = {.savings = savings, .checking = checking};
	uint8_t key[KEY_BYTES];
	if (savings < 0 || checking < 0) {
		refuse(t, NEGATIVE);
	}
	if (savings > 0 || checking > 0) {
		issue(t);
	}
	account_key(key, number);
	if (quoin_state_get(key, sizeof key, NULL, 0) >= 0) {
		refuse(t, EXISTS);
	}
	memcpy(a.owner, t->r->sender, OWNER_BYTES);
	store(t, number, &a);
}

static void deposit_checking(transaction *t, uint64_t number, int64_t amount) {
	account a;
	if (amount < 0) {
		refuse(t, NEGATIVE);
	}
	issue(t);
	load(t, number, &a);
	a.checking = add(t, a.checking, amount);
	store(t, number, &a);
}

static void transact_savings(transaction *t, uint64_t number, int64_t amount) {
	account a;
	load(t, number, &a);
	if (amount < 0) {
		own(t, &a);
	} else {
		issue(t);
	}
	a.savings = add(t, a.savings, amount);
	if (a.savings < 0) {
		refuse(t, INSUFFICIENT);
	}
	store(t, number, &a);
}

// move stores both accounts and tells who follows the chain.
static void move(transaction *t, uint64_t from, uint64_t to, const account *a, const account *b, int64_t amount) {
	uint8_t event[24];
	store(t, from, a);
	store(t, to, b);
	if (t->code != DONE) {
		return;
	}
	quoin_store_be64(event, from);
	quoin_store_be64(event + 8, to);
	quoin_store_be64(event + 16, (uint64_t)amount);
	quoin_emit(event, sizeof event);
}

static void amalgamate(transaction *t, uint64_t from, uint64_t to) {
	account a, b;
	if (from == to) {
		refuse(t, SAME_ACCOUNT);
		return;
	}
	load(t, from, &a);
	load(t, to, &b);
	own(t, &a);
	// One sum after the other, so that an overflow on the way is refused, not wrapped.
	int64_t amount = add(t, a.savings, a.checking);
	if (amount < 0) {
		refuse(t, INSUFFICIENT); // an overdraft is nobody's to give away
	}
	a.savings = a.checking = 0;
	b.checking = add(t, b.checking, amount);
	move(t, from, to, &a, &b, amount);
}

static void write_check(transaction *t, uint64_t number, int64_t amount) {
	account a;
	if (amount < 0) {
		refuse(t, NEGATIVE);
		return;
	}
	load(t, number, &a);
	own(t, &a);
	int64_t penalty = covers(&a, amount) ? 0 : 1;
	a.checking = subtract(t, subtract(t, a.checking, amount), penalty);
	store(t, number, &a);
}

static void send_payment(transaction *t, uint64_t from, uint64_t to, int64_t amount) {
	account a, b;
	if (amount < 0) {
		refuse(t, NEGATIVE);
		return;
	}
	if (from == to) {
		refuse(t, SAME_ACCOUNT);
		return;
	}
	load(t, from, &a);
	load(t, to, &b);
	own(t, &a);
	if (a.checking < amount) {
		refuse(t, INSUFFICIENT);
		return;
	}
	a.checking -= amount;
	b.checking = add(t, b.checking, amount);
	move(t, from, to, &a, &b, amount);
}

static uint32_t apply(const quoin_apply_request *r, quoin_writer *output) {
	static const uint8_t arity[] = {[CREATE_ACCOUNT] = 3, [DEPOSIT_CHECKING] = 2, [TRANSACT_SAVINGS] = 2, [AMALGAMATE] = 2, [WRITE_CHECK] = 2, [SEND_PAYMENT] = 3};
	transaction t = {.r = r, .output = output};
	uint64_t n[3];
	if (r->p != 0 && r->p != OWNER_BYTES) {
		return MISCONFIGURED;
	}
	uint8_t operation = r->q < 1 ? 0 : r->payload[0];
	if (operation < CREATE_ACCOUNT || operation > SEND_PAYMENT || r->q != 1 + 8 * (uint32_t)arity[operation]) {
		return MALFORMED;
	}
	for (uint32_t i = 0; i < arity[operation]; i++) {
		n[i] = quoin_load_be64(r->payload + 1 + 8 * i);
	}
	switch (operation) {
	case CREATE_ACCOUNT:
		create_account(&t, n[0], (int64_t)n[1], (int64_t)n[2]);
		break;
	case DEPOSIT_CHECKING:
		deposit_checking(&t, n[0], (int64_t)n[1]);
		break;
	case TRANSACT_SAVINGS:
		transact_savings(&t, n[0], (int64_t)n[1]);
		break;
	case AMALGAMATE:
		amalgamate(&t, n[0], n[1]);
		break;
	case WRITE_CHECK:
		write_check(&t, n[0], (int64_t)n[1]);
		break;
	case SEND_PAYMENT:
		send_payment(&t, n[0], n[1], (int64_t)n[2]);
		break;
	}
	if (t.code != DONE) {
		output->length = 0;
	}
	return t.code;
}

static uint32_t query_balance(const quoin_query_request *r, quoin_writer *output) {
	uint8_t key[KEY_BYTES], value[ACCOUNT_BYTES];
	account_key(key, quoin_load_be64(r->payload + 1));
	if (quoin_state_get(key, sizeof key, value, sizeof value) != ACCOUNT_BYTES) {
		return NO_ACCOUNT;
	}
	quoin_write(output, value, sizeof value);
	return DONE;
}

static uint32_t query_accounts(const quoin_query_request *r, quoin_writer *output) {
	uint8_t start[KEY_BYTES], end[] = {'a' + 1}, page[1024];
	uint32_t limit = (uint32_t)r->payload[9] << 8 | r->payload[10];
	quoin_scan s;
	account_key(start, quoin_load_be64(r->payload + 1));
	quoin_scan_begin(&s, start, sizeof start, end, sizeof end, page, sizeof page);
	while (quoin_scan_next(&s) && limit > 0 && s.key_length - 1 + s.value_length <= quoin_room(output)) {
		limit--;
		quoin_write(output, s.key + 1, s.key_length - 1);
		quoin_write(output, s.value, s.value_length);
	}
	return DONE;
}

static uint32_t query(const quoin_query_request *r, quoin_writer *output) {
	if (r->q == 9 && r->payload[0] == QUERY_BALANCE) {
		return query_balance(r, output);
	}
	if (r->q == 11 && r->payload[0] == QUERY_ACCOUNTS) {
		return query_accounts(r, output);
	}
	return MALFORMED;
}

QUOIN_MACHINE(apply, query)
