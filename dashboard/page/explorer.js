// The ledger, verified in the reader's browser: blocks, entries, transactions and keys, each with the
// checkpoint that it rests on, or the reason why it is refused.

import { Refusal, fromHex, hex, isName, utf8 } from "./canonical.js";
import { h, put } from "./dom.js";
import { whole } from "./format.js";
import { signedNote } from "./note.js";
import { block, entry, key } from "./ledgerviews.js";
import { proofDrop } from "./proofdrop.js";
import { facts, hashShown, link, refused, timeShown, verified } from "./shown.js";
import { view as signView } from "./sign.js";
import { sinceLastVisit } from "./seen.js";
import { refusalText, trust, trustPanel } from "./trust.js";

const newestMax = 16; // blocks of the first page
const behindMax = 256n; // beyond that it begins anew
const refreshMS = 1000;
const columns = [["Height"], ["Time"], ["Proposer"], ["View", "number"], ["Gap", "number"], ["Entries", "number"], ["Signed by"]];

/** view makes the ledger's view; parts is what follows "#/ledger/" in the route. */
export function view(context, parts = []) {
  if (parts[0] === "sign") return signView(context, parts.slice(1));
  const body = h("div", { class: "ledger-body", "aria-live": "off" });
  let closed = false;
  let page = { update() {} };

  const panel = trustPanel(context, () => {
    panel.show();
    open();
  });

  async function open() {
    body.replaceChildren(h("p", { class: "empty", role: "status" }, "Verifying…"));
    try {
      const client = await trust.client(context);
      const next = await pageOf(client, context, parts);
      if (closed) return;
      page = next;
      body.replaceChildren(next.element);
    } catch (error) {
      page = { update() {} };
      body.replaceChildren(refused(refusalText(error)));
    }
  }

  open();
  return {
    element: h("section", { class: "view ledger" }, h("h1", null, "Ledger"), search(context, parts), panel.element, body, proofDrop(context)),
    update: (frame, model) => page.update(frame, model),
    close() {
      closed = true;
    },
  };
}

/** pageOf makes the page of a route. */
async function pageOf(client, context, [what, ...rest]) {
  const still = (element) => ({ element, update() {} });
  if (what === undefined || what === "") return newest(client);
  if (what === "block") return still(await block(client, numberOf(rest[0], "height")));
  if (what === "entry") return still(await entry(client, () => client.entry(numberOf(rest[0], "entry"))));
  if (what === "transaction") {
    const id = fromHex(rest[0] ?? "", 32);
    return still(id ? await entry(client, () => client.transaction(id)) : refused("A transaction's id is 64 hexadecimal digits."));
  }
  if (what === "key") return still(await key(client, rest[0] ?? "", utf8(rest.slice(1).join("/"))));
  return still(refused(`There is no such page: ${what}.`));
}

function numberOf(text, name) {
  if (!/^[0-9]{1,19}$/.test(text ?? "")) throw new Refusal("bad-number", `The ${name} is no number.`);
  return BigInt(text);
}

