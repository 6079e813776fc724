#include "draw.h"

static uint32_t load_be32(const uint8_t *from) {
	uint32_t v;
	memcpy(&v, from, sizeof v);
	return __builtin_bswap32(v);
}

static uint32_t rotate_right(uint32_t x, int n) { return x >> n | x << (32 - n); }

// The first 32 bits of the fractions of the cube roots of the first 64 primes.
static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// compress is section 6.2.2 for one block of 64 bytes.
static void compress(uint32_t state[8], const uint8_t *block) {
	uint32_t w[64], v[8];
	for (int i = 0; i < 16; i++) {
		w[i] = load_be32(block + 4 * i);
	}
	for (int i = 16; i < 64; i++) {
		uint32_t x = w[i - 15], y = w[i - 2];
		uint32_t s0 = rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3;
		uint32_t s1 = rotate_right(y, 17) ^ rotate_right(y, 19) ^ y >> 10;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	memcpy(v, state, sizeof v);
	for (int i = 0; i < 64; i++) {
		uint32_t a = v[0], e = v[4];
		uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
		uint32_t t1 = v[7] + s1 + ((e & v[5]) ^ (~e & v[6])) + round_constants[i] + w[i];
		uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
		uint32_t t2 = s0 + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
		for (int k = 7; k > 0; k--) {
			v[k] = v[k - 1];
		}
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++) {
		state[i] += v[i];
	}
}

void quoin_sha256(const void *text, uint32_t length, uint8_t digest[32]) {
	// The first 32 bits of the fractions of the square roots of the first 8 primes.
	uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	const uint8_t *from = text;
	uint32_t left = length;
	for (; left >= 64; left -= 64, from += 64) {
		compress(h, from);
	}
	// What is left, a one bit, zeros, and the length in bits fill one block or two.
	uint8_t last[128] = {0};
	memcpy(last, from, left);
	last[left] = 0x80;
	uint32_t end = left < 56 ? 64 : 128;
	quoin_store_be64(last + end - 8, (uint64_t)length * 8);
	compress(h, last);
	if (end == 128) {
		compress(h, last + 64);
	}
	for (int i = 0; i < 8; i++) {
		uint32_t v = __builtin_bswap32(h[i]);
		memcpy(digest + 4 * i, &v, sizeof v);
	}
}

uint64_t quoin_draw(const quoin_leader_request *r, const char *label, uint64_t bound) {
	uint8_t text[64 + 1 + 32 + 8 + 8], digest[32];
	uint32_t n = 0;
	for (; label[n] != 0; n++) {
		if (n == 64) {
			__builtin_trap();
		}
		text[n] = (uint8_t)label[n];
	}
	text[n++] = '\n';
	memcpy(text + n, r->seed, 32);
	quoin_store_be64(text + n + 32, r->epoch);
	quoin_store_be64(text + n + 40, r->view);
	quoin_sha256(text, n + 48, digest);
	// (high·2^64 + low)·bound / 2^128
	uint64_t rest, ignored;
	uint64_t carry = quoin_multiply(quoin_load_be64(digest + 8), bound, &ignored);
	uint64_t number = quoin_multiply(quoin_load_be64(digest), bound, &rest);
	return number + (rest + carry < rest);
}

static bool member(const uint64_t *set, uint32_t i) { return set[i / 64] >> (i % 64) & 1; }

bool quoin_choose(const quoin_leader_request *r, const char *label, const uint64_t *members, uint32_t *proposer) {
	uint64_t total = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		total += member(members, i) ? r->validators[i].weight : 0;
	}
	if (total == 0) {
		return false;
	}
	uint64_t point = quoin_draw(r, label, total);
	for (uint32_t i = 0; i < r->n; i++) {
		if (!member(members, i)) {
			continue;
		}
		if (point < r->validators[i].weight) {
			*proposer = i;
			return true;
		}
		point -= r->validators[i].weight;
	}
	return false; // not reached: point is below the sum of the members' weights
}
