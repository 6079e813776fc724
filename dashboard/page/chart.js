// Charts over time, drawn here: lines over seconds, with marks where something happened. A chart is an image with a
// name and a table for those who do not see it; its marks can be reached with the keyboard (one stop, then arrow keys).

import { h, mark as attribute, put, s } from "./dom.js";
import { clock } from "./format.js";

const left = 54, right = 10, top = 22, bottom = 20;
const glyphs = { note: "●", good: "✓", change: "◆", warn: "▲", bad: "✕", fault: "⚡" };
const apart = 24; // pixels between marks that are drawn apart

/** glyphOf is the sign of a mark's tone: colours are never alone. */
export const glyphOf = (tone) => glyphs[tone] ?? "●";

/** span.seconds is how much time all charts show. */
export const span = { seconds: 60, chosen: false };

// Until the reader chooses, the charts show a minute, and five once there is more than two to show.
function choose(points) {
  if (!span.chosen) span.seconds = points.length > 120 ? 300 : 60;
}

/** niceCeiling is the least of 1, 2, 2.5 and 5 times a power of ten that is not below x. */
function niceCeiling(x) {
  if (!(x > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 2.5, 5, 10].find((k) => k * power >= x * 0.9999) * power;
}

/**
 * newChart makes a chart. lines are {name, of(point) -> value, below 0 for none}; format writes a value with its unit.
 * least is the least top of the axis.
 */
export function newChart({ title, unit, lines, format, least = 1, height = 150 }) {
  const picture = s("svg", { class: "chart", height, role: "img", "aria-label": title });
  const grid = s("g", { class: "grid" }), paths = lines.map((_, i) => s("path", { class: `line l${i}` })), area = s("path", { class: "area" });
  const flags = s("g", { class: "flags", role: "group", "aria-label": `Marks on ${title}` }), cross = s("g", { class: "cross", visibility: "hidden" }, s("line", {}));
  picture.append(grid, area, ...paths, cross);
  const over = s("svg", { class: "over", height, role: "group", "aria-label": `Marks on ${title}` }, flags);
  const tip = h("div", { class: "tip", role: "tooltip", hidden: true });
  const current = lines.map((l, i) => h("span", { class: "current" }, h("span", { class: `key l${i}`, "aria-hidden": "true" }), `${l.name} `, h("b", null, "–")));
  const head = h("thead", null, h("tr", null, h("th", { scope: "col" }, "Time"), lines.map((l) => h("th", { scope: "col", class: "number" }, l.name)))), body = h("tbody");
  const table = h("table", null, h("caption", null, `${title}, ${unit}`), head, body);
  const details = h("details", null, h("summary", null, "As a table"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${title}, as a table` }, table));
  const frame = h("div", { class: "plot" }, picture, over, tip);
  const element = h("figure", { class: "figure" },
    h("figcaption", null, h("span", { class: "title" }, title, h("span", { class: "unit" }, ` ${unit}`)), h("span", { class: "legend" }, current)), frame, details);

  let points = [], marks = [], now = 0, width = 0, chosen = -1, groups = [];
  const x = (seconds) => left + ((seconds - (now - span.seconds)) / span.seconds) * (width - left - right);

  const showTip = (at, ...content) => {
    tip.replaceChildren(...content);
    tip.hidden = false;
    const place = Math.min(Math.max(at - tip.offsetWidth / 2, 0), width - tip.offsetWidth);
    tip.style.setProperty("left", `${place}px`);
  };
  const hideTip = () => {
    tip.hidden = true;
    attribute(cross, "visibility", "hidden");
  };

  const tellMarks = (group) => showTip(group.x, ...group.marks.slice(-4).flatMap((m) => [h("strong", { class: `tone ${m.tone}` }, `${glyphOf(m.tone)} ${m.title}${m.count > 1 ? ` (${m.count} times)` : ""}`),
    h("span", { class: "when" }, `${clock(m.time)}${m.height ? `, height ${m.height}` : ""}`), h("span", null, m.text)]), group.marks.length > 4 && h("span", { class: "when" }, `and ${group.marks.length - 4} more here`) || "");

  frame.addEventListener("pointermove", (e) => {
    if (e.target.closest(".flag")) return;
    const at = e.clientX - frame.getBoundingClientRect().left;
    const seconds = Math.round(now - span.seconds + ((at - left) / (width - left - right)) * span.seconds);
    const p = points.find((p) => p.t === seconds);
    if (!p || at < left) return hideTip();
    const line = cross.firstChild;
    for (const [name, value] of [["x1", x(seconds)], ["x2", x(seconds)], ["y1", top], ["y2", height - bottom]]) line.setAttribute(name, value);
    attribute(cross, "visibility", "visible");
    showTip(at, h("span", { class: "when" }, clock(seconds * 1000)), ...lines.map((l) => h("span", null, `${l.name}: ${l.of(p) < 0 ? "–" : format(l.of(p))}`)));
  });
  frame.addEventListener("pointerleave", hideTip);
  over.addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[e.key];
    if (e.key === "Escape") hideTip();
    if (step === undefined || !groups.length) return;
    e.preventDefault();
    chosen = Math.min(Math.max(chosen + step, 0), groups.length - 1);
    drawMarks();
    flags.children[chosen]?.focus();
  });

  function drawGrid(most) {
    const made = [];
    for (const share of [0, 0.5, 1]) {
      const y = height - bottom - share * (height - top - bottom);
      made.push(s("line", { x1: left, x2: width - right, y1: y, y2: y, class: share ? "rule" : "axis" }), s("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, format(most * share)));
    }
    const step = span.seconds <= 60 ? 15 : span.seconds <= 300 ? 60 : 180;
    for (let t = Math.ceil((now - span.seconds) / step) * step; t <= now; t += step) {
      const place = x(t);
      if (place > left + 14 && place < width - 28) made.push(s("line", { x1: place, x2: place, y1: height - bottom, y2: height - bottom + 4, class: "axis" }), s("text", { x: place, y: height - 4, "text-anchor": "middle" }, clock(t * 1000).slice(0, span.seconds <= 60 ? 8 : 5)));
    }
    grid.replaceChildren(...made);
  }

  function drawMarks() {
    groups = [];
    for (const m of marks) {
      const place = x(m.time / 1000);
      if (place < left || place > width - right + 1) continue;
      const before = groups.at(-1);
      if (before && place - before.x < apart) before.marks.push(m);
      else groups.push({ x: place, marks: [m] });
    }
    chosen = Math.min(chosen, groups.length - 1);
    const focused = flags.contains(document.activeElement);
    groups.forEach((group, i) => {
      let flag = flags.children[i];
      if (!flag) {
        flag = s("g", { class: "flag", role: "img" }, s("line", { y1: top - 4, y2: height - bottom }), s("rect", { y: 0, width: 16, height: 18, rx: 3 }), s("text", { y: 13, "text-anchor": "middle" }));
        flag.addEventListener("pointerenter", () => tellMarks(groups[[...flags.children].indexOf(flag)]));
        flag.addEventListener("focus", () => tellMarks(groups[[...flags.children].indexOf(flag)]));
        flag.addEventListener("blur", hideTip);
        flag.addEventListener("pointerleave", hideTip);
        flags.append(flag);
      }
      const worst = ["bad", "fault", "warn", "change", "good", "note"].map((tone) => group.marks.findLast((m) => m.tone === tone)).find((m) => m);
      const [line, box, text] = flag.children;
      for (const name of ["x1", "x2"]) attribute(line, name, group.x);
      const sign = glyphOf(worst.tone) + (group.marks.length > 1 ? group.marks.length : ""), wide = [0, 16, 24, 32][Math.min([...sign].length, 3)];
      attribute(box, "width", wide);
      attribute(box, "x", group.x - wide / 2);
      attribute(text, "x", group.x);
      put(text, sign);
      attribute(flag, "class", `flag ${worst.tone}`);
      attribute(flag, "tabindex", i === (chosen < 0 ? groups.length - 1 : chosen) ? 0 : -1);
      attribute(flag, "aria-label", group.marks.map((m) => `${m.title}, ${clock(m.time)}`).join("; "));
    });
    while (flags.children.length > groups.length) flags.lastChild.remove();
    if (focused && groups.length && !flags.contains(document.activeElement)) flags.children[Math.max(chosen, 0)].focus();
    over.setAttribute("class", groups.length ? "over" : "over none");
  }

  function draw() {
    width = frame.clientWidth;
    if (!width) return;
    for (const picture of [frame.children[0], over]) attribute(picture, "width", width);
    const shown = points.filter((p) => p.t > now - span.seconds - 2);
    const most = niceCeiling(Math.max(least, ...shown.flatMap((p) => lines.map((l) => l.of(p)))));
    const y = (value) => height - bottom - (value / most) * (height - top - bottom);
    drawGrid(most);
    lines.forEach((l, i) => {
      let d = "", open = false, from = 0, to = 0;
      for (const p of shown) {
        const value = l.of(p), place = Math.max(left, x(p.t));
        if (value < 0) { open = false; continue; }
        d += `${open ? "L" : "M"}${place.toFixed(1)} ${y(value).toFixed(1)}`;
        if (!open) from ||= place;
        [open, to] = [true, place];
      }
      attribute(paths[i], "d", d || "M0 0");
      if (i === 0) attribute(area, "d", d && lines.length === 1 && !d.slice(1).includes("M") ? `${d}L${to} ${height - bottom}L${from} ${height - bottom}Z` : "M0 0");
      put(current[i].lastChild, shown.length && l.of(shown.at(-1)) >= 0 ? format(l.of(shown.at(-1))) : "–");
    });
    attribute(picture, "aria-label", `${title}, ${unit}, over the last ${span.seconds} seconds. ${lines.map((l, i) => `${l.name}: ${current[i].lastChild.textContent} now`).join(", ")}. ${marks.length ? "Marks follow." : ""}`);
    drawMarks();
    if (details.open) drawTable(shown);
  }

  function drawTable(shown) {
    const every = Math.max(1, Math.floor(span.seconds / 20));
    body.replaceChildren(...shown.filter((p) => p.t % every === 0).reverse().map((p) => h("tr", null, h("td", null, clock(p.t * 1000)), lines.map((l) => h("td", { class: "number" }, l.of(p) < 0 ? "–" : format(l.of(p)))))));
  }

  new ResizeObserver(draw).observe(frame);
  details.addEventListener("toggle", draw);
  return {
    element,
    update(model) {
      [points, marks, now] = [model.points, model.marks, Math.floor(model.time / 1000) - 1];
      choose(points);
      draw();
    },
  };
}

/** newWindow makes the choice of how much time all charts show. changed is called after. */
export function newWindow(changed) {
  const choices = [[60, "1 min"], [300, "5 min"], [900, "15 min"]];
  const group = h("div", { class: "choice", role: "group", "aria-label": "How much time the charts show" });
  for (const [seconds, name] of choices) {
    group.append(h("button", { type: "button", on: { click: () => { Object.assign(span, { seconds, chosen: true }); changed(); } } }, name));
  }
  const show = () => [...group.children].forEach((b, i) => attribute(b, "aria-pressed", String(choices[i][0] === span.seconds)));
  show();
  return { element: group, show };
}
