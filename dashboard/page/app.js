// The frame around the views: which one is shown, what the stream brings, and what the reader chose.

import { h, mark, put } from "./dom.js";
import { time } from "./format.js";
import { merge, newModel } from "./model.js";
import { connect } from "./stream.js";
import { alerts } from "./alerts.js";
import { consensus } from "./consensus.js";
import { lab } from "./lab.js";
import { overview } from "./overview.js";
import { plugins } from "./plugins.js";
import { releases } from "./releases.js";

const titles = { "": "Overview", consensus: "Consensus", plugins: "Plugins", releases: "Releases", ledger: "Ledger", lab: "Lab runs", alerts: "Alerts" };
const byId = (id) => document.getElementById(id);

let model = newModel();
let paused = false;
let waiting = []; // frames that came while paused
const waitingMost = 600;
let shown = null; // the view
let genesisText;

/** context is what views get. */
const context = {
  /** api asks the node: a service and a method by their names, the body and the answer as Connect's JSON. */
  async api(service, method, body = {}) {
    const path = service.includes(".") ? service : `quoin.v1.${service}`;
    const response = await fetch(`/${path}/${method}`, { method: "POST", headers: { "Content-Type": "application/json", "Connect-Protocol-Version": "1" }, body: JSON.stringify(body) });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw Object.assign(new Error(answer.message ?? `the node answers ${response.status}`), { code: answer.code, details: answer.details, status: response.status });
    return answer;
  },
  /** go shows another view. */
  go(route) {
    location.hash = route.startsWith("#") ? route : `#${route}`;
  },
  /** genesis is the text of the chain's genesis file, as this node has it. */
  genesis() {
    genesisText ??= fetch("/genesis", { cache: "no-store" }).then((r) => (r.ok ? r.text() : Promise.reject(new Error("the node does not show its genesis"))));
    genesisText.catch(() => (genesisText = undefined));
    return genesisText;
  },
  /** model is what is known of the node now. */
  get model() { return model; },
  redraw: () => shown?.update(null, model),
};

const views = { "": overview, consensus, plugins, releases, lab, alerts };

async function viewOf(name, parts) {
  if (name !== "ledger") return (views[name] ?? overview)(context, parts);
  const { view } = await import("./explorer.js");
  return view(context, parts);
}

let routing = 0;

async function route() {
  const turn = ++routing;
  const [name = "", ...parts] = location.hash.replace(/^#\/?/, "").split("/").map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  let next;
  try {
    next = await viewOf(name, parts);
  } catch (error) {
    next = { element: h("section", { class: "view" }, h("h1", null, titles[name] ?? "Not found"), h("p", { class: "empty" }, `This view cannot be shown: ${error.message}`)), update() {}, close() {} };
  }
  if (turn !== routing) return next.close?.();
  shown?.close?.();
  shown = next;
  const main = byId("main");
  main.replaceChildren(next.element);
  for (const link of document.querySelectorAll("nav a")) {
    const its = link.getAttribute("href").replace(/^#\/?/, "");
    mark(link, "aria-current", its === (name in titles ? name : "") ? "page" : undefined);
  }
  const bar = document.querySelector("nav"), here = bar.querySelector("[aria-current]"); // on a phone not all are in sight
  bar.scrollLeft = here.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;
  nameTab();
  if (model.now) shown.update?.(null, model);
  if (turn > 1) { // the reader went there
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

function nameTab() {
  const name = location.hash.replace(/^#\/?/, "").split("/")[0];
  const verdict = model.health && model.health.verdict !== "healthy" ? `${model.health.verdict}: ` : "";
  document.title = `${verdict}${titles[name] ?? "Overview"} · ${model.node?.name || "Quoin"}`;
}

// What came, put into what stands around the views.
function frameArrived(frame) {
  if (paused) {
    waiting.push(frame);
    if (waiting.length > waitingMost) waiting.length = 0; // all of it is asked for again
    return tell("paused", `Paused, ${time(frame.time - model.time)} behind`);
  }
  const known = model.marks.at(-1)?.number ?? 0;
  merge(model, frame);
  show(frame, known);
}

function show(frame, known) {
  put(byId("network"), model.node ? `${model.node.network}/${model.node.chain}` : "connecting");
  mark(byId("network"), "title", model.node?.origin);
  put(byId("node"), model.node ? `as ${model.node.name || "a follower"} sees it` : "");
  const count = model.health?.reasons.length ?? 0;
  byId("alert-count").hidden = count === 0;
  byId("alert-count").classList.toggle("calm", !!model.health && model.health.reasons.every((r) => r.severity === "notice"));
  put(byId("alert-count"), count);
  nameTab();
  announce(known);
  shown?.update?.(frame, model);
}

let saidAt = 0;
let verdict = "";

// announce says aloud what must not be missed, and not more often than somebody can listen.
function announce(known) {
  const news = model.marks.filter((m) => m.number > known && ["bad", "warn"].includes(m.tone)).at(-1);
  const now = model.health?.verdict ?? "";
  if (known && Date.now() - saidAt > 10_000 && (news || (verdict && now !== verdict))) {
    saidAt = Date.now();
    put(byId("said"), now !== verdict && verdict ? `The network is ${now}.` : news.title);
  }
  if (Date.now() - saidAt < 100 || !verdict || !news) verdict = now;
}

const signs = { live: "●", polling: "◐", broken: "○", paused: "❚❚" };

function tell(state, text) {
  if (paused && state !== "paused" && state !== "broken") return;
  const element = byId("state");
  mark(element, "data-state", state);
  put(element.querySelector(".sign"), signs[state]);
  put(byId("state-text"), state === "broken" ? "Not connected" : text);
  const banner = byId("banner");
  banner.hidden = state !== "broken" && state !== "polling";
  put(banner, state === "broken" ? `${text}. What stands here is as of ${model.time ? new Date(model.time).toLocaleTimeString() : "nothing yet"}.` : state === "polling" ? "Many people look at this node: this page asks every few seconds instead of being told at once." : "");
}

byId("pause").addEventListener("click", () => {
  paused = !paused;
  mark(byId("pause"), "aria-pressed", String(paused));
  put(byId("pause"), paused ? "Go on" : "Pause");
  if (paused) return tell("paused", "Paused");
  const known = model.marks.at(-1)?.number ?? 0;
  const frames = waiting;
  waiting = [];
  if (!frames.length) {
    stop();
    stop = connect(frameArrived, tell);
  }
  for (const frame of frames) merge(model, frame);
  tell("live", "Live");
  show(frames.at(-1) ?? null, known);
});

const themes = ["auto", "light", "dark"];
const remembered = { get() { try { return localStorage.getItem("theme"); } catch { return null; } }, set(v) { try { localStorage.setItem("theme", v); } catch { /* not remembered */ } } };

function setTheme(theme) {
  mark(document.documentElement, "data-theme", theme === "auto" ? undefined : theme);
  put(byId("theme"), `Theme: ${theme}`);
}

let theme = themes.includes(remembered.get()) ? remembered.get() : "auto";
setTheme(theme);
byId("theme").addEventListener("click", () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  remembered.set(theme);
  setTheme(theme);
});

addEventListener("hashchange", route);
route();
let stop = connect(frameArrived, tell);
