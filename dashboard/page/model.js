// What the page knows of the node: the frames of /live put together (dashboard/frame.go says what they hold).

const viewsKept = 240;
const pointsKept = 900;
const listKept = 500;
const rateOver = 10_000; // milliseconds over which costs become rates

export function newModel() {
  return { time: 0, node: null, now: null, links: [], releases: [], governed: null, health: null, views: [], points: [], marks: [], events: [], costs: [], comparisons: [], compiled: new Map(), history: [] };
}

/** merge takes a frame into the model. A frame twice is no harm. */
export function merge(model, frame) {
  if (frame.format !== 1) throw new Error(`frames of format ${frame.format}: load the page anew`);
  if (frame.full) Object.assign(model, newModel());
  model.time = frame.time;
  for (const name of ["node", "now", "links", "releases", "governed", "health"]) if (frame[name] != null) model[name] = frame[name];
  model.views = joined(model.views, frame.views, (v) => `${v.epoch}/${v.view}`, (a, b) => a.epoch - b.epoch || a.view - b.view, viewsKept);
  model.points = joined(model.points.filter((p) => p.t * 1000 <= frame.time), frame.points, // a clock may have been set back
    (p) => p.t, (a, b) => a.t - b.t, pointsKept);
  model.marks = joined(model.marks, frame.marks, (m) => m.number, (a, b) => a.number - b.number, listKept);
  model.events = joined(model.events, frame.events, (e) => e.number, (a, b) => a.number - b.number, listKept);
  model.costs = joined(model.costs, frame.costs, costKey, (a, b) => a.slot.localeCompare(b.slot), listKept);
  model.comparisons = joined(model.comparisons, frame.comparisons, (c) => `${c.proposal}/${c.round}/${!!c.trial}`, (a, b) => b.proposal - a.proposal, listKept);
  for (const c of frame.compiled ?? []) model.compiled.set(c.release, c);
  keepHistory(model);
}

/** joined replaces what has the same key, and keeps the last of the order. */
function joined(old, fresh, key, order, most) {
  if (!fresh?.length) return old;
  const all = new Map(old.map((x) => [key(x), x]));
  for (const x of fresh) all.set(key(x), x);
  const list = [...all.values()].sort(order);
  return list.slice(Math.max(0, list.length - most));
}

/** costKey names a binding. */
export const costKey = (c) => `${c.slot}|${c.builtin ?? ""}|${c.release ?? ""}`;

// keepHistory remembers the sums of costs, to say what a second costs.
function keepHistory(model) {
  const costs = new Map(model.costs.map((c) => [costKey(c), c]));
  model.history.push({ time: model.time, costs });
  while (model.history.length > 2 && model.time - model.history[1].time > rateOver) model.history.shift();
}

/** rates says what a binding cost in a second, lately: calls, fuel, nanoseconds, faults. */
export function rates(model, cost) {
  const before = model.history[0];
  const then = before?.costs.get(costKey(cost));
  const seconds = before ? (model.time - before.time) / 1000 : 0;
  if (!then || seconds < 0.4) return { calls: 0, fuel: 0, nanos: 0 };
  return { calls: (cost.calls - then.calls) / seconds, fuel: (cost.fuel - then.fuel) / seconds, nanos: (cost.nanos - then.nanos) / seconds };
}

/** faults sums a cost's faults. */
export const faults = (cost) => Object.values(cost.faults ?? {}).reduce((a, b) => a + b, 0);

/** nameOf is a validator's name. */
export const nameOf = (model, index) => model.node?.validators[index]?.name ?? (index < 0 || index === undefined ? "nobody yet" : `validator ${index}`);

/** lately averages the newest whole seconds of the points. */
export function lately(model, field, seconds = 5) {
  const points = model.points.slice(-seconds);
  return points.length ? points.reduce((sum, p) => sum + p[field], 0) / points.length : undefined;
}

/** newestOf is the newest value of a field that was measured. */
export function newestOf(model, field, within = 10) {
  for (const p of model.points.slice(-within).reverse()) if (p[field] >= 0) return p[field];
  return -1;
}

/** openProposals are under way or on trial. */
export const openProposals = (model) => (model.governed?.proposals ?? []).filter((p) => p.open);

/** comparisonOf is what this node found when it ran a proposal beside what serves. */
export const comparisonOf = (model, number) => model.comparisons.find((c) => c.proposal === Number(number));

/** activation says when a scheduled proposal takes effect: heights to go, and about how many milliseconds. */
export function activation(model, p) {
  const at = Number(p.activationHeight ?? 0);
  if (p.status !== "scheduled" || !at) return null;
  const heights = Math.max(0, at + 1 - model.now.height);
  return { height: at + 1, heights, ms: model.now.height_ms > 0 ? heights * model.now.height_ms : -1 };
}
