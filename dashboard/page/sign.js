// Governance with a key in the browser: what `quoin release` sends for one proposal or slot, said in
// words, signed here, submitted, and believed only with its receipt. The key stays in memory, cannot be
// taken out, and is gone with the view.

import { Refusal, decimal, equal, hex } from "./canonical.js";
import { command as commandLine, h } from "./dom.js";
import { whole } from "./format.js";
import { codeName, encodeCommand, inWords, isNote, noteMax } from "./governance.js";
import { facts, hashShown, link, refused, verified } from "./shown.js";
import { expiryFor, kernelTransaction, randomSalt, readKeyFile, signTransaction } from "./signing.js";
import { refusalText, trust, trustPanel } from "./trust.js";

// What can be signed here: what it is about, and what else it wants.
const actions = {
  approve: { about: "proposal", round: true, noted: true, text: "Approve a proposal, as an approver" },
  reject: { about: "proposal", round: true, noted: true, text: "Reject a proposal, as an approver" },
  veto: { about: "proposal", noted: true, text: "Object to a proposal, as a validator" },
  shadow: { about: "proposal", text: "Run what was approved beside what serves" },
  schedule: { about: "proposal", round: true, ahead: true, text: "Fix the height after which it takes effect" },
  confirm: { about: "proposal", round: true, noted: true, text: "Confirm a trial, so that it stays" },
  pause: { about: "proposal", noted: true, text: "Stop it until it is resumed, as a responder" },
  resume: { about: "proposal", noted: true, text: "Bring a paused proposal back to its beginning" },
  cancel: { about: "proposal", noted: true, text: "Withdraw a proposal, as its proposer" },
  retire: { about: "proposal", noted: true, text: "End what it brought for good" },
  rollback: { about: "slot", noted: true, text: "Return a slot to what served before" },
  lift: { about: "namespace", text: "Ask that a suspension ends, as an approver" },
};

// What needs files, or a second key, is the command line's.
const elsewhere = ["quoin release propose FILE", "quoin release attest NUMBER --kind security --result passed --report FILE", "quoin key rotate NEWFILE", "quoin key revoke KEY"];

const scheduleAhead = 20n; // as the command line's default

/** view makes the view of a signature; parts may say what is to be signed: the action, then what it is about. */
export function view(context, parts = []) {
  if (parts[0] && !Object.hasOwn(actions, parts[0])) return notHere(parts[0]);
  const holder = { pair: null }; // the key, in memory only
  const prepared = h("div", { role: "status", "aria-live": "polite" });
  const form = formOf(parts, holder, prepared);
  form.element.addEventListener("submit", async (event) => {
    event.preventDefault();
    prepared.replaceChildren(h("p", { class: "empty" }, "Looking…"));
    try {
      const client = await trust.client(context);
      prepared.replaceChildren(plan(client, await prepare(client, form.read()), holder));
    } catch (error) {
      prepared.replaceChildren(refused(refusalText(error)));
    }
    prepared.scrollIntoView({ block: "nearest" });
  });
  const panel = trustPanel(context, () => (panel.show(), prepared.replaceChildren()));
  return {
    element: h("section", { class: "view ledger sign" }, h("h1", null, "Sign a command"),
      h("p", { class: "seeing" }, "What is signed here is the same, byte for byte, as what the command line would send. Nothing is signed before you have seen what it says. ", link("ledger", "Back to the ledger")),
      panel.element, form.element, prepared,
      h("details", null, h("summary", null, "What only the command line signs"), elsewhere.map((text) => commandLine(text)))),
    update() {},
    close() {
      holder.pair = null;
    },
  };
}

/** notHere answers for a command that this page does not sign. */
function notHere(kind) {
  return {
    element: h("section", { class: "view ledger sign" }, h("h1", null, "Sign a command"), refused(`This page does not sign ${kind}; the command line does.`), elsewhere.map((text) => commandLine(text))),
    update() {},
    close() {},
  };
}

