// What asks for attention now, what to do about it, how much error budget is left, and what happened.

import { command, h, mark, put, rows, s } from "./dom.js";
import { clock, number, percent, time, whole } from "./format.js";
import { showMarks } from "./overview.js";
import { playbooks } from "./words.js";

const objectives = {
  availability: ["Availability", "the share of time in which blocks become final while transactions wait"],
  certification: ["Timely blocks", "the share of blocks that become final within the target"],
  clean: ["Clean blocks", "the share of blocks on whose way nothing was wrong"],
};
const severities = { grave: ["✕", "grave"], warning: ["▲", "warning"], notice: ["●", "notice"] };
const spaced = (name) => name.replace(/^Quoin/, "").replace(/(.)([A-Z])/g, "$1 $2").toLowerCase();
const named = (name) => spaced(name)[0].toUpperCase() + spaced(name).slice(1);

export function alerts(_, [aimed]) {
  const now = h("div", { class: "alerts" }), budgets = h("tbody"), events = h("tbody"), list = h("ol", { class: "marks", tabindex: 0, "aria-label": "Newest marks" }), indicators = h("dl", { class: "factlist" });
  const period = h("p", { class: "seeing" }), over = h("p", { class: "seeing" });
  const all = h("tbody", null, Object.entries(playbooks).map(([name, [means, todo]]) => h("tr", { "data-alert": name, class: name === aimed ? "aimed" : undefined }, h("th", { scope: "row" }, named(name)), h("td", null, means), h("td", null, todo), h("td", null, h("a", { href: `playbooks#${name.toLowerCase()}`, "aria-label": `Playbook of ${spaced(name)}` }, "Read")))));
  const part = (id, name, explain, ...content) => h("section", { "aria-labelledby": id }, h("h2", { id }, name), explain && h("p", { class: "seeing" }, explain), ...content);
  const scrolling = (name, columns, body, kind) => h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, h("table", { class: kind }, h("thead", null, h("tr", null, columns.map((c) => h("th", { scope: "col" }, c)))), body));
  const reference = h("details", { open: all.querySelector(".aimed") !== null }, h("summary", null, `What each of the ${all.children.length} alerts means, and what to do first`), scrolling("All alerts", ["Alert", "What it means", "What to do first", "Playbook"], all, "reference"));
  const element = h("div", { class: "view" }, h("h1", null, "Alerts"),
    h("p", { class: "seeing" }, "What am I seeing? What this node finds wrong now, by the same names as the rules for Prometheus in deploy/. Each has a playbook. An empty list means that this node sees nothing wrong; that a node is down, only the others can tell."),
    part("now-name", "Now", "", now),
    h("div", { class: "two" },
      h("div", null, part("budget-name", "Error budgets", "An objective wants a share of good; the rest may go wrong. The burn rate says how fast that is used up.", period, scrolling("Error budgets", ["Objective", "Target", "So far", "Budget left", "Burn rate"], budgets)),
        part("indicator-name", "Indicators", "", over, indicators)),
      part("happened-name", "What happened", "", list)),
    part("playbook-name", "All alerts, and what to do", "", reference),
    part("events-name", "Newest events", "By their stable names, as in the log.", scrolling("Newest events", ["Time", "Event", "View", "Height", "About", "Why"], events, "events")));
  if (aimed) requestAnimationFrame(() => (element.querySelector(`.alert[data-key="${CSS.escape(aimed)}"]`) ?? element.querySelector("tr.aimed"))?.scrollIntoView({ block: "center" }));

  return {
    element,
    update(_, model) {
      const health = model.health;
      const reasons = health?.reasons ?? [];
      rows(now, reasons.length ? reasons : [{ alert: "" }], (r) => r.alert, (r) => newAlert(r, r.alert === aimed), (box, r) => {
        if (r.alert) put(box.querySelector(".sentence"), `${r.sentence[0].toUpperCase()}${r.sentence.slice(1)}.`);
      });
      rows(budgets, health?.objectives ?? [], (o) => o.name, () => h("tr", null, h("th", { scope: "row" }), h("td"), h("td"), h("td", null, bar(), h("span")), h("td")), fillBudget);
      if (health) {
        put(period, `The budget is for ${time(health.window)}: at a burn rate of 1 it lasts exactly that long.`);
        put(over, `What the objectives are made of, over the last ${time(health.indicators.over)}.`);
        showIndicators(health.indicators);
      }
      showMarks(model, list);
      rows(events, model.events.filter((e) => e.kind !== "told").slice(-60).reverse(), (e) => `${e.number} ${e.time}`, (e) => h("tr", null, h("td", null, clock(e.time)), h("td", { class: "mono" }, e.kind), h("td", null, e.view ? whole(e.view) : ""), h("td", null, e.height ? whole(e.height) : ""), h("td", null, e.validator ?? ""), h("td", null, e.reason ?? "")));
    },
    close() {},
  };

  function showIndicators(i) {
    const list = [["Newest block", `${time(i.block_age)} ago`], ["Certification, median", time(i.latency_p50)], ["Certification, 99th percentile", time(i.latency_p99)], ["Last recovery", time(i.recovery_last)], ["Longest recovery", time(i.recovery_worst)],
      ["Views without a block", percent(i.gaps)], ["Defects", whole(i.defects)], ["Plugins' time in a block, 99th percentile", time(i.plugin_p99)], ["Plugins' share of the latency", percent(i.plugin_share)], ["Fsync, 99th percentile", time(i.fsync_p99)], ["Free on the disk", percent(i.free)]];
    rows(indicators, list.flatMap(([name, value]) => [{ name, tag: "dt" }, { name, value, tag: "dd" }]), (x) => x.tag + x.name, (x) => h(x.tag, null, x.name), (e, x) => put(e, x.tag === "dt" ? x.name : x.value));
  }
}

