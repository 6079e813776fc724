// What serves each slot, what it costs, how it faults, and how what runs in the shadow compares.

import { h, mark, put, rows, s } from "./dom.js";
import { ago, bytes, hexOf, number, percent, proposed, serving, short, time, whole } from "./format.js";
import { newWindow } from "./chart.js";
import { costKey, faults, openProposals, rates } from "./model.js";
import { charts } from "./series.js";
import { classes, terms } from "./words.js";

const columns = [["Calls/s"], ["Calls"], ["Fuel/s"], ["Fuel a call"], ["ns/fuel"], ["Slowest call"], ["Memory"], ["Compiled in"], ["Faults"]];

export function plugins(context) {
  const slots = h("div", { class: "slots" }), beside = h("div"), drawn = charts(["guest", "fuel"]), span = newWindow(() => context.redraw()), files = h("tbody");
  const element = h("div", { class: "view" }, h("h1", null, "Plugins"),
    h("p", { class: "seeing" }, "What am I seeing? The kernel asks plugins at fixed places, the slots. Each plugin runs in a sandbox that counts its work in fuel: the same call costs the same fuel on every machine, and here you see what a unit of it costs this one. When a plugin faults, a built-in answers in its stead."),
    h("section", { "aria-labelledby": "beside-name" }, h("h2", { id: "beside-name" }, "Beside what serves"), h("p", { class: "seeing" }, "A candidate in the shadow answers the same calls as what serves; on trial it is the other way round. Shares are of the calls that this node compared. ", terms.interval), beside),
    h("section", { "aria-labelledby": "slots-name" }, h("h2", { id: "slots-name" }, "Slots"), slots),
    h("div", { class: "bar" }, h("h2", null, "Over time"), span.element), h("div", { class: "charts" }, drawn.map((c) => c.element)),
    h("section", { "aria-labelledby": "files-name" }, h("h2", { id: "files-name" }, "Release files on this node"), h("p", { class: "seeing" }, "Files that governance names are fetched from other nodes, checked, and compiled in the background."),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Release files on this node" }, h("table", null, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Digest"), h("th", { scope: "col" }, "State"), h("th", { scope: "col" }, "Why"))), files))));

  return {
    element,
    update(_, model) {
      if (!model.now) return;
      showBeside(model, beside);
      const list = (model.governed?.serving ?? []).filter((x) => x.class !== "G");
      rows(slots, list, (x) => x.slot, newSlot, (card, x) => fillSlot(model, card, x));
      for (const c of drawn) c.update(model);
      span.show();
      rows(files, model.releases, (r) => r.digest, () => h("tr", null, h("td", { class: "mono" }), h("td"), h("td")), (tr, r) => {
        put(tr.children[0], short(r.digest));
        put(tr.children[1], r.state);
        put(tr.children[2], r.reason ?? "");
        mark(tr.children[0], "title", r.digest);
      });
    },
    close() {},
  };
}