/** formOf makes the form; its read returns what was entered: {kind, action, about, height, note, pair}. */
function formOf([kind, ...about], holder, prepared) {
  const field = (id, label, input, hint) => h("p", { class: "field" }, h("label", { for: id }, label), input, hint && h("span", { class: "fine" }, hint));
  const what = h("select", { id: "sign-kind" }, Object.entries(actions).map(([name, a]) => h("option", { value: name, selected: name === kind }, `${name}: ${a.text}`)));
  const target = h("input", { id: "sign-about", required: true, autocomplete: "off", spellcheck: "false", value: about.join("/") });
  const height = h("input", { id: "sign-height", inputmode: "numeric", autocomplete: "off" });
  const note = h("input", { id: "sign-note", autocomplete: "off", maxlength: noteMax });
  const heightField = field("sign-height", "After height", height, `Empty: ${scheduleAhead} heights from now.`);
  const noteField = field("sign-note", "Note: why", note, "One line, for everybody to read for ever.");
  const targetLabel = h("label", { for: "sign-about" });
  const key = h("input", { id: "sign-key", type: "file" });
  const keyShown = h("p", { class: "fine", role: "status" });
  const shape = () => {
    const a = actions[what.value];
    targetLabel.textContent = { proposal: "Proposal's number", slot: "Slot, such as leader.v1 or machine.v1/bank", namespace: "Namespace" }[a.about];
    heightField.hidden = !a.ahead;
    noteField.hidden = !a.noted;
    prepared.replaceChildren();
  };
  what.addEventListener("change", shape);
  shape();
  key.addEventListener("change", async () => {
    holder.pair = null;
    prepared.replaceChildren();
    try {
      holder.pair = await readKeyFile(new Uint8Array(await key.files[0].slice(0, 8192).arrayBuffer()));
      keyShown.replaceChildren("It signs as ", hashShown(holder.pair.publicKey, "the public key"), ". It stays in this page's memory, cannot be taken out, and is gone when you leave.");
    } catch (error) {
      keyShown.replaceChildren(refused(refusalText(error)));
    }
    key.value = "";
  });
  return {
    element: h("form", { class: "signing" }, field("sign-kind", "Command", what), h("p", { class: "field" }, targetLabel, target), heightField, noteField,
      field("sign-key", "Key file", key, ["As ", h("code", null, "quoin key new"), " writes it. It is read here and sent nowhere."]), keyShown, h("button", { type: "submit" }, "Show what will be signed")),
    read: () => ({ kind: what.value, action: actions[what.value], about: target.value.trim(), height: height.value.trim(), note: note.value.trim(), pair: holder.pair }),
  };
}

/** prepare makes the command of what was entered, as it is now, and the transaction that carries it, unsigned. */
async function prepare(client, entered) {
  const { kind, action, about, note } = entered;
  if (!entered.pair) throw new Refusal("no-key", "Choose a key file first.");
  if (!isNote(note)) throw new Refusal("bad-note", `A note is one line of at most ${noteMax} bytes, without characters that cannot be seen.`);
  const now = (await client.checkpoint()).checkpoint.height;
  const command = { kind };
  const hints = [];
  if (action.noted) command.note = note;
  if (action.about === "proposal") {
    command.proposal = decimal(about) || wrongEntry("A proposal's number is a number from 1 on.");
    const { proposal } = await client.ask("ReleaseService", "GetProposal", { number: about });
    hints.push(`Proposal ${about} is for ${proposal?.slot ?? "?"}, and ${proposal?.status ?? "?"}: this node's word. See quoin release show ${about} for the verified record.`);
    if (action.round) command.restarts = (decimal(proposal?.round ?? "") || wrongEntry("The node does not say how often the proposal has begun.")) - 1n;
  } else if (action.about === "slot") {
    const { served } = await client.ask("ReleaseService", "ListHistory", { slot: about, limit: 1 });
    command.slot = about;
    command.from = decimal(served?.[0]?.number ?? "") || wrongEntry(`Nothing serves the slot ${about}.`);
    hints.push("What serves now is this node's word; the chain refuses the command if it is something else.");
  } else command.namespace = about;
  if (action.ahead) command.height = entered.height === "" ? now + scheduleAhead : (decimal(entered.height) ?? wrongEntry("The height is no number."));
  const unsigned = await kernelTransaction(entered.pair.publicKey, client.anchor.origin, { salt: randomSalt(), expiry: expiryFor(client.verifier), payload: encodeCommand(command) });
  return { ...unsigned, command, hints, line: lineOf(command, about) };
}

