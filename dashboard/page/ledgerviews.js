// One block, one entry, one key of the ledger, as far as they were verified.

import { isName, limits } from "./canonical.js";
import { h } from "./dom.js";
import { whole } from "./format.js";
import { proofName, proofText } from "./prooffile.js";
import { bytesShown, download, facts, hashShown, link, refused, resultShown, said, timeShown, verified } from "./shown.js";

const listedMax = 256; // entries of a block that are listed

/** block shows one block with its entries. */
export async function block(client, height) {
  const { blocks } = await client.blocks(height, 1);
  const b = blocks.find((x) => x.header.height === height);
  if (!b) return refused(`There is no block of height ${whole(height)} yet.`);
  const x = b.header, gap = x.view - x.parentView - 1n;
  const own = b.certificate.checkpoint.height === height ? "" : `; its own height has no certificate, so it is final by that of height ${whole(b.certificate.checkpoint.height)}`;
  return h("article", null, h("h2", null, `Block ${whole(height)}`), verified(client, b.certificate),
    h("p", { class: "steps" }, height > 1n && link(`ledger/block/${height - 1n}`, "← ", whole(height - 1n)), link(`ledger/block/${height + 1n}`, whole(height + 1n), " →")),
    facts(["Id", hashShown(b.id, "the block's id")], ["Time", timeShown(x.time)], ["Proposer", b.proposer.name], ["Epoch and view", `${x.epoch}, ${whole(x.view)}`],
      ["Gap", gap === 0n ? "none: the view before brought its parent" : `${whole(gap)} views before it brought no block`], ["Stands on", hashShown(x.parent, "the parent's id")],
      ["Certificate", `by ${client.signers(b.certificate).join(", ")}${own}`], ["Entries", whole(b.entries.length)]),
    b.entries.length > 0 ? entryTable(b) : h("p", { class: "empty" }, "It holds no transactions."));
}

function entryTable(b) {
  const rows = b.entries.slice(0, listedMax).map((e, i) => h("tr", null,
    h("th", { scope: "row" }, link(`ledger/entry/${b.firstEntry + BigInt(i)}`, whole(b.firstEntry + BigInt(i)))), h("td", null, e.transaction.namespace),
    h("td", { class: "said" }, h("bdi", null, said(e.transaction))), h("td", null, resultShown(e.transaction, e.result)), h("td", { class: "number" }, whole(e.result.fuel))));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Entries of the block" }, h("table", null,
    h("thead", null, h("tr", null, [["Entry"], ["Namespace"], ["What"], ["Result"], ["Fuel", "number"]].map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))), h("tbody", null, rows)),
    b.entries.length > listedMax && h("p", { class: "fine" }, `${whole(b.entries.length - listedMax)} more are not listed; they were verified all the same.`));
}

/** entry shows one transaction with its result; get fetches its receipt. */
export async function entry(client, get) {
  const r = await get();
  return h("article", null, h("h2", null, `Entry ${whole(r.index)}`), verified(client, r.certificate), entryShown(r, r.id, link(`ledger/block/${r.height}`, whole(r.height))),
    h("p", { class: "choices" }, download(proofName(r.proof), proofText(r.proof), "Save the proof as a file"), h("span", { class: "fine" }, "It can be checked offline: here, or with ", h("code", null, "quoin proof verify"), ".")));
}

/** entryShown lists what an entry says. */
export function entryShown({ transaction: t, result }, id, height) {
  return facts(["Transaction", hashShown(id, "the transaction's id")], height && ["In block", height, h("span", { class: "fine" }, " (the node's word)")],
    ["Sender", t.sender ? hashShown(t.sender, "the sender's key") : "nobody: it is unsigned"], ["Namespace", t.namespace], ["What", h("bdi", null, said(t))],
    ["Payload", bytesShown(t.payload, "Payload")], ["Result", resultShown(t, result)], ["Output", bytesShown(result.output, "Output")],
    ["Fuel", whole(result.fuel)], ["Salt and expiry", `${t.salt}, height ${whole(t.expiry)}`]);
}

/** key shows what the certified state says of a key. */
export async function key(client, namespace, name) {
  if (!isName(namespace, limits.name) || name.length === 0) return refused("Write a key as namespace/key, such as kv/hello.");
  const v = await client.value(namespace, name);
  return h("article", null, h("h2", null, "Key ", h("bdi", null, `${namespace}/${new TextDecoder().decode(name)}`)), verified(client, v.certificate, v.value === null ? "Its absence was verified" : "Verified"),
    facts(["Namespace", namespace], ["Key", bytesShown(name, "Key")], ["Value", v.value === null ? h("strong", null, "It is not there.") : bytesShown(v.value, "Value")],
      ["As of height", whole(v.certificate.checkpoint.height)]),
    h("p", { class: "choices" }, download(proofName(v.proof), proofText(v.proof), "Save the proof as a file")));
}
