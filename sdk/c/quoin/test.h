// test.h stands for the host in an author's tests: a state in memory, calls, and what they
// answered. A test is a program that includes it and the plugin itself:
//
//	#include "quoin/test.h"
//
//	#include "main.c"
//
//	int main(void) {
//		quoin_expect(quoin_test_apply(alice, "claim quoin", 11)->code == DONE);
//		return quoin_test_end();
//	}
//
//	cc -I. -o main_test main_test.c quoin/runtime.c quoin/draw.c && ./main_test
//
// Where the host would end a call in a fault, the program ends with a message. Variables keep
// what a call left in them: in the sandbox they do not.
#ifndef QUOIN_TEST_H
#define QUOIN_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include "leader.h"
#include "machine.h"

// quoin_expect counts and tells a condition that does not hold.
#define quoin_expect(condition) \
	((condition) ? (void)0 : (void)(quoin_test.failures++, fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition)))

// quoin_test_result is how a call ended; it lasts until the next one.
typedef struct quoin_test_result {
	uint32_t code;
	const uint8_t *output;
	uint32_t output_length;
	uint32_t events; // of a transaction that was not refused
	uint8_t event[QUOIN_EVENT_MAX]; // the last of them
	uint32_t event_length;
} quoin_test_result;

typedef struct quoin_test_entry {
	struct quoin_test_entry *next; // of a greater key
	uint32_t key_length, value_length;
	uint8_t bytes[]; // key and value
} quoin_test_entry;

static struct {
	quoin_operation *operations;
	quoin_test_entry *state; // keys ascending
	uint8_t request[QUOIN_APPLY_REQUEST_MAX];
	uint32_t request_length;
	uint8_t response[4 + QUOIN_QUERY_OUTPUT_MAX];
	bool answered, writable;
	quoin_test_result result;
	int failures;
} quoin_test;

// quoin_test_end says how the test went; main returns it.
static inline int quoin_test_end(void) {
	if (quoin_test.failures > 0) {
		printf("%d failed\n", quoin_test.failures);
		return 1;
	}
	printf("ok\n");
	return 0;
}

// quoin_test_require ends the program where the host would end the call in a fault.
static inline void quoin_test_require(bool holds, const char *fault) {
	if (!holds) {
		fprintf(stderr, "the host would end this call in the fault %s\n", fault);
		exit(1);
	}
}

static inline quoin_test_entry *quoin_test_entry_of(quoin_test_entry *next, const void *key, uint32_t key_length, const void *value, uint32_t value_length) {
	quoin_test_entry *e = malloc(sizeof *e + key_length + value_length);
	quoin_test_require(e != NULL, "memory");
	e->next = next;
	e->key_length = key_length;
	e->value_length = value_length;
	memcpy(e->bytes, key, key_length);
	memcpy(e->bytes + key_length, value, value_length);
	return e;
}

// quoin_test_seek returns the place of the first entry whose key is not below the key.
static inline quoin_test_entry **quoin_test_seek(const void *key, uint32_t length) {
	quoin_test_entry **at = &quoin_test.state;
	for (; *at != NULL; at = &(*at)->next) {
		uint32_t n = (*at)->key_length;
		int order = memcmp((*at)->bytes, key, n < length ? n : length);
		if (order > 0 || (order == 0 && n >= length)) {
			break;
		}
	}
	return at;
}

// quoin_test_find returns the place of a key's entry, or NULL.
static inline quoin_test_entry **quoin_test_find(const void *key, uint32_t length) {
	quoin_test_require(length >= 1 && length <= QUOIN_KEY_MAX, "limit: a key");
	quoin_test_entry **at = quoin_test_seek(key, length);
	return *at != NULL && quoin_same((*at)->bytes, (*at)->key_length, key, length) ? at : NULL;
}

void quoin_register(quoin_operation *o, const char *name, int32_t (*call)(void)) {
	*o = (quoin_operation){.name = name, .call = call, .next = quoin_test.operations};
	quoin_test.operations = o;
}

uint32_t quoin_input(void *buffer, uint32_t capacity) {
	if (quoin_test.request_length <= capacity) {
		memcpy(buffer, quoin_test.request, quoin_test.request_length);
	}
	return quoin_test.request_length;
}

