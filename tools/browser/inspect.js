(() => {
  const problems = [];
  const name = e => `<${e.tagName.toLowerCase()} class="${e.getAttribute("class") || ""}"> ${JSON.stringify((e.textContent || "").trim().slice(0, 40))}`;
  const shown = e => e.checkVisibility();
  const live = location.protocol !== "file:"; // the dashboard, not a report

  // Nothing leaves the page sideways. (innerWidth grows with what does, on a phone.)
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) problems.push(`the page is ${scrollWidth} pixels wide on ${clientWidth}`);
  const pictures = [...document.querySelectorAll("svg")].filter(e => shown(e) && !e.closest("[aria-hidden=true]") && e.getAttribute("role") !== "group");
  if (pictures.length === 0 && !live) problems.push("no picture is shown");
  for (const svg of pictures) {
    const box = svg.getBoundingClientRect();
    const small = svg.hasAttribute("aria-labelledby") && (box.width < 200 || box.height < 60);
    if ((box.left < 0 || box.right > clientWidth || small) && !svg.closest(".scroll")) problems.push(`a picture stands at ${box.left} to ${box.right}, ${box.height} high`);
    // Texts, as the browser's own fonts make them, stay within the picture and do not touch.
    const texts = [...svg.querySelectorAll("text")].map(e => [e, e.getBoundingClientRect()]);
    for (const [e, b] of texts) {
      if (b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1) problems.push(`leaves its picture: ${name(e)}`);
    }
    const slack = 2.5; // a font's box is higher than its letters
    texts.sort((a, b) => a[1].top - b[1].top);
    for (let i = 0; i < texts.length; i++) {
      for (let k = i + 1; k < texts.length && texts[k][1].top < texts[i][1].bottom - slack; k++) {
        const [a, b] = [texts[i][1], texts[k][1]];
        if (a.left < b.right && b.left < a.right) problems.push(`touch: ${name(texts[i][0])} and ${name(texts[k][0])}`);
      }
    }
    // Those who do not see it hear a name and a description.
    const [title, description] = (svg.getAttribute("aria-labelledby") || "").split(" ").map(id => document.getElementById(id));
    if (svg.getAttribute("role") !== "img" || !svg.getAttribute("aria-label") && (!title?.textContent || !description?.textContent)) problems.push(`a picture has no name: ${svg.getAttribute("aria-labelledby")}`);
  }
  for (const id of [...document.querySelectorAll("[id]")].map(e => e.id)) {
    if (document.querySelectorAll(`[id="${CSS.escape(id)}"]`).length !== 1) problems.push(`two elements are called ${id}`);
  }
  for (const a of document.querySelectorAll('a[href^="#"]:not([href^="#/"])')) { // those are views
    if (!document.getElementById(a.getAttribute("href").slice(1))) problems.push(`leads nowhere: ${name(a)}`);
  }

  // Headings go down step by step, from one h1.
  const headings = [...document.querySelectorAll("h1, h2, h3, h4")].map(h => [h, Number(h.tagName[1])]);
  if (headings.filter(([, level]) => level === 1).length !== 1) problems.push("there is not one h1");
  headings.forEach(([h, level], i) => {
    if (!h.textContent.trim()) problems.push("an empty heading");
    if (i > 0 && level > headings[i - 1][1] + 1) problems.push(`a heading skips a level: ${name(h)}`);
  });
  if (!document.documentElement.lang || !document.title) problems.push("the page has no language or no title");
  for (const e of document.querySelectorAll("a, button, summary, [role=region]")) {
    if (!(e.getAttribute("aria-label") || e.textContent).trim()) problems.push(`no name: ${name(e)}`);
  }
  for (const e of document.querySelectorAll("input, select, textarea")) {
    if (!e.labels?.length && !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby")) problems.push(`no label: ${name(e)}`);
  }
  // What a finger is to meet has a size (WCAG 2.2, 2.5.8); links within a line of text are excepted.
  for (const e of document.querySelectorAll("button, summary, nav a, input, select")) {
    const b = e.getBoundingClientRect();
    if (live && shown(e) && (b.width < 24 || b.height < 24)) problems.push(`${b.width} by ${b.height} pixels: ${name(e)}`);
  }
  for (const t of [...document.querySelectorAll("table")].filter(shown)) {
    if (!t.querySelector("thead th[scope=col]")) problems.push("a table without heads of columns");
  }

  // Contrast of every text against what is behind it, by WCAG 2.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = c => {
    const [r, g, b] = c.slice(0, 3).map(v => v / 255).map(v => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c[3] === 255) return c;
    }
    return [255, 255, 255, 255];
  };
  const seen = new Map();
  for (const e of document.querySelectorAll("body *")) {
    if (!shown(e) || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || e.closest("title, desc, script")) continue;
    const style = getComputedStyle(e);
    const front = e.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const back = behind(e);
    const key = `${front} on ${back}`;
    if (seen.has(key)) continue;
    seen.set(key, true);
    const [a, b] = [luminance(rgba(front)), luminance(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ${key}: ${name(e)}`);
  }
  return problems;
})()
