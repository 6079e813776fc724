// What the reader trusts: the genesis of one chain, chosen from disk or pinned at the first visit,
// and the light client that verifies from there. It is kept in this browser, for this address.

import { Refusal, hex } from "./canonical.js";
import { h } from "./dom.js";
import { LightClient } from "./lightclient.js";
import { forgetSeen } from "./seen.js";
import { genesisAnchor, requireEd25519 } from "./verify.js";

const place = "quoin-genesis"; // in localStorage: {text, from, at}
const fromNode = "node", fromFile = "file";

function stored() {
  try {
    return JSON.parse(localStorage.getItem(place));
  } catch {
    return null;
  }
}

function store(pin) {
  try {
    if (pin === null) localStorage.removeItem(place);
    else localStorage.setItem(place, JSON.stringify(pin));
  } catch {
    // It is trusted until the page is closed.
  }
}

/** Trust holds the anchor and the client of this page; one for all its views. */
class Trust {
  #ready = null;
  pin = stored();

  /** client returns the light client, beginning at the pinned genesis, or at this node's at the first visit. */
  client(context) {
    this.#ready ??= this.#begin(context);
    this.#ready.catch(() => (this.#ready = null));
    return this.#ready;
  }

  async #begin(context) {
    await requireEd25519();
    const offered = await context.genesis();
    this.pin ??= { text: offered, from: fromNode, at: Date.now() };
    const anchor = await genesisAnchor(this.pin.text);
    const theirs = await genesisAnchor(offered);
    if (theirs.origin !== anchor.origin) {
      throw new Refusal("anchor", `This node's genesis is of ${theirs.origin}; you trust ${anchor.origin}. Nothing that it says is believed. If you mean the other chain, forget what is pinned.`);
    }
    store(this.pin);
    this.anchor = anchor;
    return new LightClient(context.api, anchor);
  }

  /** choose trusts a genesis file from disk. */
  async choose(text) {
    await genesisAnchor(text);
    this.#take({ text, from: fromFile, at: Date.now() });
  }

  /** forget goes back to the first visit. */
  forget() {
    store(null);
    forgetSeen();
    this.#take(null);
  }

  #take(pin) {
    this.pin = pin;
    this.anchor = undefined;
    this.#ready = null;
  }
}

export const trust = new Trust();

/** refusalText says why something is not shown: a refusal of ours, or a node's. */
export function refusalText(error) {
  if (error instanceof Refusal) return `Refused (${error.code}): ${error.message}`;
  return error.status ? `The node refused (${error.code ?? error.status}): ${error.message}` : `The node could not be asked: ${error.message}`;
}

/** trustPanel shows what is trusted and lets the reader change it; changed() is called afterwards. */
export function trustPanel(context, changed) {
  const element = h("section", { class: "trust", "aria-label": "What you trust" });
  const complaint = h("p", { class: "refusal", role: "alert", hidden: true });
  const file = h("input", { type: "file", accept: ".json,application/json", id: "genesis-file" });
  file.addEventListener("change", async () => {
    complaint.hidden = true;
    try {
      await trust.choose(await file.files[0].text());
      changed();
    } catch (error) {
      complaint.textContent = refusalText(error);
      complaint.hidden = false;
    }
    file.value = "";
  });
  const forget = h("button", { type: "button", on: { click: () => (trust.forget(), changed()) } }, "Forget it");

  async function show() {
    try {
      await trust.client(context);
      element.replaceChildren(...said(), change(), complaint);
    } catch (error) {
      element.replaceChildren(h("p", { class: "refusal", role: "alert" }, refusalText(error)), change(), complaint);
    }
  }

  function said() {
    const { pin, anchor } = trust, when = new Date(pin.at).toLocaleString();
    const how = pin.from === fromFile
      ? h("p", null, h("strong", null, "You chose this genesis from disk"), ` (${when}). All that is marked as verified below follows from it.`)
      : h("p", null, h("strong", null, "Trusted on first use: this genesis came from this node"), ` (${when}). What is verified below shows that the node is true to it, not that it is the chain you mean. Compare the hash with somebody you trust: `, h("code", null, "quoin context show"), " prints it.");
    return [how, h("dl", { class: "facts" }, h("dt", null, "Chain"), h("dd", null, anchor.origin.slice(0, -65)), h("dt", null, "Genesis hash"), h("dd", null, h("code", { class: "hash" }, hex(anchor.digest))))];
  }

  function change() {
    return h("details", null, h("summary", null, "Trust something else"),
      h("p", null, "A genesis file that you have by a road you trust is better than one from the node that it is to check. It stays in this browser."),
      h("p", { class: "choices" }, h("label", { for: "genesis-file" }, "Genesis file"), file, forget),
      h("p", { class: "fine" }, "The program of this page came from this node as well. To depend on nothing of it, run ", h("code", null, "quoin proof verify"), " on your own machine."));
  }

  show();
  return { element, show };
}
