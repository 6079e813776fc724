// Ed25519 private keys in WebCrypto.

import { fromBase64, fromHex } from "./canonical.js";

/** pkcs8Head is what stands before the seed in PKCS #8 of an Ed25519 private key without attributes (RFC 8410). */
export const pkcs8Head = fromHex("302e020100300506032b657004220420", 16);

/**
 * importKey returns {key, publicKey} of a key in PKCS #8: key signs and cannot be exported. The
 * public half WebCrypto tells of an exportable key only, which is forgotten at once.
 */
export async function importKey(der) {
  const open = await crypto.subtle.importKey("pkcs8", der, "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", open);
  const key = await crypto.subtle.importKey("pkcs8", der, "Ed25519", false, ["sign"]);
  return { key, publicKey: fromBase64(`${x.replaceAll("-", "+").replaceAll("_", "/")}=`) };
}