void quoin_output(const void *response, uint32_t length) {
	quoin_test_require(!quoin_test.answered && length >= 4 && length <= sizeof quoin_test.response, "output");
	quoin_test.answered = true;
	memcpy(quoin_test.response, response, length);
	quoin_test.result.output_length = length - 4;
}

int32_t quoin_state_get(const void *key, uint32_t key_length, void *value, uint32_t capacity) {
	quoin_test_entry **e = quoin_test_find(key, key_length);
	if (e == NULL) {
		return -1;
	}
	if ((*e)->value_length > 0 && (*e)->value_length <= capacity) {
		memcpy(value, (*e)->bytes + key_length, (*e)->value_length);
	}
	return (int32_t)(*e)->value_length;
}

void quoin_state_delete(const void *key, uint32_t key_length) {
	quoin_test_require(quoin_test.writable, "import: a query writes");
	quoin_test_entry **e = quoin_test_find(key, key_length);
	if (e != NULL) {
		quoin_test_entry *gone = *e;
		*e = gone->next;
		free(gone);
	}
}

void quoin_state_put(const void *key, uint32_t key_length, const void *value, uint32_t value_length) {
	quoin_test_require(value_length <= QUOIN_VALUE_MAX, "limit: a value");
	quoin_state_delete(key, key_length);
	quoin_test_entry **at = quoin_test_seek(key, key_length);
	*at = quoin_test_entry_of(*at, key, key_length, value, value_length);
}

int32_t quoin_state_scan(const void *start, uint32_t start_length, const void *end, uint32_t end_length, uint32_t limit, void *buffer, uint32_t capacity) {
	const quoin_test_entry *stop = end_length == 0 ? NULL : *quoin_test_seek(end, end_length);
	const quoin_test_entry *e = *quoin_test_seek(start, start_length);
	uint32_t at = 0;
	for (; e != stop && e != NULL && limit > 0; e = e->next, limit--) {
		uint32_t n = e->key_length + e->value_length;
		if (at + 8 + n > capacity) {
			return at > 0 ? (int32_t)at : -(int32_t)(8 + n);
		}
		memcpy((uint8_t *)buffer + at, &e->key_length, 4);
		memcpy((uint8_t *)buffer + at + 4, &e->value_length, 4);
		memcpy((uint8_t *)buffer + at + 8, e->bytes, n);
		at += 8 + n;
	}
	return (int32_t)at;
}

void quoin_emit(const void *event, uint32_t length) {
	quoin_test_require(quoin_test.writable, "import: a query emits");
	quoin_test_require(length <= QUOIN_EVENT_MAX && quoin_test.result.events < QUOIN_EVENTS_MAX, "limit: an event");
	quoin_test.result.events++;
	quoin_test.result.event_length = length;
	memcpy(quoin_test.result.event, event, length);
}

void quoin_log(const void *message, uint32_t length) { fprintf(stderr, "log: %.*s\n", (int)length, (const char *)message); }

uint32_t quoin_granted(const void *name, uint32_t length) {
	return quoin_same(name, length, "state", 5) || quoin_same(name, length, "events", 6);
}

uint32_t quoin_batch_next(void) { return 0; }

// Nothing of the chain is granted here.

int32_t quoin_foreign_get(const void *namespace, uint32_t namespace_length, const void *key, uint32_t key_length, void *value, uint32_t capacity) {
	(void)namespace, (void)namespace_length, (void)key, (void)key_length, (void)value, (void)capacity;
	quoin_test_require(false, "import: foreign");
	return -1;
}

int32_t quoin_history_get(uint64_t height, quoin_ancestor *ancestor, uint32_t capacity) {
	(void)height, (void)ancestor, (void)capacity;
	quoin_test_require(false, "import: history");
	return -1;
}

int32_t quoin_proof_get(const void *key, uint32_t key_length, void *proof, uint32_t capacity) {
	(void)key, (void)key_length, (void)proof, (void)capacity;
	quoin_test_require(false, "import: proof");
	return -1;
}

void quoin_beacon(uint8_t random[32]) {
	(void)random;
	quoin_test_require(false, "import: beacon");
}

