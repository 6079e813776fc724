// The probe in C: it does what its transactions say, as package probe of the Go SDK tells.
#include "quoin/machine.h"

enum { GET, PUT, DELETE, SCAN, EMIT, LOG, REFUSE, PANIC, OUTPUT, LOOP };

// parser reads a program; at its end it reads zeros.
typedef struct parser {
	const uint8_t *rest;
	uint32_t left;
} parser;

static uint8_t take_byte(parser *p) {
	if (p->left == 0) {
		return 0;
	}
	p->left--;
	return *p->rest++;
}

static uint32_t take_number(parser *p) {
	uint32_t high = take_byte(p);
	return high << 8 | take_byte(p);
}

typedef struct bytes {
	uint8_t *at;
	uint32_t length;
} bytes;

static bytes take_bytes(parser *p) {
	bytes b = {.length = take_number(p)};
	b.at = quoin_alloc(b.length);
	for (uint32_t i = 0; i < b.length; i++) {
		b.at[i] = take_byte(p);
	}
	return b;
}

// Outputs are collected here: they are made short when they grow long.
static struct {
	uint8_t bytes[2048];
	uint32_t length;
} collected;

static void add_be32(uint32_t v) {
	for (int shift = 24; shift >= 0; shift -= 8) {
		collected.bytes[collected.length++] = (uint8_t)(v >> shift);
	}
}

// digest appends the length and a checksum of the ends.
static void digest(const uint8_t *b, uint32_t n) {
	uint32_t sum = 2166136261u;
	for (uint32_t i = 0; i < n && i < 16; i++) {
		sum = (sum ^ b[i]) * 16777619;
	}
	for (uint32_t i = n < 16 ? 0 : n - 16; i < n; i++) {
		sum = (sum ^ b[i]) * 16777619;
	}
	add_be32(n);
	add_be32(sum);
}

// shorten makes one digest of what has grown beyond a length.
static void shorten(uint32_t most) {
	if (collected.length > most) {
		uint32_t n = collected.length;
		uint8_t *whole = quoin_alloc(n);
		memcpy(whole, collected.bytes, n);
		collected.length = 0;
		digest(whole, n);
	}
}

static void get(parser *p) {
	bytes key = take_bytes(p);
	int32_t n = quoin_state_get(key.at, key.length, NULL, 0);
	if (n < 0) {
		digest(NULL, 0);
		collected.bytes[collected.length++] = 'n';
		return;
	}
	uint8_t *value = quoin_alloc((uint32_t)n);
	quoin_state_get(key.at, key.length, value, (uint32_t)n);
	digest(value, (uint32_t)n);
}

static void scan(parser *p) {
	enum { PAGE = 8 + QUOIN_KEY_MAX + QUOIN_VALUE_MAX };
	bytes start = take_bytes(p), end = take_bytes(p);
	bool has_end = take_byte(p) != 0;
	uint32_t most = take_number(p);
	quoin_scan s;
	quoin_scan_begin(&s, start.at, start.length, end.at, has_end ? end.length : 0, quoin_alloc(PAGE), PAGE);
	while (quoin_scan_next(&s) && most-- > 0) {
		digest(s.key, s.key_length);
		digest(s.value, s.value_length);
		if (collected.length > sizeof collected.bytes - 32) {
			__builtin_trap(); // the tests' namespaces are smaller
		}
	}
}

static uint32_t run(parser p, bool writes, quoin_writer *output) {
	collected.length = 0;
	while (p.left > 0) {
		bytes key;
		switch (take_byte(&p)) {
		case GET:
			get(&p);
			break;
		case PUT: {
			key = take_bytes(&p);
			uint8_t fill = take_byte(&p);
			uint32_t n = take_number(&p);
			uint8_t *value = quoin_alloc(n);
			memset(value, fill, n);
			if (writes) {
				quoin_state_put(key.at, key.length, value, n);
			}
			break;
		}
		case DELETE:
			key = take_bytes(&p);
			if (writes) {
				quoin_state_delete(key.at, key.length);
			}
			break;
		case SCAN:
			scan(&p);
			break;
		case EMIT:
			key = take_bytes(&p);
			if (writes) {
				quoin_emit(key.at, key.length);
			}
			break;
		case LOG:
			key = take_bytes(&p);
			quoin_log(key.at, key.length);
			break;
		case REFUSE: {
			uint32_t code = take_number(&p);
			quoin_write(output, collected.bytes, collected.length);
			return code;
		}
		case PANIC:
			__builtin_trap();
		case OUTPUT: {
			uint32_t n = 2 * take_number(&p);
			quoin_write(output, quoin_alloc(n), n);
			return 0;
		}
		case LOOP:
			for (volatile uint32_t n = 1; n != 0; n = n * 3) {
			}
			return 9; // never: a power of 3 is odd
		}
		shorten(1024);
	}
	quoin_write(output, collected.bytes, collected.length);
	return 0;
}

static uint32_t apply(const quoin_apply_request *r, quoin_writer *output) {
	return run((parser){r->payload, r->q}, true, output);
}

static uint32_t query(const quoin_query_request *r, quoin_writer *output) {
	return run((parser){r->payload, r->q}, false, output);
}

QUOIN_MACHINE(apply, query)
