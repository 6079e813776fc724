import * as host from "./host";

// @ts-ignore: decorator
@external("env", "abort")
declare function end(message: usize, file: usize, line: u32, column: u32): void;

/** Ends the call with the fault abort: what a failed assert and a throw come to. The log says where
 *  and why. asconfig.json puts it in the place of the language's own abort. It does without strings'
 *  methods, which are several times as long. */
export function fail(message: string | null, file: string | null, line: u32, column: u32): void {
  if (file) text(file);
  byte(0x3a);
  number(line);
  byte(0x3a);
  number(column);
  if (message) {
    byte(0x3a);
    byte(0x20);
    text(message);
  }
  host.log(buffer, at);
  end(0, 0, line, column);
}

const textMost = 200;
const buffer = memory.data(512);
let at: u32 = 0;

function byte(c: u32): void {
  store<u8>(buffer + at++, c);
}

// Both texts and numbers fit: 2·200 characters, 2·10 digits, and 4 more.
function text(s: string): void {
  for (let i = 0; i < min(s.length, textMost); i++) {
    const c = s.charCodeAt(i);
    byte(c < 0x80 ? c : 0x3f);
  }
}

function number(n: u32): void {
  if (n > 9) number(n / 10);
  byte(0x30 + (n % 10));
}
