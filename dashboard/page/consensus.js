// Who said what in which view, live: a column for each view, a row for each validator. And one view in time.

import { h, mark, put, s } from "./dom.js";
import { clock, time, whole } from "./format.js";
import { newWindow } from "./chart.js";
import { nameOf } from "./model.js";
import { charts } from "./series.js";
import { terms } from "./words.js";

const fast = 12, calm = 2000; // columns at once: then the picture moves so often, in milliseconds
const laneHeight = 26, columnWidth = 26, head = 20, foot = 20, lanesMost = 40;
const said = ["propose", "notarize", "nullify", "finalize"];

/** saidIn puts what was heard in a view in order: for each validator the offsets of what it said. */
function saidIn(view) {
  const by = new Map();
  for (let i = 0; i + 2 < (view.heard?.length ?? 0); i += 3) {
    const [validator, message, offset] = view.heard.slice(i, i + 3);
    if (!by.has(validator)) by.set(validator, {});
    by.get(validator)[said[message]] = offset;
  }
  return by;
}

/** glyph draws what a validator said last, around a place. Shapes differ, not only colours. */
function glyph(kind, x, y) {
  switch (kind) {
    case "propose": return s("path", { class: "glyph g-propose", d: `M${x} ${y - 6}l6 6-6 6-6-6z` });
    case "notarize": return s("circle", { class: "glyph g-notarize", cx: x, cy: y, r: 4.5 });
    case "finalize": return s("circle", { class: "glyph g-finalize", cx: x, cy: y, r: 5 });
    case "nullify": return s("path", { class: "glyph g-nullify", d: `M${x - 4} ${y - 4}l8 8M${x + 4} ${y - 4}l-8 8` });
    default: return s("circle", { class: "glyph g-none", cx: x, cy: y, r: 2 });
  }
}

const last = (words) => (words?.finalize ? "finalize" : words?.nullify ? "nullify" : words?.notarize ? "notarize" : words?.propose ? "propose" : "none");

/** outcome says what became of a view. */
function outcome(view) {
  if (view.certified) return ["final", `block ${whole(view.height)} final after ${time((view.certified - (view.entered || 0)) / 1000)}`];
  if (view.nullified) return ["lost", view.timed_out ? "given up after a time-out" : "given up"];
  if (view.timed_out) return ["lost", "timed out"];
  if (view.notarized) return ["", "notarized, not final yet"];
  return ["", "under way"];
}

const sentence = (model, view) => `View ${view.view} of epoch ${view.epoch}${view.rescue ? ", a rescue view" : ""}, led by ${nameOf(model, view.leader)}: ${outcome(view)[1]}`;

