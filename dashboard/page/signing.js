// Signing in the browser: a key file of the command line, read from disk into a key that cannot be
// taken out again, and the transactions that `quoin` itself would make, byte for byte.

import { Refusal, concat, equal, fromBase64, isZero, utf8 } from "./canonical.js";
import { importKey, pkcs8Head } from "./privatekey.js";
import { kernelNamespace, transactionID } from "./verify.js";

/** keyBytesMax is the longest key file, in bytes. */
export const keyBytesMax = 4 << 10;

const badKey = (sentence) => {
  throw new Refusal("bad-key", sentence);
};

/**
 * readKeyFile reads a key file as "quoin key new" writes it: PEM with an Ed25519 private key in
 * PKCS #8. It returns {key, publicKey}; key signs, and cannot be exported. bytes is cleared.
 */
export async function readKeyFile(bytes) {
  if (bytes.length > keyBytesMax) badKey(`This is no key file: it has ${bytes.length} bytes.`);
  const text = String.fromCharCode(...bytes);
  bytes.fill(0);
  const label = /^-----BEGIN ([A-Z0-9 ]+)-----$/m.exec(text)?.[1] ?? badKey("This is no key file: make one with `quoin key new FILE`.");
  if (label === "ENCRYPTED PRIVATE KEY" || /^Proc-Type: .*ENCRYPTED/m.test(text)) badKey("This key file has a password, which this page does not read. Sign with the command line.");
  if (label !== "PRIVATE KEY") badKey(`This file holds a "${label}", want a "PRIVATE KEY" as "quoin key new" writes it.`);
  const body = /^-----BEGIN PRIVATE KEY-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END PRIVATE KEY-----\r?\n?$/.exec(text)?.[1];
  const der = fromBase64((body ?? "!").replace(/[\r\n]/g, "")) ?? badKey("This key file is damaged, or holds more than one key.");
  if (der.length !== pkcs8Head.length + 32 || !equal(der.subarray(0, pkcs8Head.length), pkcs8Head)) badKey("This file holds another key than an Ed25519 one in its plain form. Sign with the command line.");
  const pair = await importKey(der).catch(() => badKey("This browser does not take Ed25519 keys."));
  der.fill(0);
  return pair;
}

/** kernelTransaction returns the transaction that carries a command's payload on the chain of an origin, unsigned, and its id. */
export async function kernelTransaction(publicKey, origin, { salt, expiry, payload }) {
  if (isZero(publicKey)) badKey("The key is nobody's.");
  const transaction = { sender: publicKey, salt, expiry, namespace: kernelNamespace, payload, signature: null };
  return { transaction, id: await transactionID(transaction, origin) };
}

/** signTransaction returns a transaction with its signature: over its id, which is of one chain. */
export async function signTransaction(key, transaction, id) {
  const signature = await crypto.subtle.sign("Ed25519", key, concat(utf8("quoin/account/v1\n"), id));
  return { ...transaction, signature: new Uint8Array(signature) };
}

/** randomSalt returns what tells apart two transactions that are otherwise the same. */
export const randomSalt = () => crypto.getRandomValues(new BigUint64Array(1))[0] || 1n;

/** expiryFor returns the last height that may hold a transaction submitted now: half the chain's window ahead. */
export function expiryFor(verifier) {
  const window = verifier.configuration(verifier.epoch).parameters.expiry_window_heights;
  return (verifier.newest?.height ?? 0n) + window / 2n;
}
