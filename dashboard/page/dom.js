// Elements, made by hand: whatever comes from the network is text, and never markup.

const svgNames = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) element.append(child);
  }
  return element;
}

/** h makes an HTML element. Strings among the children are text. */
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

/** s makes an SVG element. */
export const s = (tag, properties, ...children) => fill(document.createElementNS(svgNames, tag), properties, children);

/** put sets an element's text if it is another: what did not change is not painted. */
export function put(element, text) {
  text = String(text);
  if (element.textContent !== text) element.textContent = text;
}

/** mark sets an attribute if it is another; undefined takes it away. */
export function mark(element, name, value) {
  if (value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** rows keeps an element's children in step with a list: make(key) makes one, update(child, item) fills it in. */
export function rows(parent, list, key, make, update) {
  const had = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of list) {
    const name = String(key(item));
    let child = had.get(name);
    if (child) had.delete(name);
    else {
      child = make(item);
      child.dataset.key = name;
    }
    update?.(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of had.values()) child.remove();
}

/** copyButton makes a button that copies a text. Where the clipboard is shut, it selects the text. */
export function copyButton(text, name, target) {
  const button = h("button", { type: "button", class: "copy", "aria-label": `Copy ${name}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(target);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return button;
}

/** command shows a command line with a button that copies it. */
export function command(text, name = "the command") {
  const code = h("code", null, text);
  return h("div", { class: "command" }, h("pre", { tabindex: 0, "aria-label": name }, code), copyButton(() => code.textContent, name, code));
}
