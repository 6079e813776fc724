// What this browser saw of the chain at an earlier visit: the ledger of then must begin today's.

import { Refusal, decimal, fromHex, hex } from "./canonical.js";
import { whole } from "./format.js";
import { verifyGrowth } from "./tiles.js";

const place = "quoin-seen"; // in localStorage: {origin, height, size, ledger, at}

function remembered(origin) {
  try {
    const seen = JSON.parse(localStorage.getItem(place));
    return seen?.origin === origin && { height: decimal(seen.height), size: decimal(seen.size), ledger: fromHex(seen.ledger, 32), at: Number(seen.at) };
  } catch {
    return null;
  }
}

function remember(c) {
  try {
    localStorage.setItem(place, JSON.stringify({ origin: c.origin, height: String(c.height), size: String(c.size), ledger: hex(c.ledger), at: Date.now() }));
  } catch {
    // The next visit begins anew.
  }
}

/** forgetSeen begins anew, as at the first visit. */
export function forgetSeen() {
  try {
    localStorage.removeItem(place);
  } catch {
    // There is nothing to forget.
  }
}

async function tile(path) {
  const response = await fetch(`/log/${path}`);
  if (!response.ok) throw new Error(`the tile ${path} is missing`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * sinceLastVisit verifies that the ledger of a checkpoint, which was verified, begins with the one that
 * this browser verified last, and says so; "" at the first visit. From then on this one is remembered.
 */
export async function sinceLastVisit(c) {
  const seen = remembered(c.origin);
  if (!seen?.ledger || seen.height === null || seen.size === null) {
    remember(c);
    return "";
  }
  const when = `the ledger that this browser verified on ${new Date(seen.at).toLocaleString()}, of height ${whole(seen.height)}`;
  if (c.height < seen.height) return `This node is behind ${when}.`;
  try {
    await verifyGrowth(seen, c, tile);
  } catch (error) {
    if (!(error instanceof Refusal)) return `Whether it extends ${when}, is not known: ${error.message}.`;
    throw new Refusal("fork", `It does not extend ${when}: ${error.message}. Keep both, and compare with others.`);
  }
  remember(c);
  return `It extends ${when}: nothing of that was changed or taken away.`;
}
