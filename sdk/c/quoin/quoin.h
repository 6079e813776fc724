// quoin.h is the module's side of the sandbox: the host functions of quoin.v1 and what every
// plugin in C uses. The messages of a hook are in the header of its name: leader.h, machine.h,
// validation.h, finality.h, pacemaker.h, priority.h.
//
// # Bytes
//
// A message is a flat header of little-endian integers and byte arrays with its variable parts
// behind it. The headers lay structs over those bytes: nothing is decoded and nothing is
// allocated. The host checks every request before a plugin sees it, and every response.
//
// # A call
//
// A call starts from the memory as it was after initialisation. It ends when the handler
// returns, or in a fault: a trap, a limit, no fuel left. Where this header says "fault", the
// function does not return. Everything a handler does must follow from its request and what
// the host functions give. All nodes run one module and so agree even on what C leaves undefined,
// but another compiler, or a native test, may decide it differently.
//
// # Two builds
//
// The same source is compiled to WebAssembly and natively, for tests: there serve.c or test.h
// stand for the host.
#ifndef QUOIN_H
#define QUOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define QUOIN_IMPORT(name) __attribute__((import_module("quoin.v1"), import_name(name)))
#define QUOIN_EXPORT(operation, function) \
	__attribute__((export_name(operation))) int32_t function(void)
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *text);
#else
#include <string.h>
#define QUOIN_IMPORT(name)
// Natively an operation is registered before main, under the name of its export.
#define QUOIN_EXPORT(operation, function) \
	int32_t function(void); \
	__attribute__((constructor)) static void function##_register(void) { \
		static quoin_operation o; \
		quoin_register(&o, operation, function); \
	} \
	int32_t function(void)
typedef struct quoin_operation {
	const char *name;
	int32_t (*call)(void);
	struct quoin_operation *next;
} quoin_operation;
void quoin_register(quoin_operation *o, const char *name, int32_t (*call)(void));
#endif

// QUOIN_OVERLAY marks a struct that is laid over bytes: the compiler must not conclude that it lies
// elsewhere than what is written as bytes.
#define QUOIN_OVERLAY __attribute__((may_alias))

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "messages are laid over memory as they are, little-endian");

// Limits of the host, in bytes where nothing else is said. To break one is a fault, but for the log's.
enum {
	QUOIN_KEY_MAX = 256,       // of a key, which has at least 1
	QUOIN_VALUE_MAX = 65536,   // of a value
	QUOIN_EVENT_MAX = 4096,    // of an event
	QUOIN_EVENTS_MAX = 64,     // events of a transaction
	QUOIN_LOG_MAX = 4096,      // that a call may log; the rest is dropped
	QUOIN_PARAMS_MAX = 4096,   // of a binding's parameters
	QUOIN_PAYLOAD_MAX = 65536, // of a transaction's or query's payload
	QUOIN_PROOF_MAX = 98304,   // of a proof
};

// The host functions. One that fills a buffer writes nothing if the capacity is too small, and
// returns the length that is needed.

// The request of the call. Handlers get it already.
QUOIN_IMPORT("input") uint32_t quoin_input(void *buffer, uint32_t capacity);
// The response of the call, once. Handlers return theirs.
QUOIN_IMPORT("output") void quoin_output(const void *response, uint32_t length);
// In a batch operation: 1 if there is another request, which input then gives; else 0.
QUOIN_IMPORT("batch_next") uint32_t quoin_batch_next(void);

// The value's length, or -1 where there is no such key. These four need the capability "state".
QUOIN_IMPORT("state_get") int32_t quoin_state_get(const void *key, uint32_t key_length, void *value, uint32_t capacity);
QUOIN_IMPORT("state_put") void quoin_state_put(const void *key, uint32_t key_length, const void *value, uint32_t value_length);
QUOIN_IMPORT("state_delete") void quoin_state_delete(const void *key, uint32_t key_length);
// Use quoin_scan_next instead.
QUOIN_IMPORT("state_scan") int32_t quoin_state_scan(const void *start, uint32_t start_length, const void *end, uint32_t end_length,
	uint32_t limit, void *buffer, uint32_t capacity);

// Adds an event to the transaction's result; needs the capability "events".
QUOIN_IMPORT("emit") void quoin_emit(const void *event, uint32_t length);
// Writes for people; never part of a result.
QUOIN_IMPORT("log") void quoin_log(const void *message, uint32_t length);
// 1 if the plugin was granted the capability of that name and this host knows it; else 0.
QUOIN_IMPORT("granted") uint32_t quoin_granted(const void *name, uint32_t length);

// quoin_ancestor is a block before the one that is executed: what its certificate, or that of a
// descendant, signs.
typedef struct quoin_ancestor {
	uint64_t height;
	uint64_t time; // milliseconds since 1970-01-01 UTC
	uint64_t epoch, view;
	uint64_t size; // of the ledger after the block, in entries
	uint8_t block[32];
	uint8_t state[32];  // root of the state after the block
	uint8_t ledger[32]; // root of the ledger after the block
} quoin_ancestor;

_Static_assert(sizeof(quoin_ancestor) == 136, "layout of an ancestor");

