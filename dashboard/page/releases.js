// Proposals: where each stands, who said what, what is missing, and how to go on.

import { command, h, mark, put, rows, s } from "./dom.js";
import { bytes, hexOf, number, proposed, serving, standing, time, whole } from "./format.js";
import { activation } from "./model.js";
import { showBeside } from "./plugins.js";
import { classes, ends, stages } from "./words.js";

const names = stages.map(([name]) => name);

/** releases makes the list, or the view of one proposal. */
export function releases(context, [part]) {
  return part && /^[0-9]+$/.test(part) ? one(context, Number(part)) : list();
}

function list() {
  const body = h("tbody"), serve = h("tbody");
  const element = h("div", { class: "view" }, h("h1", null, "Releases"),
    h("p", { class: "seeing" }, "What am I seeing? A new algorithm is proposed, checked by every validator, approved by people, tried beside what serves, and takes over at a fixed height on all nodes alike. Each step is a signed transaction on the ledger. Going back is always short."),
    h("section", { "aria-labelledby": "proposals-name" }, h("h2", { id: "proposals-name" }, "Proposals, the newest first"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Proposals" }, h("table", null, h("thead", null, h("tr", null, ["Number", "What", "For", "Road", "Where it stands"].map((c) => h("th", { scope: "col" }, c)))), body)),
      h("p", { class: "empty", hidden: true }, "Nothing was ever proposed. Build a plugin and propose it:", command("quoin release propose my-leader/my-leader.wasm"))),
    h("section", { "aria-labelledby": "serving-name" }, h("h2", { id: "serving-name" }, "What serves now"), h("p", { class: "seeing" }, "Each slot, who serves it, since which height, and why."),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "What serves now" }, h("table", null, h("thead", null, h("tr", null, ["Slot", "Class", "Served by", "Since height", "Because of"].map((c, i) => h("th", { scope: "col", class: i === 3 ? "number" : undefined }, c)))), serve))));
  const empty = element.querySelector(".empty");
  return {
    element,
    update(_, model) {
      const proposals = model.governed?.proposals ?? [];
      empty.hidden = proposals.length > 0;
      rows(body, proposals, (p) => p.number, (p) => h("tr", null, h("th", { scope: "row" }, h("a", { href: `#/releases/${p.number}` }, String(p.number))), h("td"), h("td"), h("td", null, track(true)), h("td")), (tr, p) => {
        put(tr.children[1], proposed(p.whole));
        put(tr.children[2], p.whole.slot ?? "");
        fillTrack(tr.children[3].firstChild, p.whole);
        put(tr.children[4], standing(p));
      });
      rows(serve, model.governed?.serving ?? [], (x) => x.slot, () => h("tr", null, h("th", { scope: "row" }), h("td"), h("td"), h("td", { class: "number" }), h("td")), (tr, x) => {
        const because = x.proposal ? `${x.cause} (${x.proposal})` : x.cause;
        [x.slot, x.class, x.class === "G" && !x.release && !x.builtin ? "the configuration" : serving(x), whole(x.since), because].forEach((text, i) => put(tr.children[i], text));
        mark(tr.children[1], "title", classes[x.class]);
      });
    },
    close() {},
  };
}

/** track draws the road of a proposal. */
function track(small) {
  return h("ol", { class: small ? "track small" : "track", "aria-label": "Its road" }, stages.map(([, name]) => h("li", { title: small ? name : undefined }, h("i", { "aria-hidden": "true" }), small ? h("span", { class: "unseen" }, name) : name, h("span", { class: "unseen" }))));
}

function fillTrack(list, p) {
  const left = !names.includes(p.status) && !["superseded", "deprecated", "retired"].includes(p.status);
  const reached = left ? reachedBy(p) : names.includes(p.status) ? names.indexOf(p.status) : names.length - 1;
  [...list.children].forEach((li, i) => {
    const skipped = (names[i] === "shadow" && !Number(p.plan?.shadow)) || (names[i] === "trial" && !Number(p.plan?.trial));
    const state = left && i === reached ? "left" : i < reached ? (skipped ? "" : "done") : i === reached ? (p.status === "active" ? "done" : "here") : "";
    mark(li, "class", state);
    mark(li, "aria-current", state === "here" ? "step" : undefined);
    put(li.children[0], state === "left" ? "✕" : state === "done" ? "✓" : skipped ? "–" : String(i + 1));
    put(li.lastChild, state === "left" ? `: ${p.status} here` : state === "done" ? ": done" : state === "here" ? ": now" : skipped ? ": left out" : ": not yet");
  });
}

// How far a proposal came that has left its road.
function reachedBy(p) {
  if (["rolled-back", "quarantined"].includes(p.status)) return names.indexOf(Number(p.plan?.trial) ? "trial" : "active");
  if (Number(p.scheduledHeight)) return names.indexOf("scheduled");
  if (Number(p.shadowFrom)) return names.indexOf("shadow");
  return p.ending?.why === "precheck" ? 0 : 1;
}

