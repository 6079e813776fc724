// Numbers, times and names for people. Units stand after a narrow space that does not break.

const thin = "\u202f";

/** number writes about three digits of a value, and thousands apart. */
export function number(x) {
  if (x === undefined || x === null || Number.isNaN(x)) return "–";
  const a = Math.abs(x);
  if (a >= 1e9) return `${(x / 1e9).toFixed(a >= 1e10 ? 1 : 2)}${thin}G`;
  if (a >= 1e7) return `${(x / 1e6).toFixed(1)}${thin}M`;
  const digits = a === 0 || a >= 100 || Number.isInteger(x) ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : 3;
  const [whole, rest] = a.toFixed(digits).split(".");
  const apart = whole.replace(/\B(?=(\d{3})+$)/g, thin);
  return (x < 0 ? "−" : "") + apart + (rest ? `.${rest}` : "");
}

/** compact writes a value on an axis: at most three digits and a letter. */
export function compact(x) {
  const [scale, letter] = x >= 1e9 ? [1e9, "G"] : x >= 1e6 ? [1e6, "M"] : x >= 1e4 ? [1e3, "k"] : [1, ""];
  return letter ? `${Number((x / scale).toPrecision(3))}${thin}${letter}` : number(x);
}

/** whole writes all digits of a count. */
export const whole = (x) => (x === undefined || x === null ? "–" : String(x).replace(/\B(?=(\d{3})+$)/g, thin));

/** time writes a duration of milliseconds; below 0 is unknown. */
export function time(ms) {
  if (ms === undefined || ms === null || ms < 0) return "–";
  if (ms === 0) return `0${thin}ms`;
  if (ms < 1) return `${number(ms * 1000)}${thin}µs`;
  if (ms < 1000) return `${number(ms)}${thin}ms`;
  if (ms < 90_000) return `${number(ms / 1000)}${thin}s`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)}${thin}min`;
  if (ms < 172_800_000) return `${number(ms / 3_600_000)}${thin}h`;
  return `${number(ms / 86_400_000)}${thin}days`;
}

/** ago writes how long ago a time was. */
export const ago = (now, then) => (now - then < 1500 ? "just now" : `${time(Math.round((now - then) / 1000) * 1000)} ago`);

/** clock writes a time of day. */
export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

/** percent writes a share. */
export function percent(share, digits) {
  if (share === undefined || share === null || share < 0) return "–";
  const x = share * 100;
  return `${x.toFixed(digits ?? (x === 0 || x >= 10 ? 0 : x >= 1 ? 1 : x >= 0.01 ? 2 : 4))}${thin}%`;
}

/** bytes writes a size. */
export function bytes(n) {
  if (!n) return n === 0 ? `0${thin}B` : "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) [n, i] = [n / 1024, i + 1];
  return `${number(n)}${thin}${units[i]}`;
}

/** short is the beginning of a digest. */
export const short = (digest) => (digest ? digest.slice(0, 12) : "–");

/** hexOf is the lower-case hexadecimal form of bytes in base64, as the API's JSON has them. */
export function hexOf(base64) {
  if (!base64) return "";
  try {
    return [...atob(base64)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  } catch {
    return "";
  }
}

/** serving names what serves: a release by its name, else by its digest; a built-in as such. */
export function serving(x) {
  if (!x) return "nothing";
  if (x.name) return `${x.name} ${x.version}`;
  if (x.builtin) return `${x.builtin} (built-in)`;
  return x.release ? `release ${short(x.release)}` : "nothing";
}

/** standing says where a proposal stands, so that it can follow "is". */
export const standing = (p) => p.stands.replace(/ \(now \d+\)$/, "").replace(/^shadow/, "in the shadow").replace(/^trial/, "on trial");

/** proposed names what a proposal brings. */
export function proposed(p) {
  if (p.name) return `${p.name} ${p.version ?? ""}`.trim();
  if (p.binding?.builtin) return `${p.binding.builtin} (built-in)`;
  return p.subject ?? "a change";
}