// The value's length in another namespace, or -1; needs "foreign." and the namespace's name.
QUOIN_IMPORT("foreign_get") int32_t quoin_foreign_get(const void *namespace, uint32_t namespace_length, const void *key, uint32_t key_length,
	void *value, uint32_t capacity);
// The length of an ancestor, or -1 if the height is not among the 64 before; needs "history".
QUOIN_IMPORT("history_get") int32_t quoin_history_get(uint64_t height, quoin_ancestor *ancestor, uint32_t capacity);
// The length of the proof that the plugin's own key has the value, or is absent, that it had after
// the block before, under the state root of that block; needs "proof".
QUOIN_IMPORT("proof_get") int32_t quoin_proof_get(const void *key, uint32_t key_length, void *proof, uint32_t capacity);
// 32 bytes that nobody knew before the block's parent was made; needs "beacon". Fit for spreading
// load, not for lotteries over money: see hook.World.
QUOIN_IMPORT("beacon") void quoin_beacon(uint8_t random[32]);

// QUOIN_LOG logs a string literal.
#define QUOIN_LOG(text) quoin_log("" text, sizeof(text) - 1)

// Statuses that exports return; any other than QUOIN_OK is the fault status.
enum {
	QUOIN_OK = 0,
	QUOIN_BAD_REQUEST = 2, // the request is longer than its limit or not as long as its counts say
};

// quoin_writer collects the variable part of a response. What does not fit makes the response
// invalid as a whole: the call ends in the fault output.
typedef struct quoin_writer {
	uint8_t *bytes;
	uint32_t length, capacity;
	bool overflow;
} quoin_writer;

static inline void quoin_write(quoin_writer *w, const void *bytes, uint32_t n) {
	if (n > w->capacity - w->length) {
		w->overflow = true;
		return;
	}
	memcpy(w->bytes + w->length, bytes, n);
	w->length += n;
}

// quoin_room returns how many more bytes fit.
static inline uint32_t quoin_room(const quoin_writer *w) { return w->capacity - w->length; }

// quoin_same reports whether two byte strings are equal.
static inline bool quoin_same(const void *a, uint32_t a_length, const void *b, uint32_t b_length) {
	return a_length == b_length && memcmp(a, b, a_length) == 0;
}

// Integers of payloads, keys and values, which need not be aligned.

static inline uint64_t quoin_load_le64(const void *from) {
	uint64_t v;
	memcpy(&v, from, sizeof v);
	return v;
}

static inline uint64_t quoin_load_be64(const void *from) { return __builtin_bswap64(quoin_load_le64(from)); }

static inline void quoin_store_le64(void *to, uint64_t v) { memcpy(to, &v, sizeof v); }

static inline void quoin_store_be64(void *to, uint64_t v) { quoin_store_le64(to, __builtin_bswap64(v)); }

// quoin_multiply returns the upper half of a product of 128 bits and stores the lower one.
uint64_t quoin_multiply(uint64_t x, uint64_t y, uint64_t *low);

// quoin_scan goes through the keys of a range in ascending order of their bytes:
//
//	uint8_t page[4096];
//	quoin_scan s;
//	quoin_scan_begin(&s, start, start_length, end, end_length, page, sizeof page);
//	while (quoin_scan_next(&s)) { ... s.key, s.key_length, s.value, s.value_length ... }
//
// The page must hold at least the largest key and value of the range and 8 bytes; one that does
// not fit ends the call by a trap. Key and value stay until the next call of quoin_scan_next.
// The loop sees, or does not see, what it writes in the range itself: write elsewhere, or later.
typedef struct quoin_scan {
	const uint8_t *key, *value;
	uint32_t key_length, value_length;
	// The rest is the scan's own.
	const void *end;
	uint32_t end_length, limit;
	uint8_t *page;
	uint32_t capacity, filled, at, next_length;
	uint8_t next[QUOIN_KEY_MAX];
	bool over;
} quoin_scan;

// quoin_scan_begin begins at start (inclusive) and ends before end; an end of length 0 is the
// last key.
void quoin_scan_begin(quoin_scan *s, const void *start, uint32_t start_length, const void *end, uint32_t end_length, void *page, uint32_t capacity);
// quoin_scan_next goes to the next key, or returns false behind the last.
bool quoin_scan_next(quoin_scan *s);

// quoin_alloc returns so many zeroed bytes, aligned to 16, which last until the call ends: there
// is no way to free them, and no need. A call that asks for more than its memory allows ends
// by a trap.
void *quoin_alloc(uint32_t size);
// quoin_alloc_release gives back what was allocated after mark, itself of quoin_alloc.
void quoin_alloc_release(void *mark);

// QUOIN_INITIALIZE makes a function the module's initialisation: it runs once, when a node
// compiles the release, and every call starts from the memory that it left.
#ifdef __wasm__
#define QUOIN_INITIALIZE(function) \
	__attribute__((export_name("_initialize"))) void quoin_initialize(void) { function(); }
#else
#define QUOIN_INITIALIZE(function) \
	__attribute__((constructor)) static void quoin_initialize(void) { function(); }
#endif

#endif