function wrongEntry(sentence) {
  throw new Refusal("bad-command", sentence);
}

/** lineOf returns the command line that does the same. */
function lineOf(command, about) {
  const quoted = (s) => `'${s.replaceAll("'", "'\\''")}'`;
  const height = command.height === undefined ? "" : ` --at ${command.height}`;
  return `quoin release ${command.kind} ${about}${height}${command.note ? ` --note ${quoted(command.note)}` : ""} --key FILE`;
}

/** plan says what will be signed, and sends it when the reader says so. */
function plan(client, p, holder) {
  const outcome = h("div", { role: "status", "aria-live": "polite" });
  const button = h("button", { type: "button", class: "primary" }, "Sign and submit");
  let signed = null;
  button.addEventListener("click", async () => {
    if (signed === null && !equal(holder.pair?.publicKey ?? new Uint8Array(), p.transaction.sender)) return outcome.replaceChildren(refused("Choose the key file again."));
    button.disabled = true;
    outcome.replaceChildren(h("p", { class: "empty" }, "Submitted; waiting until it is final…"));
    try {
      signed ??= await signTransaction(holder.pair.key, p.transaction, p.id);
      outcome.replaceChildren(...outcomeShown(client, await client.submit(signed)));
      button.hidden = true;
    } catch (error) {
      outcome.replaceChildren(refused(`${refusalText(error)} It may have been taken all the same: send the same again, which never executes it twice.`));
      [button.disabled, button.textContent] = [false, "Send the same again"];
    }
  });
  const t = p.transaction;
  return h("section", { class: "plan", "aria-labelledby": "plan-title" }, h("h2", { id: "plan-title" }, "You are about to sign"), h("p", { class: "words" }, h("bdi", null, inWords(p.command))),
    p.hints.map((text) => h("p", { class: "fine" }, text)),
    facts(["On the chain", client.anchor.origin.slice(0, -65), " ", h("code", { class: "hash" }, hex(client.anchor.digest))], ["As", whoSigns(client, t.sender)],
      ["Until height", whole(t.expiry)], ["Transaction", hashShown(p.id, "the transaction's id")], ["Payload", h("code", { class: "hash" }, hex(t.payload))]),
    h("p", { class: "choices" }, button), outcome, h("details", null, h("summary", null, "The same on the command line"), commandLine(p.line)));
}

/** whoSigns names the holder of a key, by the newest configuration that was verified. */
function whoSigns(client, publicKey) {
  const { members, validators, epoch } = client.verifier.configuration(client.verifier.epoch);
  const roles = ["proposer", "approver", "assessor", "responder"];
  const member = members.find((m) => equal(m.key, publicKey)), validator = validators.find((v) => equal(v.key, publicKey));
  const known = [member && `member ${member.name} of ${member.organisation} (${roles.filter((_, i) => (member.roles >> i) & 1).join(", ")})`, validator && `validator ${validator.name} of weight ${validator.weight}`].filter(Boolean);
  if (known.length > 0) return known.join(", and ");
  return h("span", { class: "bad" }, `the key ${hex(publicKey).slice(0, 12)}…, which is no member's and no validator's of epoch ${epoch}, unless it took over from one`);
}

function outcomeShown(client, { stage, code, receipt }) {
  if (stage === "STAGE_REFUSED") return [refused(`The node did not take it: ${code}.`)];
  if (stage === "STAGE_EXPIRED") return [refused("It was not included before its expiry height, and never will be. This is the node's word.")];
  const at = [" It is ", link(`ledger/entry/${receipt.index}`, `entry ${whole(receipt.index)}`), "."];
  const { code: result } = receipt.result;
  if (result !== 0) return [refused(`The chain refused the command: ${codeName(result)}. It changed nothing.`), h("p", null, ...at), verified(client, receipt.certificate)];
  return [h("p", { class: "good" }, "Done.", ...at), verified(client, receipt.certificate, "Its receipt was verified")];
}