const meaningOf = (status) => stages.find(([name]) => name === status)?.[2] ?? ends[status] ?? "";

function one(context, n) {
  const element = h("div", { class: "view" });
  let text = "", fetched = null;
  const head = h("div"), road = track(false), body = h("div"), beside = h("div"), count = h("p", { class: "countdown", hidden: true }), meaning = h("p", { class: "stage-text" });
  element.append(h("p", { class: "note" }, h("a", { href: "#/releases" }, "All proposals")), head, road, meaning, count, h("section", null, h("h2", null, "Beside what serves, as this node sees it"), beside), body);
  return {
    element,
    update(_, model) {
      if (!model.governed) return;
      let p = model.governed.proposals.find((p) => p.number === n);
      if ((!p || !p.open) && fetched === null) { // closed: its voices are the API's to tell
        fetched = false;
        context.api("ReleaseService", "GetProposal", { number: String(n) }).then((answer) => { fetched = answer.proposal; text = ""; context.redraw(); }, (error) => { if (!p) head.replaceChildren(h("h1", null, `Proposal ${n}`), h("p", { class: "empty" }, `It cannot be shown: ${error.message}`)); });
      }
      if (!p && fetched) p = { number: n, whole: fetched, stands: fetched.status };
      if (!p) return;
      const it = p.open || !fetched ? p.whole : { ...fetched, ...p.whole, reviews: fetched.reviews, evidence: fetched.evidence, validators: fetched.validators, releaseFacts: fetched.releaseFacts, parameters: fetched.parameters, members: fetched.members, policies: fetched.policies, validatorSet: fetched.validatorSet, tally: fetched.tally };
      fillTrack(road, it);
      put(meaning, `It is ${standing(p)}. ${meaningOf(it.status)}`);
      const due = activation(model, it);
      count.hidden = !due;
      if (due) put(count, `${whole(due.heights)} heights to go${due.ms >= 0 ? `, about ${time(due.ms)}` : ""}: takes over at height ${whole(due.height)}`);
      showBeside(model, beside, n);
      const now = JSON.stringify([it, p.missing, p.next, p.explain?.missing]);
      if (now === text) return;
      text = now;
      head.replaceChildren(h("h1", null, `${n}: ${proposed(it)}`), h("p", { class: "seeing" }, `For ${it.slot}, class ${it.class}. ${classes[it.class] ?? ""} Proposed by ${it.proposerName || "somebody"}${it.proposerOrganisation ? ` of ${it.proposerOrganisation}` : ""} at height ${whole(it.proposedHeight ?? 0)}${Number(it.round) > 1 ? `, in its round ${it.round}` : ""}.`), it.note ? h("p", null, h("q", null, it.note)) : "");
      body.replaceChildren(...sections(p, it));
    },
    close() {},
  };
}