/** search takes a height, an entry, a transaction's id or a key, and goes there. */
function search(context, parts) {
  const kinds = { block: "Block height", entry: "Entry number", transaction: "Transaction id", key: "Key, as namespace/key" };
  const kind = h("select", { id: "ledger-kind", "aria-label": "What to look for" }, Object.entries(kinds).map(([value, text]) => h("option", { value, selected: parts[0] === value }, text)));
  const given = parts[0] in kinds ? parts.slice(1).join("/") : "";
  const text = h("input", { id: "ledger-text", type: "search", autocomplete: "off", spellcheck: "false", "aria-label": "Height, number, id or key", placeholder: "42, #17, an id, or kv/hello", value: given });
  const complaint = h("p", { class: "refusal", role: "alert", hidden: true });
  text.addEventListener("input", () => {
    const guess = guessKind(text.value.trim());
    if (guess) kind.value = guess;
  });
  const go = (event) => {
    event.preventDefault();
    const value = text.value.trim().replace(/^#/, "");
    complaint.textContent = wrongSearch(kind.value, value);
    complaint.hidden = complaint.textContent === "";
    if (complaint.hidden) context.go(`#/ledger/${kind.value}/${value.split("/").map(encodeURIComponent).join("/")}`);
  };
  return h("form", { class: "search", role: "search", on: { submit: go } }, kind, text, h("button", { type: "submit" }, "Look it up"), complaint);
}

function guessKind(value) {
  if (/^[0-9a-fA-F]{64}$/.test(value)) return "transaction";
  if (/^#[0-9]+$/.test(value)) return "entry";
  return value.includes("/") ? "key" : null;
}

function wrongSearch(kind, value) {
  if (kind === "transaction") return /^[0-9a-fA-F]{64}$/.test(value) ? "" : "A transaction's id is 64 hexadecimal digits.";
  if (kind === "key") return isName(value.split("/")[0], 32) && value.includes("/") ? "" : "Write a key as namespace/key, such as kv/hello.";
  return /^[0-9]{1,19}$/.test(value) ? "" : "That is no number.";
}

/** newest is the first page: the newest checkpoint, and the newest blocks as they come. */
async function newest(client) {
  const table = h("tbody");
  const checkpoint = h("div", { class: "checkpoint" });
  const complaint = h("div", { role: "status" });
  const followed = h("p", { class: "fine" });
  const since = h("p", { class: "fine" });
  const element = h("div", null,
    h("section", { "aria-labelledby": "newest-checkpoint" }, h("h2", { id: "newest-checkpoint" }, "Newest checkpoint"), checkpoint, since),
    h("section", { "aria-labelledby": "newest-blocks" }, h("h2", { id: "newest-blocks" }, "Newest blocks"), followed, complaint,
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Newest blocks" }, h("table", { class: "blocks" },
        h("thead", null, h("tr", null, columns.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))), table))));
  let feed = null, next = 0n, first = 0n, busy = false, at = 0;

  async function refresh(height) {
    if (feed === null || height > next + behindMax) {
      first = next = height < BigInt(newestMax) ? 1n : height - BigInt(newestMax) + 1n;
      feed = client.feed(first);
    }
    const blocks = [];
    for (let brought = 1; brought > 0 && next <= height; ) {
      const more = await feed.more(newestMax * 4);
      next = more.next;
      brought = more.blocks.length;
      blocks.push(...more.blocks);
    }
    for (const b of blocks.slice(-newestMax)) table.prepend(row(client, b));
    while (table.children.length > newestMax) table.lastElementChild.remove();
    const last = blocks[blocks.length - 1];
    if (!last) return;
    if (!checkpoint.contains(document.activeElement)) { // who reads there by keyboard keeps the place
      checkpoint.replaceChildren(...checkpointShown(client, last.certificate, checkpoint.querySelector("details")?.open));
    }
    put(followed, `Followed entry by entry from height ${whole(first)} to ${whole(last.header.height)}: each checkpoint extends the one before; nothing was changed or taken away.`);
  }

  async function update(_, model) {
    const now = Date.now();
    if (busy || now - at < refreshMS || BigInt(model.now?.height ?? 0) < next) return;
    [busy, at] = [true, now];
    try {
      await refresh(BigInt(model.now?.height ?? 0));
      complaint.replaceChildren();
    } catch (error) {
      feed = null;
      complaint.replaceChildren(refused(refusalText(error)));
    }
    busy = false;
  }

  const certificate = await client.checkpoint();
  put(since, await sinceLastVisit(certificate.checkpoint));
  checkpoint.replaceChildren(...checkpointShown(client, certificate, false));
  await refresh(certificate.checkpoint.height);
  return { element, update };
}

function row(client, b) {
  const gap = b.header.view - b.header.parentView - 1n;
  return h("tr", null, h("th", { scope: "row" }, link(`ledger/block/${b.header.height}`, whole(b.header.height))), h("td", null, timeShown(b.header.time)), h("td", null, b.proposer.name),
    h("td", { class: "number" }, whole(b.header.view)), h("td", { class: gap > 0n ? "number warn" : "number" }, whole(gap)), h("td", { class: "number" }, whole(b.entries.length)),
    h("td", null, h("span", { class: "good", "aria-hidden": "true" }, "✓ "), client.signers(b.certificate).join(", ")));
}

function checkpointShown(client, certificate, open) {
  const c = certificate.checkpoint, set = client.verifier.configuration(c.epoch).validators;
  const text = h("pre", { tabindex: 0, "aria-label": "The checkpoint as a signed note" });
  const details = h("details", { open }, h("summary", null, "As a signed note, for other tools"), text, h("p", { class: "fine" }, "C2SP tlog-checkpoint with cosignatures; the first signature only names the log and proves nothing."));
  const fill = () => details.open && signedNote(certificate, set).then((note) => (text.textContent = note), (error) => (text.textContent = refusalText(error)));
  details.addEventListener("toggle", fill);
  fill();
  return [verified(client, certificate), facts(["Height", whole(c.height)], ["Epoch and view", `${c.epoch}, ${whole(c.view)}`], ["Entries", whole(c.size)], ["Time", timeShown(c.time)],
    ["Ledger root", hashShown(c.ledger, "the ledger root")], ["State root", hashShown(c.state, "the state root")], ["Block", h("code", { class: "hash" }, hex(c.block))]), details];
}