function newSlot(x) {
  return h("article", { class: "card" }, h("h2", null, h("span"), h("span", { class: "pill" }), h("span", { class: "pill on" })), h("p", { class: "seeing" }),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Costs of ${x.slot}` }, h("table", null, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Answered by"), columns.map(([c]) => h("th", { scope: "col", class: "number" }, c)))), h("tbody"))));
}

function fillSlot(model, card, x) {
  const [name, kind, now] = card.querySelector("h2").children;
  put(name, x.slot);
  put(kind, `class ${x.class}`);
  mark(kind, "title", classes[x.class]);
  put(now, `${serving(x)} since height ${whole(x.since)}`);
  put(card.children[1], `${x.purpose ? `Decides ${x.purpose.replace(/\.$/, "")}. ` : ""}${classes[x.class] ?? ""}${x.fallback ? ` If it faults, the built-in ${x.fallback} answers.` : ""}`);
  const costs = model.costs.filter((c) => c.slot === x.slot);
  const serves = (c) => (c.builtin ?? "") === (x.builtin ?? "") && (c.release ?? "") === (x.release ?? "");
  costs.sort((a, b) => serves(b) - serves(a) || b.last - a.last);
  const list = costs.length ? costs : [{ slot: x.slot, none: true }];
  rows(card.querySelector("tbody"), list, costKey, () => h("tr", null, h("th", { scope: "row" }), columns.map(() => h("td", { class: "number" }))), (tr, c) => {
    const r = c.none ? {} : rates(model, c), compiled = model.compiled.get(c.release);
    put(tr.children[0], c.none ? "not asked yet" : `${nameOfCost(model, c, x)}${serves(c) ? "" : ", earlier"}`);
    const codes = Object.entries(c.faults ?? {}).map(([code, n]) => `${whole(n)} × ${code}`).join(", ");
    const values = c.none ? columns.map(() => "–") : [number(Math.round(r.calls * 10) / 10), number(c.calls), number(Math.round(r.fuel)), c.calls ? number(Math.round(c.fuel / c.calls)) : "–", c.fuel && c.nanos ? number(c.nanos / c.fuel) : "–",
      c.slowest ? time(c.slowest / 1e6) : "–", c.memory ? bytes(c.memory) : "–", compiled ? (compiled.error ? "failed" : time(compiled.ms)) : "–", faults(c) ? codes : "none"];
    values.forEach((v, i) => put(tr.children[i + 1], v));
    mark(tr, "title", c.last ? `last asked ${ago(model.time, c.last * 1000)}` : undefined);
  });
}

function nameOfCost(model, c, x) {
  if (c.builtin) return `${c.builtin} (built-in)`;
  if (c.release && c.release === x.release) return serving(x);
  const p = model.governed?.proposals.find((p) => p.whole.name && hexOf(p.whole.binding?.release) === c.release);
  return p ? proposed(p.whole) : `release ${short(c.release)}`;
}

const comparisonsMost = 3; // shown at once: each proposal has its own in Releases

/** showBeside shows comparisons of candidates with what serves. */
export function showBeside(model, parent, only) {
  const list = model.comparisons.filter((c) => !only || c.proposal === only).slice(0, comparisonsMost);
  rows(parent, list.length ? list : [{ none: true }], (c) => (c.none ? "none" : `${c.proposal}/${c.round}/${!!c.trial}`), (c) => (c.none ? h("p", { class: "empty" }, only ? "This node has compared nothing of it yet." : "Nothing is compared now. `quoin release shadow` begins a shadow of what was approved.") :
    h("article", { class: "card" }, h("h3", null, h("a", { href: `#/releases/${c.proposal}` })), h("p", { class: "seeing" }), h("div", { class: "share" }))), (card, c) => {
    if (c.none) return;
    const p = model.governed?.proposals.find((p) => p.number === c.proposal);
    put(card.querySelector("a"), `Proposal ${c.proposal}${p ? `: ${proposed(p.whole)} for ${p.whole.slot}` : ""}`);
    put(card.children[1], `${c.trial ? "On trial: it serves, and what served before runs beside it." : "In the shadow: its answers are discarded."} ${whole(c.compared)} calls in ${whole(c.blocks)} blocks compared here${c.skipped ? `, ${whole(c.skipped)} left out for want of fuel` : ""}.${openProposals(model).includes(p) ? "" : " It is over."}`);
    const box = card.children[2];
    if (!box.children.length) for (const name of ["Other results", "Faults of the candidate alone"]) box.append(h("span", null, name), bar(), h("span"));
    [c.differs, c.faulted].forEach((x, i) => {
      const most = fillBar(box.children[i * 3 + 1], x, ["other results", "faults"][i]);
      put(box.children[i * 3 + 2], `${percent(x.share)} (95 %: ${percent(x.low)} to ${percent(x.high)})${most < 1 ? `; the bar ends at ${percent(most)}` : ""}`);
    });
  });
}

const bar = () => s("svg", { viewBox: "0 0 100 18", preserveAspectRatio: "none", role: "img" }, s("rect", { class: "track", y: 6, width: 100, height: 6 }), s("rect", { class: "range", y: 3, height: 12 }), s("rect", { class: "point", y: 1, width: 0.8, height: 16 }));

// A bar goes up to the least power of ten that holds the interval, and that is returned: a small share is worth seeing.
function fillBar(svg, x, name) {
  const most = [0.001, 0.01, 0.1, 1].find((m) => x.high <= m) ?? 1;
  const [, range, point] = svg.children;
  mark(range, "x", (x.low / most) * 100);
  mark(range, "width", Math.max(0.5, ((x.high - x.low) / most) * 100));
  mark(point, "x", Math.min((x.share / most) * 100, 99.2));
  mark(svg, "aria-label", `${name}: ${percent(x.share)}, interval ${percent(x.low)} to ${percent(x.high)}, on a bar up to ${percent(most)}`);
  return most;
}
