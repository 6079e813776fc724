// The two trees of a chain: the ledger's, which is RFC 6962's, and the state's, a compact sparse
// Merkle tree under a directory of namespaces. Packages ledger and state of the nodes say the same.

import { compare, concat, decode, equal, fromHex, isName, isZero, limits, refuse, utf8, zeroHash } from "./canonical.js";

// Limits, as in packages ledger and state.
const ledgerSizeMax = 2n ** 48n - 1n;
const pathMax = 48, namespacesMax = 256, keyBytesMax = 1024, valueBytesMax = 8 << 20;

/** sha256 returns the digest of byte strings, one after the other. */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", parts.length === 1 ? parts[0] : concat(...parts)));
}

const leafTag = Uint8Array.of(0), branchTag = Uint8Array.of(1);
const emptyRoot = fromHex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 32); // SHA-256 of nothing

/** branch returns the hash of a node of either tree. */
export const branch = (left, right) => sha256(branchTag, left, right);

/** leafHash returns the hash of a ledger entry's canonical bytes. */
export const leafHash = (entry) => sha256(leafTag, entry);

/** split returns the largest power of two below n, which is at least 2: where RFC 6962 splits a tree. */
export function split(n) {
  let k = 1;
  while (2 * k < n) k *= 2; // numbers up to 2^48 are exact
  return k;
}

/** verifyInclusion refuses unless path proves that leaf is the one with this index in the tree of this size and root. */
export async function verifyInclusion(leaf, index, size, root, path) {
  if (size > ledgerSizeMax || index >= size) refuse(`entry ${index} in a tree of ${size}`);
  if (path.length > pathMax) refuse(`a path of ${path.length} hashes`);
  // Down from the root: on which side of each split the leaf is.
  const rights = [];
  for (let low = 0, high = Number(size), at = Number(index); high - low > 1; ) {
    const middle = low + split(high - low);
    rights.push(at >= middle);
    if (at >= middle) low = middle;
    else high = middle;
  }
  let hash = leaf;
  if (path.length === rights.length) {
    rights.reverse();
    for (let i = 0; i < path.length; i++) hash = rights[i] ? await branch(path[i], hash) : await branch(hash, path[i]);
  }
  if (path.length !== rights.length || !equal(hash, root)) refuse(`entry ${index} is not in the certified ledger of ${size} entries by this path`);
}

/** verifyConsistency refuses unless proof shows that the tree of the first size and root is a prefix of the second. */
export async function verifyConsistency(from, fromRoot, to, toRoot, proof) {
  if (to > ledgerSizeMax || from > to) refuse(`from size ${from} to ${to}`);
  if (proof.length > pathMax + 1) refuse(`a consistency proof of ${proof.length} hashes`);
  if (from === 0n) {
    if (proof.length > 0 || !equal(fromRoot, emptyRoot) || (to === 0n && !equal(toRoot, emptyRoot))) refuse("from the empty tree");
    return;
  }
  const bad = () => refuse(`the ledger of ${from} entries is not shown to be a prefix of that of ${to}`);
  const old = Number(from);
  // roots returns what the proof says of the roots of the old and the new tree's leaves low to high.
  const roots = async (p, low, high) => {
    if (old === high) {
      if (p.length !== (low === 0 ? 0 : 1)) bad();
      return low === 0 ? [fromRoot, fromRoot] : [p[0], p[0]];
    }
    if (p.length === 0) bad();
    const middle = low + split(high - low), last = p[p.length - 1], rest = p.slice(0, -1);
    if (old <= middle) {
      const [before, after] = await roots(rest, low, middle);
      return [before, await branch(after, last)];
    }
    const [before, after] = await roots(rest, middle, high);
    return [await branch(last, before), await branch(last, after)];
  };
  const [before, after] = await roots(proof, 0, Number(to));
  if (!equal(before, fromRoot) || !equal(after, toRoot)) bad();
}

/** Edge is the right edge of the ledger's tree: what is needed to append to it and to know its root. */
export class Edge {
  size = 0n;
  peaks = []; // [level, hash] of the complete subtrees, the largest first

  /** read reads what ledger.Edge.AppendBinary writes. */
  static read(r) {
    const e = new Edge();
    e.size = r.uint64();
    if (e.size > ledgerSizeMax) refuse(`tree of ${e.size} leaves`);
    for (let level = 47; level >= 0; level--) {
      if ((e.size >> BigInt(level)) & 1n) e.peaks.push([level, r.hash()]);
    }
    return e;
  }