function sections(p, x) {
  const made = [];
  const section = (name, explain, ...content) => made.push(h("section", { class: "card" }, h("h2", null, name), explain && h("p", { class: "seeing" }, explain), ...content));
  if (x.ending?.meaning) section("Why it is where it is", "", h("p", null, `${x.ending.meaning[0].toUpperCase()}${x.ending.meaning.slice(1)}, at height ${whole(x.ending.height ?? 0)}.`), x.ending.note ? h("p", null, h("q", null, x.ending.note)) : "");
  if (p.open) section("What it needs to go on", "The kernel's own floors, and the policy of its class.", p.missing?.length ? h("ul", { class: "missing" }, p.missing.map((m) => h("li", null, m))) : h("p", null, "Nothing: the next step can be taken."),
    p.explain?.expression ? h("details", null, h("summary", null, `The policy of the step ${p.explain.step}`), h("pre", { class: "scroll", tabindex: 0, "aria-label": "Policy" }, p.explain.expression)) : "");
  actions(p, x, section);
  const t = x.tally;
  if (t) section("Weights", "A bar is all of the validators' weight; the line is what must be reached.", h("div", { class: "share" },
    ...[["Found that it can run", t.prechecked, t.quorum], ["Say that they are ready", t.ready, t.readyNeeded], ["Report good health", t.good, t.quorum], ["Report bad health", t.bad, t.stop], ["Object", t.vetoes, t.stop]].filter(([name]) => p.open || !name.includes("health")).flatMap(([name, have, need]) => [h("span", null, name), weight(Number(have ?? 0), Number(need ?? 0), Number(t.weight ?? 0)), h("span", null, `${have ?? 0} of ${t.weight}; ${need} ${name.includes("bad") || name === "Object" ? "stop it" : "are enough"}`)])));
  if (x.validators?.length) section("What validators say", "", table(["Validator", "Weight", "Check", "Ready", "Health", "Objects"], x.validators.map((v) => [v.name, v.weight ?? "0", v.precheck ?? "nothing yet", v.ready ? `yes, at height ${v.readyHeight}` : v.readyHeight ? "not any more" : "no", v.health ? `${v.health}${v.healthThrough ? `, up to ${v.healthThrough}` : ""}` : "nothing yet", v.vetoHeight ? `at height ${v.vetoHeight}` : "no"])));
  section("What people say", "Approvals of its proposer and author do not count.", x.reviews?.length ? table(["Member", "Organisation", "Says", "Counts", "Why"], x.reviews.map((r) => [r.member, r.organisation, r.approves ? "✓ approves" : "✕ rejects", r.counts ? "yes" : "no", r.note ?? ""])) : h("p", { class: "note" }, "Nobody has said anything yet."));
  if (x.evidence?.length) section("Evidence", "Assessments of people; only digests of their reports are on the ledger.", table(["Kind", "Result", "By", "Counts until", "Why"], x.evidence.map((e) => [e.kind, e.result, `${e.member} (${e.organisation})`, e.expired ? "expired" : `height ${e.untilHeight}`, e.note ?? ""])));
  const plan = x.plan ?? {}, f = x.releaseFacts, b = x.binding;
  const facts = [["Shadow", Number(plan.shadow) ? `${plan.shadow} heights` : "none"], ["Trial", Number(plan.trial) ? `${plan.trial} heights` : "none: it serves for good at once"], plan.diverges && ["Results", "are meant to differ"], plan.state && ["State", plan.state],
    x.shadow && ["Agreed on the ledger", `${number(Number(x.shadow.compared ?? 0))} calls compared, ${x.shadow.diverged ?? 0} with other results, ${x.shadow.faults ?? 0} faults`], b?.release && ["Digest", hexOf(b.release)], f?.size && ["Size", bytes(Number(f.size))], f?.authorName && ["Author", f.authorName],
    b?.fuelMax && ["Fuel of a call, at most", number(Number(b.fuelMax))], b?.grants?.length && ["May use", b.grants.join(", ")], x.scheduledHeight && ["Scheduled at height", x.scheduledHeight], x.activationHeight && ["Last height before it", x.activationHeight]].filter(Boolean);
  section("Plan and facts", "", h("dl", { class: "factlist" }, facts.flatMap(([name, value]) => [h("dt", null, name), h("dd", name === "Digest" ? { class: "mono" } : null, value)])));
  if (x.parameters?.length) section("Parameters that change", "", table(["Parameter", "From", "To", "Class"], x.parameters.map((c) => [c.name, c.from ?? "0", c.to ?? "0", c.class])));
  return made;
}

// What can be done now: the command line's words, and the same by a key in this browser.
function actions(p, x, section) {
  const todo = new Map();
  if (p.next) todo.set(p.next.match(/^quoin release ([a-z]+)/)?.[1] ?? "", p.next);
  if (p.open && ["prechecked"].includes(x.status)) todo.set("reject", `quoin release reject ${p.number} --note "why"`);
  if (["shadow", "scheduled", "trial", "active"].includes(x.status)) todo.set("pause", `quoin release pause ${p.number} --as RESPONDER --note "why"`);
  if (["trial", "active", "deprecated"].includes(x.status)) todo.set("rollback", `quoin release rollback ${x.slot}`);
  if (p.open && x.status !== "trial") todo.set("cancel", `quoin release cancel ${p.number}`);
  if (!todo.size) return;
  section("What you can do", "Copy a command, or sign the same with a key in this browser. Nothing is sent before you have seen what it says.", ...[...todo].map(([action, text]) => h("div", { class: "action" }, command(text, `command: ${action}`),
    h("p", { class: "note" }, h("a", { href: `#/ledger/sign/${action}/${encodeURIComponent(action === "rollback" ? x.slot : p.number)}` }, `Sign “${action}” here`)))));
}

function weight(have, need, all) {
  const at = (n) => (all ? Math.min(100, (n / all) * 100) : 0);
  return s("svg", { class: "weight", viewBox: "0 0 100 14", preserveAspectRatio: "none", role: "img", "aria-label": `${have} of ${all}, ${need} needed` }, s("rect", { class: "track-bar", y: 3, width: 100, height: 8 }), s("rect", { class: "have", y: 3, width: at(have), height: 8 }), s("line", { class: "need", x1: at(need), x2: at(need), y1: 0, y2: 14, "vector-effect": "non-scaling-stroke" }));
}

const table = (columns, lines) => h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": columns[0] }, h("table", null, h("thead", null, h("tr", null, columns.map((c) => h("th", { scope: "col" }, c)))), h("tbody", null, lines.map(([first, ...rest]) => h("tr", null, h("th", { scope: "row" }, first), rest.map((c) => h("td", null, String(c ?? ""))))))));
