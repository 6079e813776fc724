// serve.c runs a plugin as a native process: compiled together with the plugin's sources it
// reads calls from the standard input and asks, through the standard output, for what host
// functions give. Package native of the Go SDK speaks to it.
//
// Every call is a child process, so that it starts from the memory as it was before the first
// one and a crash ends that call alone, as a trap does in the sandbox. There is no fuel; a call
// that takes longer than a minute is ended.
//
// # Frames
//
// Each direction is a row of frames: the length of what follows (4 bytes, little-endian), one
// byte for the kind, and the rest. Numbers are little-endian.
//
//	to the plugin
//	  c  call: length of the operation's name (1 byte), name, request
//	  v  the value that was asked for
//	  n  there is none
//	  x  the call has ended in a fault: leave
//	from the plugin
//	  g  get: key                                       answered by v or n
//	  s  scan: limit, capacity, length of start (4 bytes each), start, end      v
//	  q  is it granted: name                            v or n
//	  b  the next request of a batch                    v or n
//	  f  foreign: length of the namespace (1 byte), namespace, key              v or n
//	  h  history: height (8 bytes)                      v or n
//	  k  proof: key                                     v
//	  r  beacon                                         v
//	  p  put: length of the key (4 bytes), key, value   not answered, as all below
//	  d  delete: key
//	  e  event
//	  l  log
//	  o  output: response
//	  z  the call is over: status (4 bytes)
//	  t  the call crashed
#ifndef __wasm__

#define _POSIX_C_SOURCE 200809L

#include "quoin.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAME_MAX = 1 << 20, SECONDS_MAX = 60 };

static quoin_operation *operations;
static const uint8_t *request; // of the call
static uint32_t request_length;
static uint8_t frame[FRAME_MAX]; // the one received last

void quoin_register(quoin_operation *o, const char *name, int32_t (*call)(void)) {
	o->name = name;
	o->call = call;
	o->next = operations;
	operations = o;
}

