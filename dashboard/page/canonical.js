// Canonical bytes in the browser: package canonical of the nodes, and the values of a chain that a
// reader of its ledger meets. What a decoder here accepts re-encodes to the same bytes; every length
// is checked against the limit that the nodes use. Sizes of 64 bits are BigInt, byte strings are
// Uint8Array, hashes and keys are Uint8Array of 32 bytes, names are strings of [a-z0-9.-].

/** Refusal says why something is not believed: a stable code, and a sentence for people. */
export class Refusal extends Error {
  constructor(code, sentence) {
    super(sentence);
    this.name = "Refusal";
    this.code = code;
  }
}

/** refuse throws the refusal of what does not verify. */
export function refuse(sentence) {
  throw new Refusal("proof", sentence);
}

// Limits, as in the root package.
export const limits = Object.freeze({
  validators: 256, totalWeight: 1n << 40n, validatorName: 64, name: 32, payload: 56 << 10, output: 4 << 10,
  origin: 160, checkpointText: 160 + 512, blockTransactions: 10000,
});

export const zeroHash = new Uint8Array(32);

const encoder = new TextEncoder();

/** utf8 returns the bytes of a text. */
export const utf8 = (text) => encoder.encode(text);

/** concat joins byte strings. */
export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
}

/** compare orders byte strings as bytes.Compare does. */
export function compare(a, b) {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}

/** equal reports whether two byte strings are the same. */
export const equal = (a, b) => compare(a, b) === 0;

/** isZero reports whether all bytes are zero. */
export const isZero = (b) => b.every((x) => x === 0);

/** isName reports whether s is 1 to limit characters of the alphabet of every name on the ledger. */
export const isName = (s, limit) => s.length <= limit && /^[a-z0-9.-]+$/.test(s);

/** hex writes lower-case hexadecimal digits. */
export const hex = (b) => Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");

/** fromHex reads n bytes of hexadecimal digits, or null. Like the nodes it takes both cases. */
export function fromHex(s, n) {
  if (typeof s !== "string" || s.length !== 2 * n || !/^[0-9a-fA-F]*$/.test(s)) return null;
  return Uint8Array.from({ length: n }, (_, i) => parseInt(s.slice(2 * i, 2 * i + 2), 16));
}

/** base64 writes standard base64 with padding. */
export function base64(b) {
  let s = "";
  for (let i = 0; i < b.length; i += 4096) s += String.fromCharCode(...b.subarray(i, i + 4096));
  return btoa(s);
}

/** fromBase64 reads exactly what base64 writes, or returns null. */
export function fromBase64(s) {
  if (typeof s !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(s) || s.length % 4 !== 0) return null;
  const b = Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
  return base64(b) === s ? b : null;
}

/** decimal reads a number of 64 bits as strconv writes it, or returns null. */
export function decimal(s) {
  if (typeof s !== "string" || !/^(0|[1-9][0-9]{0,19})$/.test(s)) return null;
  const v = BigInt(s);
  return v < 1n << 64n ? v : null;
}

/** Reader reads canonical bytes from front to back, and throws a Refusal where they are none. */
class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get left() {
    return this.#bytes.length - this.#at;
  }

  done() {
    if (this.left > 0) refuse(`malformed bytes: ${this.left} bytes left over`);
  }

  take(n) {
    if (n > this.left) refuse(`malformed bytes: ${n} bytes wanted, ${this.left} left`);
    this.#at += n;
    return this.#bytes.subarray(this.#at - n, this.#at);
  }

  hash() {
    return this.take(32);
  }

  byte() {
    return this.take(1)[0];
  }

  bool() {
    const b = this.byte();
    if (b > 1) refuse(`malformed bytes: boolean is ${b}`);
    return b === 1;
  }

  uint16() {
    const b = this.take(2);
    return b[0] * 256 + b[1];
  }

  uint32() {
    return this.uint16() * 65536 + this.uint16();
  }

  uint64() {
    return (BigInt(this.uint32()) << 32n) + BigInt(this.uint32());
  }

  bytes8(limit) {
    return this.#bounded(this.byte(), limit);
  }

  bytes32(limit) {
    return this.#bounded(this.uint32(), limit);
  }

  /** text8 reads a byte string as characters of one byte each: names, which are checked afterwards. */
  text8(limit) {
    return String.fromCharCode(...this.bytes8(limit));
  }

  /** count16 reads the length of a list of at most limit items of at least itemBytes each. */
  count16(limit, itemBytes) {
    const n = this.uint16();
    if (n > limit) refuse(`malformed bytes: list of ${n} items, limit ${limit}`);
    if (n * itemBytes > this.left) refuse(`malformed bytes: list of ${n} items does not fit into the ${this.left} bytes left`);
    return n;
  }

  #bounded(n, limit) {
    if (n > limit) refuse(`malformed bytes: byte string of ${n} bytes, limit ${limit}`);
    return this.take(n);
  }
}

/** decode reads exactly one value. */
export function decode(bytes, read) {
  const r = new Reader(bytes);
  const v = read(r);
  r.done();
  return v;
}

/** Writer appends canonical bytes; its methods return it. */
export class Writer {
  #parts = [];

  raw(b) {
    this.#parts.push(b);
    return this;
  }

  byte(v) {
    return this.raw(Uint8Array.of(v));
  }

  uint16(v) {
    return this.raw(Uint8Array.of(v >> 8, v));
  }

  uint32(v) {
    const b = new Uint8Array(4);
    new DataView(b.buffer).setUint32(0, v);
    return this.raw(b);
  }

  uint64(v) {
    const b = new Uint8Array(8);
    new DataView(b.buffer).setBigUint64(0, v);
    return this.raw(b);
  }