  async append(leaf) {
    let level = 0, hash = leaf;
    while (this.peaks.length > 0 && this.peaks[this.peaks.length - 1][0] === level) {
      hash = await branch(this.peaks.pop()[1], hash);
      level++;
    }
    this.peaks.push([level, hash]);
    this.size++;
  }

  async root() {
    if (this.peaks.length === 0) return emptyRoot;
    let root = this.peaks[this.peaks.length - 1][1];
    for (let i = this.peaks.length - 2; i >= 0; i--) root = await branch(this.peaks[i][1], root);
    return root;
  }

  same(other) {
    return this.size === other.size && this.peaks.every(([, hash], i) => equal(hash, other.peaks[i][1]));
  }
}

/** splitHashes cuts an audit path into its hashes. */
export function splitHashes(b) {
  if (b.length % 32 !== 0 || b.length > 64 * 32) refuse(`an audit path of ${b.length} bytes`);
  return Array.from({ length: b.length / 32 }, (_, i) => b.subarray(32 * i, 32 * i + 32));
}

// Kinds of state proofs: what the path ends in.
const present = 1, other = 2, empty = 3, noNamespace = 4;

/** readStateProof reads the canonical bytes of a state.Proof, and refuses what they never say. */
function readStateProof(r) {
  const p = { kind: r.byte(), directory: [], siblings: [] };
  if (p.kind < present || p.kind > noNamespace) refuse(`a state proof of kind ${p.kind}`);
  for (let n = r.count16(namespacesMax, 34); n > 0; n--) {
    const line = { name: r.text8(limits.name), root: r.hash() };
    const before = p.directory[p.directory.length - 1];
    if (!isName(line.name, limits.name) || isZero(line.root) || (before && before.name >= line.name)) refuse("a state proof with a namespace that is empty, ill-named or out of order");
    p.directory.push(line);
  }
  const depth = r.uint16();
  if (depth > 256) refuse(`a state proof with ${depth} siblings`);
  if (p.kind === noNamespace ? depth > 0 : p.kind === empty && depth === 0) refuse(`a state proof of kind ${p.kind} with ${depth} siblings`);
  const marks = r.take((depth + 7) >> 3);
  for (let i = 0; i < 8 * marks.length; i++) {
    const marked = (marks[i >> 3] & (0x80 >> (i & 7))) !== 0;
    if (i >= depth && marked) refuse("malformed bytes: padding is not zero");
    if (i >= depth) continue;
    p.siblings.push(marked ? r.hash() : zeroHash);
    if (marked && isZero(p.siblings[i])) refuse(`malformed bytes: sibling ${i} is marked, but empty`);
  }
  if (p.kind === present) p.value = r.bytes32(valueBytesMax);
  if (p.kind === other) [p.otherKey, p.otherValue] = [r.hash(), r.hash()];
  return p;
}

const bit = (hash, i) => (hash[i >> 3] >> (7 - (i & 7))) & 1;

/**
 * verifyState returns the value that a state with this root has under a key, or null if the key is
 * not there. proof is the canonical bytes of a state proof.
 */
export async function verifyState(proof, root, namespace, key) {
  const p = decode(proof, readStateProof);
  if (!isName(namespace, limits.name) || key.length === 0 || key.length > keyBytesMax) refuse("a namespace or a key that no state has");
  const lines = p.directory.map((line) => concat(Uint8Array.of(line.name.length), utf8(line.name), line.root));
  if (!equal(await sha256(utf8("quoin/state-directory/v1\0"), ...lines), root)) refuse("the state proof's directory is not that of the certified state");
  const trie = p.directory.find((line) => line.name === namespace);
  if ((trie === undefined) !== (p.kind === noNamespace)) refuse("the state proof and its directory disagree about the namespace");
  if (trie === undefined) return null;
  const path = await sha256(key);
  let at = await pathEnd(p, path);
  for (let depth = p.siblings.length - 1; depth >= 0; depth--) {
    at = bit(path, depth) === 0 ? await branch(at, p.siblings[depth]) : await branch(p.siblings[depth], at);
  }
  if (!equal(at, trie.root)) refuse(`the state proof leads to another root of namespace ${namespace}`);
  return p.kind === present ? p.value : null;
}

/** pathEnd returns the hash of what the path of a key ends in. */
async function pathEnd(p, path) {
  if (p.kind === present) return sha256(leafTag, path, await sha256(p.value));
  if (p.kind === empty) return zeroHash;
  const elsewhere = p.siblings.some((_, depth) => bit(p.otherKey, depth) !== bit(path, depth));
  if (compare(p.otherKey, path) === 0 || elsewhere) refuse("the other key of the state proof is not another one in the same place");
  return sha256(leafTag, p.otherKey, p.otherValue);
}