function newAlert(r, isAimed) {
  if (!r.alert) return h("p", { class: "empty" }, "✓ Nothing asks for attention.");
  const [sign, word] = severities[r.severity] ?? severities.notice, [means, todo, line] = playbooks[r.alert] ?? ["", "See the playbooks.", ""];
  return h("article", { class: `alert ${word}${isAimed ? " aimed" : ""}` }, h("h3", null, h("span", { class: "sign", "aria-hidden": "true" }, sign), named(r.alert), h("span", { class: "pill" }, word)), h("p", { class: "sentence" }), h("p", null, means), h("p", null, h("b", null, "What to do: "), todo), line ? command(line, `command for ${spaced(r.alert)}`) : "", h("p", { class: "note" }, h("a", { href: `playbooks#${encodeURIComponent(r.alert.toLowerCase())}` }, "The whole playbook")));
}

const bar = () => s("svg", { class: "budget", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, s("rect", { class: "base", width: 100, height: 10 }), s("rect", { class: "rest", height: 10 }));

function fillBudget(tr, o) {
  const [name, explain] = objectives[o.name] ?? [o.name, ""];
  put(tr.children[0], name);
  mark(tr.children[0], "title", explain);
  put(tr.children[1], percent(o.target, 2));
  put(tr.children[2], o.known ? percent(o.good, 2) : "no data yet");
  const [svg, text] = tr.children[3].children;
  mark(svg, "class", o.left < 0 ? "budget overdrawn" : "budget");
  mark(svg.lastChild, "width", o.known ? Math.min(100, Math.abs(o.left) * 100) : 0);
  put(text, o.known ? (o.left < 0 ? ` overdrawn by ${percent(-o.left, 0)}` : ` ${percent(o.left, 0)}`) : " –");
  const worst = (o.burns ?? []).filter((b) => b.known).sort((a, b) => b.long_rate / b.threshold - a.long_rate / a.threshold)[0];
  put(tr.children[4], worst ? `${number(worst.long_rate)}${worst.burning ? ", ✕ too fast" : ""} over ${time(worst.long)}` : "no data yet");
}
