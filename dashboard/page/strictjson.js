// JSON without surprises: JSON.parse rounds numbers above 2^53, and takes fields that stand twice.

import { decimal, refuse } from "./canonical.js";

const depthMax = 32;

/**
 * parseStrictly reads one JSON value. Numbers are whole, of 64 bits, and become BigInt; a field that
 * stands twice is refused; objects have no prototype.
 */
export function parseStrictly(text) {
  let at = 0;
  const fail = (what) => refuse(`it is not one JSON value of the expected form: ${what} at character ${at}`);

  function peek() {
    while (at < text.length && " \t\n\r".includes(text[at])) at++;
    return text[at];
  }

  function skip(mark) {
    if (peek() !== mark) return false;
    at++;
    return true;
  }

  function string() {
    const from = at;
    if (!skip('"')) fail("no text");
    for (at = text.indexOf('"', at); at > 0 && escaped(at); at = text.indexOf('"', at + 1));
    at = at < 0 ? text.length : at + 1;
    try {
      return JSON.parse(text.slice(from, at));
    } catch {
      return fail("a text that does not end, or not as it should");
    }
  }

  function escaped(quote) {
    let slashes = 0;
    while (text[quote - 1 - slashes] === "\\") slashes++;
    return slashes % 2 === 1;
  }

  function word() {
    const from = at;
    while (at < text.length && !" \t\n\r,]}:[{\"".includes(text[at])) at++;
    const s = text.slice(from, at);
    const named = { true: true, false: false, null: null };
    return Object.hasOwn(named, s) ? named[s] : (decimal(s) ?? fail("no whole number of 64 bits"));
  }

  function list(depth) {
    const items = [];
    if (skip("]")) return items;
    do items.push(value(depth)); while (skip(","));
    return skip("]") ? items : fail("a list without end");
  }

  function object(depth) {
    const fields = Object.create(null);
    if (skip("}")) return fields;
    do {
      peek();
      const name = string();
      if (Object.hasOwn(fields, name)) fail("a field twice");
      if (!skip(":")) fail("a field without value");
      fields[name] = value(depth);
    } while (skip(","));
    return skip("}") ? fields : fail("an object without end");
  }

  function value(depth) {
    if (depth > depthMax) fail("too deep");
    const c = peek();
    if (c === '"') return string();
    if (skip("[")) return list(depth + 1);
    if (skip("{")) return object(depth + 1);
    return word();
  }

  const all = value(0);
  return peek() === undefined ? all : fail("more");
}