// read_all returns false at the end of the input.
static bool read_all(void *to, size_t n) {
	uint8_t *at = to;
	while (n > 0) {
		ssize_t got = read(STDIN_FILENO, at, n);
		if (got <= 0) {
			return false;
		}
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static void write_all(const void *from, size_t n) {
	const uint8_t *at = from;
	while (n > 0) {
		ssize_t put = write(STDOUT_FILENO, at, n);
		if (put <= 0) {
			_exit(1);
		}
		at += put;
		n -= (size_t)put;
	}
}

// receive returns the length of the next frame behind its kind, or -1 at the end of the input.
static int64_t receive(void) {
	uint32_t n;
	if (!read_all(&n, sizeof n) || n < 1 || n > sizeof frame || !read_all(frame, n)) {
		return -1;
	}
	return n - 1;
}

// send writes a frame of up to three parts.
static void send(uint8_t kind, const void *a, uint32_t an, const void *b, uint32_t bn, const void *c, uint32_t cn) {
	uint32_t n = 1 + an + bn + cn;
	uint8_t *out = malloc(4 + n), *at = out;
	if (out == NULL) {
		_exit(1);
	}
	memcpy(at, &n, 4);
	at[4] = kind;
	at += 5;
	if (an > 0) memcpy(at, a, an);
	at += an;
	if (bn > 0) memcpy(at, b, bn);
	at += bn;
	if (cn > 0) memcpy(at, c, cn);
	write_all(out, 4 + n);
	free(out);
}

// answer waits for the host and returns the length of the value, or -1 if there is none.
static int64_t answer(void) {
	int64_t n = receive();
	if (n < 0 || frame[0] == 'x') {
		_exit(0);
	}
	return frame[0] == 'v' ? n : -1;
}

// deliver copies a value into the plugin's buffer, if it fits.
static int32_t deliver(const uint8_t *value, int64_t n, void *buffer, uint32_t capacity) {
	if (n > 0 && n <= capacity) {
		memcpy(buffer, value, (size_t)n);
	}
	return (int32_t)n;
}

uint32_t quoin_input(void *buffer, uint32_t capacity) { return (uint32_t)deliver(request, request_length, buffer, capacity); }

void quoin_output(const void *response, uint32_t length) { send('o', response, length, NULL, 0, NULL, 0); }

uint32_t quoin_batch_next(void) {
	send('b', NULL, 0, NULL, 0, NULL, 0);
	int64_t n = answer();
	if (n < 0) {
		return 0;
	}
	static uint8_t next[FRAME_MAX];
	memcpy(next, frame + 1, (size_t)n);
	request = next;
	request_length = (uint32_t)n;
	return 1;
}

int32_t quoin_state_get(const void *key, uint32_t key_length, void *value, uint32_t capacity) {
	send('g', key, key_length, NULL, 0, NULL, 0);
	int64_t n = answer();
	return deliver(frame + 1, n, value, capacity);
}

void quoin_state_put(const void *key, uint32_t key_length, const void *value, uint32_t value_length) {
	send('p', &key_length, 4, key, key_length, value, value_length);
}

void quoin_state_delete(const void *key, uint32_t key_length) { send('d', key, key_length, NULL, 0, NULL, 0); }

// The answer is the length to return, 4 bytes, and the entries.
int32_t quoin_state_scan(const void *start, uint32_t start_length, const void *end, uint32_t end_length,
	uint32_t limit, void *buffer, uint32_t capacity) {
	uint32_t numbers[3] = {limit, capacity, start_length};
	send('s', numbers, sizeof numbers, start, start_length, end, end_length);
	int64_t n = answer();
	int32_t length;
	memcpy(&length, frame + 1, 4);
	deliver(frame + 5, n - 4, buffer, capacity);
	return length;
}

void quoin_emit(const void *event, uint32_t length) { send('e', event, length, NULL, 0, NULL, 0); }

void quoin_log(const void *message, uint32_t length) { send('l', message, length, NULL, 0, NULL, 0); }

uint32_t quoin_granted(const void *name, uint32_t length) {
	send('q', name, length, NULL, 0, NULL, 0);
	return answer() >= 0;
}

int32_t quoin_foreign_get(const void *namespace, uint32_t namespace_length, const void *key, uint32_t key_length,
	void *value, uint32_t capacity) {
	uint8_t short_length = (uint8_t)namespace_length;
	send('f', &short_length, 1, namespace, short_length, key, key_length);
	int64_t n = answer();
	return deliver(frame + 1, n, value, capacity);
}

int32_t quoin_history_get(uint64_t height, quoin_ancestor *ancestor, uint32_t capacity) {
	send('h', &height, sizeof height, NULL, 0, NULL, 0);
	int64_t n = answer();
	return deliver(frame + 1, n, ancestor, capacity);
}

int32_t quoin_proof_get(const void *key, uint32_t key_length, void *proof, uint32_t capacity) {
	send('k', key, key_length, NULL, 0, NULL, 0);
	int64_t n = answer();
	return deliver(frame + 1, n, proof, capacity);
}

void quoin_beacon(uint8_t random[32]) {
	send('r', NULL, 0, NULL, 0, NULL, 0);
	deliver(frame + 1, answer(), random, 32);
}

// run calls an operation in a child process and reports whether that ended as it should.
static bool run(const quoin_operation *o) {
	pid_t child = fork();
	if (child == 0) {
		alarm(SECONDS_MAX);
		int32_t status = o->call();
		send('z', &status, 4, NULL, 0, NULL, 0);
		_exit(0);
	}
	int how;
	return child > 0 && waitpid(child, &how, 0) == child && WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

int main(void) {
	static uint8_t call[FRAME_MAX];
	for (;;) {
		int64_t n = receive();
		if (n < 1 || frame[0] != 'c' || n < 1 + frame[1]) {
			return n < 0 ? 0 : 1;
		}
		memcpy(call, frame + 1, (size_t)n);
		const quoin_operation *o = operations;
		while (o != NULL && !quoin_same(o->name, (uint32_t)strlen(o->name), call + 1, call[0])) {
			o = o->next;
		}
		request = call + 1 + call[0];
		request_length = (uint32_t)(n - 1 - call[0]);
		if (o == NULL || !run(o)) {
			send('t', NULL, 0, NULL, 0, NULL, 0);
		}
	}
}

#endif
