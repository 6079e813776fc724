// Is it healthy, what runs where, what does it cost, what would change, what to do next: in one glance.

import { h, mark, put, rows } from "./dom.js";
import { ago, clock, number, percent, proposed, serving, short, standing, time, whole } from "./format.js";
import { glyphOf, newWindow } from "./chart.js";
import { activation, comparisonOf, faults, lately, nameOf, newestOf, openProposals, rates } from "./model.js";
import { charts } from "./series.js";
import { playbooks, terms } from "./words.js";

const verdicts = {
  healthy: ["✓", "Healthy", "Blocks become final in time."],
  degraded: ["▲", "Degraded", "The network works. Something should be looked at."],
  failing: ["✕", "Failing", "Users notice, or this node takes no part."],
  unknown: ["?", "Not known yet", "This node has not seen enough to judge."],
};

const aFewBehind = 8; // heights that are on their way
const stillAfter = 1500; // milliseconds without a block, while transactions wait
const reasonsMost = 2; // shown at once: the rest is in Alerts

export function overview(context) {
  const sign = h("span", { class: "sign", "aria-hidden": "true" }), word = h("strong"), why = h("p", { class: "why" }), reasons = h("ul", { class: "reasons" }), more = h("a", { class: "note", href: "#/alerts" });
  const verdict = h("section", { class: "verdict", "aria-labelledby": "verdict-name" }, h("h1", { id: "verdict-name" }, sign, word), why, reasons, more);
  const todo = h("section", { class: "todo", "aria-labelledby": "todo-name" }, h("h2", { id: "todo-name" }, "What to do next"));
  const todoText = h("p"), todoLink = h("a", { href: "#/" });
  todo.append(todoText, h("p", { class: "more" }, todoLink));

  const tile = (name, explain) => {
    const value = h("dd", { class: "value" }, "–"), note = h("dd", { class: "note" }, "\u00a0");
    return { element: h("div", { class: "tile", title: explain }, h("dt", null, name), value, note), set(v, n) { put(value, v); put(note, n || "\u00a0"); } };
  };
  const tiles = {
    height: tile("Height", "The newest block that is final on this node"), rate: tile("Transactions", "That became final, a second, over the last five seconds"),
    latency: tile("Certification", terms.certification), leader: tile("Leader now", "Who proposes in the present view, and what chooses the leaders"),
    voters: tile("Validators heard", "Who took part in one of the newest views, as this node hears it"), pending: tile("Waiting", "Transactions in this node's pool"),
  };
  const drawn = charts(["transactions", "latency", "pending", "timeouts", "guest", "fsync"]), span = newWindow(() => context.redraw());
  const serve = h("tbody"), changes = h("div", { class: "changes" }), marks = h("ol", { class: "marks", tabindex: 0, "aria-label": "Newest marks" });
  const links = h("ul", { class: "links" });

  const element = h("div", { class: "view overview" },
    h("div", { class: "head" }, verdict, todo),
    h("dl", { class: "tiles" }, Object.values(tiles).map((t) => t.element)),
    h("div", { class: "bar" }, h("h2", null, "Over time"), span.element),
    h("p", { class: "seeing" }, "Signs on the charts are marks: faults, crashes, changes of algorithms. Point at one, or reach it with the tabulator and the arrow keys, to read what happened."),
    h("div", { class: "charts" }, drawn.map((c) => c.element)),
    h("div", { class: "two" },
      h("section", { "aria-labelledby": "marks-name" }, h("h2", { id: "marks-name" }, "What happened"), h("p", { class: "seeing" }, "The newest marks first, each with what it means."), marks),
      h("div", null,
        h("section", { "aria-labelledby": "change-name" }, h("h2", { id: "change-name" }, "What would change"), changes),
        h("section", { "aria-labelledby": "serves-name" }, h("h2", { id: "serves-name" }, "What runs, and what it costs"),
          h("p", { class: "seeing" }, "Algorithms are plugins: each slot is a question that the kernel asks, and this is who answers on all nodes alike."),
          h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "What runs, and what it costs" }, h("table", null, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Slot"), h("th", { scope: "col" }, "Served by"), h("th", { scope: "col", class: "number" }, "Calls/s"), h("th", { scope: "col", class: "number" }, "ns/fuel"), h("th", { scope: "col", class: "number" }, "Faults"))), serve))),
        h("section", { "aria-labelledby": "links-name" }, h("h2", { id: "links-name" }, "Links of this node"), links))));

  return {
    element,
    update(_, model) {
      if (!model.now) return;
      showVerdict(model);
      showTiles(model);
      for (const c of drawn) c.update(model);
      span.show();
      showServing(model);
      showChanges(model);
      showMarks(model, marks);
      rows(links, model.links.toSorted((a, b) => (a.name || a.key).localeCompare(b.name || b.key)), (l) => l.key, () => h("li", null, h("span", { class: "sign", "aria-hidden": "true" }), h("span"), h("span", { class: "note" })), (li, l) => {
        mark(li, "class", l.up ? "up" : "down");
        put(li.children[0], l.up ? "●" : "✕");
        put(li.children[1], l.name || short(l.key));
        put(li.children[2], l.up ? (l.round_trip ? `up, round trip ${time(l.round_trip)}` : "up") : `down: ${l.error || "not reached yet"}`);
      });
    },
    close() {},
  };

  function showVerdict(model) {
    const health = model.health ?? { verdict: "unknown", reasons: [] };
    const [s, w, text] = verdicts[health.verdict] ?? verdicts.unknown;
    mark(verdict, "data-verdict", health.verdict);
    put(sign, s);
    put(word, w);
    put(why, health.verdict === "healthy" && !health.reasons.length ? `${text} Nothing asks for attention.` : text);
    rows(reasons, health.reasons.slice(0, reasonsMost), (r) => r.alert, () => h("li", null, h("a"), h("span")), (li, r) => {
      li.children[0].setAttribute("href", `#/alerts/${encodeURIComponent(r.alert)}`);
      put(li.children[0], r.alert.replace(/^Quoin/, "").replace(/(.)([A-Z])/g, "$1 $2").toLowerCase());
      put(li.children[1], ` ${r.sentence}`);
    });
    const left = health.reasons.length - reasonsMost;
    mark(more, "class", left > 0 ? "note" : "note none");
    put(more, `${Math.max(left, 1)} more in Alerts`);
    const [step, link, name] = nextStep(model);
    put(todoText, step);
    put(todoLink, name);
    todoLink.setAttribute("href", link);
  }

  function nextStep(model) {
    const reason = model.health?.reasons.find((r) => r.severity !== "notice");
    if (reason) return [playbooks[reason.alert]?.[1] ?? reason.sentence, `#/alerts/${encodeURIComponent(reason.alert)}`, "Open the playbook"];
    const open = openProposals(model)[0];
    if (open?.missing?.length) return [`Proposal ${open.number} needs ${open.missing[0]}.`, `#/releases/${open.number}`, "Look at the proposal"];
    if (open) return [`Proposal ${open.number} is ${standing(open)}.`, `#/releases/${open.number}`, "Look at the proposal"];
    return ["Nothing. To try a new algorithm, propose a release; the network runs on meanwhile.", "#/releases", "See the releases"];
  }

  function showTiles(model) {
    const { now, node } = model;
    tiles.height.set(whole(now.height), now.behind > aFewBehind ? `${whole(now.behind)} behind the others` : `newest block ${ago(model.time, now.block_time)}`);
    tiles.rate.set(`${number(Math.round(lately(model, "tx") ?? 0))}/s`, `${number(Math.round((lately(model, "blocks") ?? 0) * 10) / 10)} blocks a second`);
    const still = model.time - now.block_time;
    tiles.latency.set(time(newestOf(model, "p50")), still > stillAfter && now.pending ? `no block for ${time(still)}` : `99th percentile ${time(newestOf(model, "p99"))}`);
    const chooser = model.governed?.serving.find((x) => x.slot === "leader.v1");
    tiles.leader.set(nameOf(model, now.leader), `by ${serving(chooser ?? { builtin: "round-robin" }).replace(" (built-in)", "")}`);
    const heard = now.heard.filter((v) => v + 4 >= now.view).length;
    const silent = now.heard.flatMap((v, i) => (v + 4 >= now.view ? [] : [nameOf(model, i)]));
    tiles.voters.set(`${heard} of ${node.validators.length}`, silent.length ? `not lately: ${silent.slice(0, 3).join(", ")}` : `${node.quorum} of ${node.weight} weight decide`);
    tiles.pending.set(whole(now.pending), `${whole(model.points.slice(-60).reduce((sum, p) => sum + p.timeouts, 0))} time-outs/min`);
  }

  function showServing(model) {
    const list = (model.governed?.serving ?? []).filter((x) => x.class !== "G");
    rows(serve, list, (x) => x.slot, () => h("tr", null, h("th", { scope: "row" }), h("td"), h("td", { class: "number" }), h("td", { class: "number" }), h("td", { class: "number" })), (tr, x) => {
      const cost = model.costs.find((c) => c.slot === x.slot && (c.builtin ?? "") === (x.builtin ?? "") && (c.release ?? "") === (x.release ?? ""));
      const rate = cost ? rates(model, cost) : null;
      put(tr.children[0], x.slot);
      put(tr.children[1], serving(x));
      put(tr.children[2], rate ? number(Math.round(rate.calls * 10) / 10) : "–");
      put(tr.children[3], cost?.fuel && cost.nanos ? number(cost.nanos / cost.fuel) : "–");
      put(tr.children[4], cost ? whole(faults(cost)) : "–");
    });
  }

  function showChanges(model) {
    const open = openProposals(model);
    const list = open.length ? open : [{ number: 0 }];
    rows(changes, list, (p) => p.number, (p) => (p.number ? h("article", { class: "candidate" }, h("h3", null, h("a", { href: `#/releases/${p.number}` })), h("p"), h("p", { class: "beside" })) :
      h("p", { class: "empty" }, "Nothing is proposed. A candidate would show here, beside what serves, before it can change anything.")), (box, p) => {
      if (!p.number) return;
      put(box.children[0].firstChild, `${p.number}: ${proposed(p.whole)} for ${p.whole.slot}`);
      const due = activation(model, p.whole);
      const stands = standing(p);
      put(box.children[1], due ? `Takes over at height ${due.height}: ${due.heights} heights${due.ms >= 0 ? `, about ${time(due.ms)}` : ""} to go.` : `${stands[0].toUpperCase()}${stands.slice(1)}.`);
      const c = comparisonOf(model, p.number);
      put(box.children[2], c ? `Beside what serves, on ${whole(c.compared)} calls: other results in ${percent(c.differs.share)} (95 %: ${percent(c.differs.low)} to ${percent(c.differs.high)}), faults in ${percent(c.faulted.share)}.` : "\u00a0");
    });
  }
}

/** showMarks fills a list with the newest marks. */
export function showMarks(model, list, most = 40) {
  rows(list, model.marks.slice(-most).reverse(), (m) => m.number, (m) => h("li", { class: `tone ${m.tone}` }, h("span", { class: "sign", "aria-hidden": "true" }, glyphOf(m.tone)),
    h("div", null, h("p", { class: "title" }, h("b", null, m.title), h("span", { class: "times" })), h("p", { class: "text" }, m.text), h("p", { class: "when" }))), (li, m) => {
    put(li.querySelector(".times"), m.count > 1 ? ` ${m.count} times` : "");
    put(li.querySelector(".when"), `${clock(m.time)}${m.height ? ` · height ${whole(m.height)}` : ""}`);
  });
  if (!model.marks.length) put(list, "");
}