export function consensus(context) {
  const lanes = s("svg", { "aria-hidden": "true" });
  const box = h("div", { class: "lanes", tabindex: 0, role: "slider", "aria-label": "Views: choose one with the arrow keys", "aria-valuemin": 0 }, lanes);
  const follow = h("button", { type: "button", "aria-pressed": "true" }, "Following the newest");
  const one = s("svg", { role: "img", class: "chart", height: 10 }), facts = h("dl", { class: "factlist" }), title = h("h2", null, "One view"), body = h("tbody");
  const drawn = charts(["timeouts", "latency", "blocks", "pending", "fsync", "behind"]), span = newWindow(() => context.redraw());
  const item = (kind, text) => h("span", null, s("svg", { width: 16, height: 16, "aria-hidden": "true" }, glyph(kind, 8, 8)), text);
  const element = h("div", { class: "view" }, h("h1", null, "Consensus"),
    h("p", { class: "seeing" }, "What am I seeing? ", terms.view, " Columns are views, the newest on the right; rows are validators, as this node hears them. A row of small dots is a validator that says nothing. A fast network has more views than fit here: those in which something went wrong always come, of the others the newest."),
    h("div", { class: "bar" }, h("h2", null, "Views"), follow),
    h("p", { class: "legendrow" }, item("propose", "proposed"), item("notarize", "voted for its result"), item("finalize", "signed the checkpoint"), item("nullify", "gave the view up"), item("none", "nothing heard"),
      h("span", null, s("svg", { width: 16, height: 16, "aria-hidden": "true" }, s("rect", { class: "leading", x: 1, y: 1, width: 14, height: 14, rx: 3 })), "leader"), h("span", null, s("svg", { width: 16, height: 16, "aria-hidden": "true" }, s("rect", { class: "rescue-column", width: 16, height: 16 })), "R: rescue view"), h("span", null, s("svg", { width: 16, height: 16, "aria-hidden": "true" }, s("line", { class: "lane-gap", x1: 8, x2: 8, y1: 0, y2: 16 })), "views left out"), h("span", null, s("svg", { width: 16, height: 16, "aria-hidden": "true" }, s("line", { class: "lane-epoch", x1: 8, x2: 8, y1: 0, y2: 16 })), "a new epoch")),
    box,
    h("section", { "aria-live": "off" }, title, h("p", { class: "seeing" }, "When each message arrived here, from the first sign of the view on. ", terms.notarize, " ", terms.finalize),
      h("div", { class: "one" }, h("div", null, one, h("details", null, h("summary", null, "As a table"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "One view, as a table" }, h("table", null, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Validator"), said.map((x) => h("th", { scope: "col", class: "number" }, x)))), body)))), facts)),
    h("p", { class: "seeing" }, terms.rescue, " ", terms.nullify),
    h("div", { class: "bar" }, h("h2", null, "Over time"), span.element), h("div", { class: "charts" }, drawn.map((c) => c.element)));

  let columns = [], order = [], chosen = null, model = null, shownAt = 0, movedAt = 0; // chosen: a view's key; null follows
  const key = (v) => `${v.epoch}/${v.view}`;

  const choose = (index) => {
    const v = columns[Math.min(Math.max(index, 0), columns.length - 1)];
    if (!v) return;
    chosen = key(v);
    draw(true);
  };
  box.addEventListener("keydown", (e) => {
    const at = columns.findIndex((v) => key(v) === chosen);
    const from = at < 0 ? columns.length - 1 : at;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: columns.length - 1, PageUp: from - 10, PageDown: from + 10 }[e.key];
    if (e.key === "Escape") chosen = null;
    else if (to === undefined) return;
    else choose(to);
    e.preventDefault();
    draw(true);
  });
  lanes.addEventListener("click", (e) => {
    const column = e.target.closest("[data-column]");
    if (column) choose(Number(column.dataset.column));
  });
  follow.addEventListener("click", () => {
    chosen = chosen === null && columns.length ? key(columns.at(-1)) : null;
    draw(true);
  });
  const resized = new ResizeObserver(() => draw(true));
  resized.observe(box);

  function draw(now) {
    if (!model?.node || !box.clientWidth) return;
    mark(follow, "aria-pressed", String(chosen === null));
    put(follow, chosen === null ? "Following the newest" : "Follow the newest");
    order = model.node.validators.map((v, index) => ({ ...v, index })).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })).slice(0, lanesMost);
    if (chosen === null || now && !columns.length) {
      const newest = columns.at(-1), moved = newest ? model.views.filter((v) => v.epoch > newest.epoch || v.view > newest.view).length : 0;
      if (!now && moved > fast && Date.now() - movedAt < calm) return;
      movedAt = Date.now();
      const nameWidth = laneNames();
      const fit = Math.max(4, Math.floor((box.clientWidth - nameWidth - 10) / columnWidth));
      columns = model.views.slice(-fit);
    } else {
      const fresh = new Map(model.views.map((v) => [key(v), v]));
      columns = columns.map((v) => fresh.get(key(v)) ?? v);
    }
    drawLanes();
    const ended = columns.findLast((v) => v.certified || v.nullified) ?? columns.at(-1);
    const it = chosen === null ? ended : columns.find((v) => key(v) === chosen) ?? ended;
    if (it && (now || chosen !== null || Date.now() - shownAt > 1500)) {
      shownAt = Date.now();
      drawOne(it);
    }
  }

  const laneNames = () => Math.min(130, 18 + 7.2 * Math.max(...model.node.validators.map((v) => Math.min(v.name.length, 15))));

  function drawLanes() {
    const validators = order, nameWidth = laneNames();
    const height = head + validators.length * laneHeight + foot, made = [];
    mark(lanes, "height", height);
    validators.forEach((v, row) => {
      const y = head + row * laneHeight + laneHeight / 2;
      const silent = model.now.heard[v.index] + 8 < model.now.view;
      made.push(s("line", { class: "lane-line", x1: nameWidth, x2: box.clientWidth, y1: y, y2: y }), s("text", { class: silent ? "lane-name silent" : "lane-name", x: 12, y: y + 4 }, (silent ? "✕ " : "") + (v.name.length > 15 ? `${v.name.slice(0, 14)}…` : v.name)));
    });
    columns.forEach((view, i) => {
      const x = nameWidth + i * columnWidth + columnWidth / 2, words = saidIn(view), [kind] = outcome(view);
      const column = s("g", { "data-column": i }, s("title", null, sentence(model, view)), s("rect", { class: view.rescue ? "rescue-column" : "", fill: "transparent", x: x - columnWidth / 2, y: 0, width: columnWidth, height }));
      const before = columns[i - 1];
      const line = (kind, words) => column.append(s("line", { class: kind, x1: x - columnWidth / 2, x2: x - columnWidth / 2, y1: head, y2: height - foot }, s("title", null, words)));
      if (before && before.epoch !== view.epoch) line("lane-epoch", `Epoch ${view.epoch} begins: views count anew`);
      else if (before && before.view + 1 !== view.view) line("lane-gap", `${whole(view.view - before.view - 1)} views without incident are left out`);
      if (view.rescue || view.view % 10 === 5) column.append(s("text", { class: "column-name", x, y: 13, "text-anchor": "middle" }, view.rescue ? "R" : String(view.view)));
      validators.forEach(({ index }, row) => {
        const y = head + row * laneHeight + laneHeight / 2;
        if (index === view.leader) column.append(s("rect", { class: "leading", x: x - 10, y: y - 10, width: 20, height: 20, rx: 4 }));
        column.append(glyph(last(words.get(index)), x, y));
      });
      column.append(s("text", { class: `outcome ${kind}`, x, y: height - 6, "text-anchor": "middle" }, kind === "final" ? "✓" : kind === "lost" ? "✕" : "·"));
      if (key(view) === chosen) column.append(s("rect", { class: "chosen", x: x - columnWidth / 2 + 1, y: 1, width: columnWidth - 2, height: height - 2, rx: 4 }));
      made.push(column);
      if (key(view) === chosen || (chosen === null && i === columns.length - 1)) {
        mark(box, "aria-valuenow", i);
        mark(box, "aria-valuemax", columns.length - 1);
        mark(box, "aria-valuetext", sentence(model, view));
      }
    });
    lanes.replaceChildren(...made);
  }

  function drawOne(view) {
    put(title, `View ${view.view}${view.rescue ? " (rescue)" : ""}, led by ${nameOf(model, view.leader)}`);
    const words = saidIn(view), validators = order, width = one.parentElement.clientWidth, nameWidth = laneNames();
    const stages = [["entered", "entered"], ["executed", "executed"], ["notarized", "notarized"], ["timed_out", "time-out"], ["nullified", "given up"], ["certified", "final"]].filter(([k]) => view[k]);
    const end = Math.max(2000, ...stages.map(([k]) => view[k]), ...[...words.values()].flatMap((w) => Object.values(w))) * 1.04;
    const x = (offset) => nameWidth + (offset / end) * (width - nameWidth - 16), height = 34 + validators.length * laneHeight + 24, made = [];
    for (const name of ["width", "height"]) mark(one, name, name === "width" ? width : height);
    const free = [-99, -99];
    for (const [k, name] of stages) {
      const place = x(view[k]), middle = Math.min(place, width - 30), row = free.findIndex((taken) => middle - taken > 62);
      made.push(s("line", { class: "stage-line", x1: place, x2: place, y1: row ? 26 : 13, y2: height - 22 }));
      if (row < 0) continue; // no room for its name: the words below the picture have it
      free[row] = middle;
      made.push(s("text", { class: "stage-name", x: middle, y: row ? 23 : 10, "text-anchor": "middle" }, name));
    }
    validators.forEach((v, row) => {
      const y = 34 + row * laneHeight + laneHeight / 2, w = words.get(v.index) ?? {};
      made.push(s("line", { class: "lane-line", x1: nameWidth, x2: width, y1: y, y2: y }), s("text", { class: "lane-name", x: 0, y: y + 4 }, v.name.length > 15 ? `${v.name.slice(0, 14)}…` : v.name));
      for (const kind of said) if (w[kind]) made.push(glyph(kind, x(w[kind]), y));
    });
    for (const share of width < 420 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]) made.push(s("text", { x: x(end * share), y: height - 5, "text-anchor": share === 1 ? "end" : "middle" }, time((end * share) / 1000)));
    one.replaceChildren(...made);
    mark(one, "aria-label", sentence(model, view));
    const list = [["Outcome", outcome(view)[1]], ["Leader", nameOf(model, view.leader) + (view.rescue ? ", in turn" : "")], ["Began", clock(view.began / 1000)], ["Block", view.block ?? "none"], ["Transactions", view.transactions ? whole(view.transactions) : "none"],
      ["Heard of", `${words.size} of ${model.node.validators.length} validators`], ["Voted", `${[...words.values()].filter((w) => w.notarize).length} for a result, ${[...words.values()].filter((w) => w.finalize).length} to make it final, ${[...words.values()].filter((w) => w.nullify).length} to give up`]];
    facts.replaceChildren(...list.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
    body.replaceChildren(...validators.map((v) => h("tr", null, h("th", { scope: "row" }, v.name), said.map((kind) => h("td", { class: "number" }, words.get(v.index)?.[kind] ? time(words.get(v.index)[kind] / 1000) : "–")))));
  }

  return {
    element,
    update(_, m) {
      model = m;
      draw(false);
      for (const c of drawn) c.update(m);
      span.show();
    },
    close: () => resized.disconnect(),
  };
}