// quoin_test_call calls an operation with the request that is there.
static inline const quoin_test_result *quoin_test_call(const char *operation) {
	const quoin_operation *o = quoin_test.operations;
	while (o != NULL && strcmp(o->name, operation) != 0) {
		o = o->next;
	}
	quoin_test_require(o != NULL, "missing: the plugin does not serve the operation");
	quoin_test.answered = false;
	quoin_test.result.events = 0;
	quoin_test_require(o->call() == QUOIN_OK, "status");
	quoin_test_require(quoin_test.answered, "output");
	memcpy(&quoin_test.result.code, quoin_test.response, 4);
	quoin_test.result.output = quoin_test.response + 4;
	return &quoin_test.result;
}

// quoin_test_apply applies a transaction, at height 1, as the host does: what it wrote and
// emitted is dropped when it is refused.
static inline const quoin_test_result *quoin_test_apply(const uint8_t sender[32], const void *payload, uint32_t length) {
	quoin_test_require(length <= QUOIN_PAYLOAD_MAX, "input");
	quoin_apply_request r = {.q = length, .height = 1};
	memcpy(r.sender, sender, sizeof r.sender);
	memcpy(quoin_test.request, &r, sizeof r);
	memcpy(quoin_test.request + sizeof r, payload, length);
	quoin_test.request_length = (uint32_t)sizeof r + length;
	quoin_test_entry *before = NULL, **last = &before;
	for (const quoin_test_entry *e = quoin_test.state; e != NULL; e = e->next) {
		*last = quoin_test_entry_of(NULL, e->bytes, e->key_length, e->bytes + e->key_length, e->value_length);
		last = &(*last)->next;
	}
	quoin_test.writable = true;
	quoin_test_call("machine.v1.apply");
	quoin_test.writable = false;
	if (quoin_test.result.code != 0) {
		quoin_test_entry *written = quoin_test.state;
		quoin_test.state = before;
		before = written;
		quoin_test.result.events = 0;
	}
	while (before != NULL) {
		quoin_test_entry *e = before;
		before = e->next;
		free(e);
	}
	return &quoin_test.result;
}

// quoin_test_query asks the machine.
static inline const quoin_test_result *quoin_test_query(const void *payload, uint32_t length) {
	quoin_test_require(length <= QUOIN_PAYLOAD_MAX, "input");
	quoin_query_request r = {.q = length, .height = 1};
	memcpy(quoin_test.request, &r, sizeof r);
	memcpy(quoin_test.request + sizeof r, payload, length);
	quoin_test.request_length = (uint32_t)sizeof r + length;
	return quoin_test_call("machine.v1.query");
}

// quoin_test_request returns so many zeroed bytes to lay a request over. They last until the program
// ends.
static inline void *quoin_test_request(size_t size) {
	void *r = calloc(1, size);
	quoin_test_require(r != NULL, "memory");
	return r;
}

// quoin_test_leader_request returns a request of n validators of weight 1 with a window of m
// blocks, one in each view, which the validators proposed in turn and all signed. A test
// changes in it what it is about.
static inline quoin_leader_request *quoin_test_leader_request(uint32_t n, uint32_t m) {
	uint32_t words = (n + 63) / 64, stride = 32 + 8 * words;
	quoin_leader_request *r = quoin_test_request(QUOIN_LEADER_REQUEST_MAX);
	quoin_test_require(n >= 1 && n <= QUOIN_VALIDATORS_MAX && m <= QUOIN_WINDOW_MAX, "input");
	r->n = n;
	r->m = m;
	r->stride = stride;
	r->epoch = 1;
	r->view = m + 1;
	r->parent_height = r->parent_view = m;
	for (uint32_t i = 0; i < n; i++) {
		r->validators[i].weight = 1;
		memcpy(r->validators[i].key, &i, 4);
	}
	for (uint32_t j = 0; j < m; j++) {
		quoin_block *b = (quoin_block *)quoin_window_block(r, j);
		b->height = b->view = m - j;
		b->proposer = (uint32_t)(b->view % n);
		for (uint32_t i = 0; i < n; i++) {
			b->voters[i / 64] |= (uint64_t)1 << i % 64;
		}
	}
	return r;
}

#endif