  bytes8(b) {
    if (b.length > 255) throw new RangeError("a byte string of more than 255 bytes");
    return this.byte(b.length).raw(b);
  }

  text8(s) {
    return this.bytes8(utf8(s));
  }

  bytes32(b) {
    return this.uint32(b.length).raw(b);
  }

  bytes() {
    return concat(...this.#parts);
  }
}

/** readTransaction reads a quoin.Transaction; sender and signature are null if it is unsigned. */
function readTransaction(r) {
  const t = { sender: null, signature: null };
  const signed = r.bool();
  if (signed) {
    t.sender = r.hash();
    if (isZero(t.sender)) refuse("malformed bytes: signed transaction without a sender");
  }
  t.salt = r.uint64();
  t.expiry = r.uint64();
  t.namespace = r.text8(limits.name);
  t.payload = r.bytes32(limits.payload);
  if (signed) t.signature = r.take(64);
  if (!isName(t.namespace, limits.name)) refuse("malformed bytes: the namespace is no name");
  return t;
}

/** transactionBody returns the canonical bytes of a transaction without its signature. */
export function transactionBody(t) {
  const w = new Writer().byte(t.sender ? 1 : 0);
  if (t.sender) w.raw(t.sender);
  return w.uint64(t.salt).uint64(t.expiry).text8(t.namespace).bytes32(t.payload).bytes();
}

/** transactionBytes returns the canonical bytes of a transaction. */
export const transactionBytes = (t) => (t.sender ? concat(transactionBody(t), t.signature) : transactionBody(t));

/** readEntry reads a quoin.Entry: a transaction with its result. */
export function readEntry(r) {
  return { transaction: readTransaction(r), result: { code: r.uint32(), fuel: r.uint64(), output: r.bytes32(limits.output) } };
}

/** readHeader reads a quoin.Header; encoding.header keeps its bytes, over which the block's id is. */
export function readHeader(r) {
  const h = {
    epoch: r.uint64(), view: r.uint64(), height: r.uint64(), parent: r.hash(), parentCheckpoint: r.hash(), parentView: r.uint64(),
    parentVoters: readBitmap(r), time: r.uint64(), proposer: r.uint16(), count: r.uint32(), bodyHash: r.hash(),
  };
  if (h.view <= h.parentView) refuse(`malformed bytes: view ${h.view} is not after its parent's, ${h.parentView}`);
  return h;
}

/** readBitmap reads a set of validator indexes in its canonical form. */
function readBitmap(r) {
  const b = r.bytes8(limits.validators / 8);
  if (b.length > 0 && b[b.length - 1] === 0) refuse("malformed bytes: bitmap ends in a zero byte");
  return b;
}

/** members returns the indexes in a bitmap, ascending. */
export function members(bitmap) {
  const all = [];
  for (let i = 0; i < bitmap.length * 8; i++) {
    if ((bitmap[i >> 3] >> (i & 7)) & 1) all.push(i);
  }
  return all;
}

/** bitmapOf returns the canonical bitmap of indexes. */
export function bitmapOf(indexes) {
  const b = new Uint8Array(indexes.length ? (Math.max(...indexes) >> 3) + 1 : 0);
  for (const i of indexes) b[i >> 3] |= 1 << (i & 7);
  return b;
}

/** checkpointText returns the note text of a checkpoint, which ends in a newline. */
export function checkpointText(c) {
  return `${c.origin}\n${c.size}\n${base64(c.ledger)}\nepoch ${c.epoch}\nheight ${c.height}\nview ${c.view}\n` +
    `block ${hex(c.block)}\nstate ${hex(c.state)}\ntime ${c.time}\n`;
}

/** cosignedBytes returns what a validator's finalize vote signs: cosignature/v1 of C2SP tlog-cosignature. */
export const cosignedBytes = (c) => utf8(`cosignature/v1\ntime ${c.time / 1000n}\n${checkpointText(c)}`);

/** parseCheckpoint reads exactly what checkpointText writes. */
function parseCheckpoint(text) {
  if (typeof text !== "string" || utf8(text).length > limits.checkpointText) refuse(`invalid checkpoint: more than ${limits.checkpointText} bytes`);
  const lines = text.split("\n");
  if (lines.length !== 10 || lines[9] !== "") refuse("invalid checkpoint: want 9 lines, each ended by a newline");
  const field = (line, name, read) => {
    const v = lines[line].startsWith(name) ? read(lines[line].slice(name.length)) : null;
    if (v === null) refuse(`invalid checkpoint: line ${line + 1} is not as it should be`);
    return v;
  };
  const hash = (s) => fromHex(s, 32);
  const c = {
    origin: lines[0], size: field(1, "", decimal), ledger: field(2, "", fromBase64), epoch: field(3, "epoch ", decimal),
    height: field(4, "height ", decimal), view: field(5, "view ", decimal), block: field(6, "block ", hash),
    state: field(7, "state ", hash), time: field(8, "time ", decimal),
  };
  const origin = utf8(c.origin).length;
  if (c.ledger.length !== 32 || checkpointText(c) !== text || origin === 0 || origin > limits.origin) {
    refuse("invalid checkpoint: the text is not in its canonical form");
  }
  return c;
}

/** newCertificate puts a certificate together from its parts, by the rules of its canonical bytes. */
export function newCertificate(text, signers, signatures) {
  const checkpoint = parseCheckpoint(text);
  const trailingZero = signers.length > 0 && signers[signers.length - 1] === 0;
  if (signers.length > limits.validators / 8 || trailingZero || members(signers).length !== signatures.length) {
    refuse(`${signatures.length} signatures by other signers than named`);
  }
  for (const s of signatures) {
    if (s.length !== 64) refuse(`a signature of ${s.length} bytes`);
  }
  return { checkpoint, signers, signatures };
}
