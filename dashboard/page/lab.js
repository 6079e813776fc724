// Runs of the lab: what was tried before it came near this network.

import { command, h } from "./dom.js";
import { ago, whole } from "./format.js";

const kinds = { sim: "simulation", check: "model checking", twins: "twins", bench: "benchmark", ab: "comparison", chaos: "faults on real processes" };

export function lab(context, [folder]) {
  const content = h("div", null, h("p", { class: "empty", role: "status" }, "Looking…"));
  const element = h("div", { class: "view" }, h("h1", null, folder ? "Lab run" : "Lab runs"), h("p", { class: "seeing" }, folder ? "The report stands for itself, shut in: it cannot reach this page or the network." :
    "What am I seeing? The lab plays whole networks under an algorithm, with crashes, partitions and hostile plugins, and keeps a report that anybody can reproduce. These are the reports in the folder that this node was given."), content);
  let closed = false;
  if (folder) {
    content.replaceChildren(h("p", { class: "note" }, h("a", { href: "#/lab" }, "All runs"), " · ", h("a", { href: `/runs/${encodeURIComponent(folder)}/report.html`, target: "_blank", rel: "noopener" }, "Open it in a tab of its own")),
      h("iframe", { class: "report", title: `Report of ${folder}`, sandbox: "allow-scripts", src: `/runs/${encodeURIComponent(folder)}/report.html` }));
  } else {
    fetch("/runs", { cache: "no-store" }).then(async (response) => {
      if (!response.ok) throw new Error(`the node answers ${response.status}`);
      const list = await response.json();
      if (!closed) content.replaceChildren(list.runs.length ? tableOf(list) : empty(list.served));
    }).catch((error) => { if (!closed) content.replaceChildren(h("p", { class: "empty" }, `The runs cannot be listed: ${error.message}`)); });
  }
  return { element, update() {}, close() { closed = true; } };
}

function tableOf(list) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Lab runs" }, h("table", null, h("thead", null, h("tr", null, ["Run", "Kind", "Outcome", "What came out", "When"].map((c) => h("th", { scope: "col" }, c)))),
    h("tbody", null, list.runs.map((r) => h("tr", null, h("th", { scope: "row" }, r.report ? h("a", { href: `#/lab/${encodeURIComponent(r.folder)}` }, r.title || r.folder) : r.title || r.folder), h("td", null, kinds[r.kind] ?? r.kind),
      h("td", null, h("span", { class: `pill ${r.failed ? "bad" : "good"}` }, r.failed ? "✕ failed" : r.kind === "bench" || r.kind === "ab" ? "✓ done" : "✓ passed")), h("td", null, r.verdict), h("td", { class: "note" }, ago(Date.now(), r.changed)))))),
    list.left ? h("p", { class: "note" }, `${whole(list.left)} older runs are not listed.`) : "");
}

const empty = (served) => h("div", { class: "empty" }, h("p", null, served ? "There is no run in the folder yet. Make one:" : "This node was given no folder of runs. Make some, name their folder as runs in the node's node.json, and start the node anew:"), command("quoin lab sim --seeds 10 --save runs"), h("p", null, "Each run becomes a folder with a report, which then stands here."));
