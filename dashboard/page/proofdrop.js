// Proof files from disk, checked against what the reader trusts. Nobody is asked, and nothing is sent.

import { h } from "./dom.js";
import { whole } from "./format.js";
import { entryShown } from "./ledgerviews.js";
import { proofFileMax, verifyProof } from "./prooffile.js";
import { bytesShown, facts, refused } from "./shown.js";
import { refusalText, trust } from "./trust.js";

/** proofDrop makes the place where proof files are chosen or dropped. */
export function proofDrop(context) {
  const result = h("div", { role: "status", "aria-live": "polite" });
  const file = h("input", { type: "file", id: "proof-file", accept: ".json,.proof,application/json" });
  const take = async (chosen) => {
    if (!chosen) return;
    result.replaceChildren(h("p", { class: "empty" }, `Verifying ${chosen.name}…`));
    result.replaceChildren(...(await check(context, chosen)));
  };
  file.addEventListener("change", () => take(file.files[0]).then(() => (file.value = "")));
  const element = h("section", { class: "drop", "aria-labelledby": "proof-title" }, h("h2", { id: "proof-title" }, "Verify a proof file"),
    h("p", null, h("label", { for: "proof-file" }, "Choose a file, or drop it here: what ", h("code", null, "--proof"), " of ", h("code", null, "quoin tx"), " or ", h("code", null, "quoin get"), " wrote. It is checked in this browser; nothing is sent.")),
    file, result);
  const over = (on) => (event) => {
    event.preventDefault();
    element.toggleAttribute("data-over", on);
  };
  element.addEventListener("dragover", over(true));
  element.addEventListener("dragleave", over(false));
  element.addEventListener("drop", (event) => {
    over(false)(event);
    take(event.dataTransfer.files[0]);
  });
  return element;
}

async function check(context, chosen) {
  try {
    await trust.client(context);
    if (chosen.size > proofFileMax) return [refused(`${chosen.name} has ${whole(chosen.size)} bytes, limit ${whole(proofFileMax)}.`)];
    const x = await verifyProof(new Uint8Array(await chosen.arrayBuffer()), trust.anchor);
    const c = x.checkpoint;
    const head = h("p", { class: "verified" }, h("span", { class: "sign", "aria-hidden": "true" }, "✓"),
      h("span", null, `${chosen.name} is genuine: certified at height ${whole(c.height)} of epoch ${c.epoch} by ${x.signers.join(", ")}.`));
    if (x.kind === "entry") return [head, h("h3", null, `Entry ${whole(x.index)}`), entryShown(x.entry, x.id)];
    return [head, facts(["Namespace", x.namespace], ["Key", bytesShown(x.key, "Key")], ["Value", x.present ? bytesShown(x.value, "Value") : h("strong", null, "It is not there.")])];
  } catch (error) {
    return [refused(`${chosen.name} proves nothing. ${refusalText(error)}`)];
  }
}
