// Consistency proofs from the tiles of the ledger's log (C2SP tlog-tiles): that a ledger which this
// browser saw before is a prefix of today's. The tiles are a node's; what they prove is verified.

import { refuse } from "./canonical.js";
import { branch, split, verifyConsistency } from "./merkle.js";

const tileWidth = 256, tileHeight = 8;

/** tilePath returns the path of tile n of a level with so many hashes. */
function tilePath(level, n, width) {
  let path = String(n % 1000).padStart(3, "0");
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000)) path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
  return `tile/${level}/${path}${width < tileWidth ? `.p/${width}` : ""}`;
}

/** Prover makes proofs in the tree of one size; read(path) brings a tile as bytes. */
class Prover {
  #tiles = new Map();

  constructor(read, size) {
    this.read = read;
    this.size = size;
  }

  /** consistency proves that the first old leaves, at least one, begin the leaves low to high. */
  async consistency(old, low = 0, high = this.size) {
    if (old === high) return low === 0 ? [] : [await this.#root(low, high)];
    const middle = low + split(high - low);
    if (old <= middle) return [...(await this.consistency(old, low, middle)), await this.#root(middle, high)];
    return [...(await this.consistency(old, middle, high)), await this.#root(low, middle)];
  }

  /** root returns the root of the leaves low to high, which RFC 6962 makes a tree of its own. */
  async #root(low, high) {
    const n = high - low, levels = Math.log2(n);
    if (Number.isInteger(levels)) return this.#complete(low, levels);
    const middle = low + split(n);
    return branch(await this.#root(low, middle), await this.#root(middle, high));
  }

  /** complete returns the root of 2^levels leaves from low on, by the tile that holds its hashes. */
  async #complete(low, levels) {
    const level = Math.floor(levels / tileHeight), first = low / tileWidth ** level;
    const tile = await this.#tile(level, Math.floor(first / tileWidth));
    let hashes = tile.slice(first % tileWidth, (first % tileWidth) + 2 ** (levels % tileHeight));
    while (hashes.length > 1) hashes = await Promise.all(Array.from({ length: hashes.length / 2 }, (_, i) => branch(hashes[2 * i], hashes[2 * i + 1])));
    return hashes[0];
  }

  async #tile(level, n) {
    const width = Math.min(tileWidth, Math.floor(this.size / tileWidth ** level) - n * tileWidth);
    const path = tilePath(level, n, width);
    if (!this.#tiles.has(path)) {
      const bytes = await this.read(path);
      if (bytes.length !== 32 * width) refuse(`The tile ${path} has ${bytes.length} bytes.`);
      this.#tiles.set(path, Array.from({ length: width }, (_, i) => bytes.subarray(32 * i, 32 * i + 32)));
    }
    return this.#tiles.get(path);
  }
}

/** verifyGrowth refuses unless the ledger of the newer of two checkpoints begins with that of the older. */
export async function verifyGrowth(older, newer, read) {
  if (older.size > newer.size) refuse(`The ledger had ${older.size} entries and has ${newer.size} now.`);
  const proof = older.size === 0n ? [] : await new Prover(read, Number(newer.size)).consistency(Number(older.size));
  await verifyConsistency(older.size, older.ledger, newer.size, newer.ledger, proof);
}
