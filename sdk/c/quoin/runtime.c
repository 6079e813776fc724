// runtime.c is what a plugin in C has instead of a C library: the functions that the compiler
// itself calls, the allocator, and the loop of a scan. The linker leaves out what a plugin does
// not use.
#include "quoin.h"

#ifdef __wasm__

// The marker of the interface's version 1.
__attribute__((export_name("quoin.abi.v1"))) void quoin_abi_v1(void) {}

// With bulk memory the compiler writes one instruction for each of these three.
void *memcpy(void *restrict to, const void *restrict from, size_t n) { return __builtin_memcpy(to, from, n); }
void *memmove(void *to, const void *from, size_t n) { return __builtin_memmove(to, from, n); }
void *memset(void *to, int byte, size_t n) { return __builtin_memset(to, byte, n); }

int memcmp(const void *a, const void *b, size_t n) {
	const uint8_t *x = a, *y = b;
	for (; n >= 8 && quoin_load_le64(x) == quoin_load_le64(y); n -= 8) {
		x += 8;
		y += 8;
	}
	for (; n > 0; n--, x++, y++) {
		if (*x != *y) {
			return *x < *y ? -1 : 1;
		}
	}
	return 0;
}

size_t strlen(const char *text) {
	size_t n = 0;
	while (text[n] != 0) {
		n++;
	}
	return n;
}

// __multi3 is the product of two numbers of 128 bits, as compilers call it.
__int128 __multi3(__int128 a, __int128 b);

__int128 __multi3(__int128 a, __int128 b) {
	uint64_t a0 = (uint64_t)a, b0 = (uint64_t)b, low;
	uint64_t high = quoin_multiply(a0, b0, &low) + (uint64_t)(a >> 64) * b0 + a0 * (uint64_t)(b >> 64);
	return (__int128)((unsigned __int128)high << 64 | low);
}

// Behind the stack and the variables lies the heap. It is zero: every call gets its memory anew.
extern uint8_t __heap_base;

enum { PAGE = 65536 };

static bool heap_ends_at(uintptr_t end) {
	uintptr_t have = __builtin_wasm_memory_size(0) * PAGE;
	return end <= have || __builtin_wasm_memory_grow(0, (end - have - 1) / PAGE + 1) != (size_t)-1;
}

static uintptr_t heap_begin(void) { return (uintptr_t)&__heap_base; }

#else

// As much as the host ever gives a guest, 256 pages.
static _Alignas(16) uint8_t heap[256 * 65536];

static bool heap_ends_at(uintptr_t end) { return end <= (uintptr_t)(heap + sizeof heap); }

static uintptr_t heap_begin(void) { return (uintptr_t)heap; }

#endif

uint64_t quoin_multiply(uint64_t x, uint64_t y, uint64_t *low) {
	uint64_t x0 = (uint32_t)x, x1 = x >> 32, y0 = (uint32_t)y, y1 = y >> 32;
	uint64_t middle = x1 * y0 + (x0 * y0 >> 32);
	// Compilers that see through this make it a call of __multi3, which is made of it.
	__asm__("" : "+r"(middle));
	uint64_t cross = x0 * y1 + (uint32_t)middle;
	*low = x * y;
	return x1 * y1 + (middle >> 32) + (cross >> 32);
}

static uintptr_t heap_next;

void *quoin_alloc(uint32_t size) {
	uintptr_t from = ((heap_next ? heap_next : heap_begin()) + 15) & ~(uintptr_t)15;
	if (from + size < from || !heap_ends_at(from + size)) {
		__builtin_trap();
	}
	heap_next = from + size;
	return (void *)from;
}

void quoin_alloc_release(void *mark) {
	if (heap_next > (uintptr_t)mark) {
		memset(mark, 0, heap_next - (uintptr_t)mark);
		heap_next = (uintptr_t)mark;
	}
}

enum {
	// Entries that one call of the host function gives: few at first, for each is paid for.
	SCAN_FIRST = 8,
	SCAN_MOST = 256,
};

void quoin_scan_begin(quoin_scan *s, const void *start, uint32_t start_length, const void *end, uint32_t end_length, void *page, uint32_t capacity) {
	if (start_length > QUOIN_KEY_MAX) {
		__builtin_trap();
	}
	s->end = end;
	s->end_length = end_length;
	s->limit = SCAN_FIRST;
	s->page = page;
	s->capacity = capacity;
	s->filled = s->at = 0;
	s->over = false;
	s->next_length = start_length;
	memcpy(s->next, start, start_length);
}

// after turns next, a key, into the least key behind it, or returns false behind the last
// possible one. It is the key with a zero appended, where that is short enough.
static bool after(quoin_scan *s) {
	if (s->next_length < QUOIN_KEY_MAX) {
		s->next[s->next_length++] = 0;
		return true;
	}
	for (; s->next_length > 0; s->next_length--) {
		if (s->next[s->next_length - 1] < 0xff) {
			s->next[s->next_length - 1]++;
			return true;
		}
	}
	return false;
}

bool quoin_scan_next(quoin_scan *s) {
	if (s->at == s->filled) {
		if (s->over) {
			return false;
		}
		int32_t n = quoin_state_scan(s->next, s->next_length, s->end, s->end_length, s->limit, s->page, s->capacity);
		if (n < 0) {
			__builtin_trap();
		}
		if (n == 0) {
			s->over = true;
			return false;
		}
		s->filled = (uint32_t)n;
		s->at = 0;
		s->limit = s->limit < SCAN_MOST ? 2 * s->limit : SCAN_MOST;
	}
	const uint8_t *entry = s->page + s->at;
	uint32_t lengths[2];
	memcpy(lengths, entry, sizeof lengths);
	s->key = entry + 8;
	s->key_length = lengths[0];
	s->value = s->key + lengths[0];
	s->value_length = lengths[1];
	s->at += 8 + lengths[0] + lengths[1];
	if (s->at == s->filled) {
		// The page's last key: the next page begins behind it.
		memcpy(s->next, s->key, s->key_length);
		s->next_length = s->key_length;
		s->over = !after(s);
	}
	return true;
}
