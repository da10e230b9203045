/**
 * One secret in the forms in which people and programs hand it on: with what an editor adds at its ends, and as a key file, of which every byte
 * counts. Two secrets that are to differ must differ in all of them. Works on bytes: no secret becomes a string here.
 */
import { isUtf8 } from "node:buffer";
import { revealSecret, SecretBytes, secureCompare, settledBytes, utf8 } from "@talos/core";
import type { UnlockWith } from "../vault/index.ts";

const KEY_KINDS = ["key-file", "credential"] as const;
/** A key file that was made as text has one; a password file is read without it. */
const LINE_ENDS: readonly Uint8Array[] = ["", "\n", "\r\n"].map((end) => utf8(end));
/** White space of Unicode, and what has no width: zero-width space and byte order mark. */
const SPACES: readonly Uint8Array[] = [
  0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009,
  0x200a, 0x200b, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff,
].map((space) => utf8(String.fromCodePoint(space)));

/** Without white space and byte order marks at its ends; the caller disposes it. */
function bareSecret(secret: SecretBytes): SecretBytes {
  let rest = revealSecret(secret);
  for (let before = -1; before !== rest.length;) {
    before = rest.length;
    for (const space of SPACES) {
      if (begins(rest, space)) rest = rest.subarray(space.length);
      if (ends(rest, space)) rest = rest.subarray(0, -space.length);
    }
  }
  return SecretBytes.copyOf(rest);
}

/** Whether they are the same but for what stands at their ends. */
export function isSameSecret(one: SecretBytes, other: SecretBytes): boolean {
  using a = bareSecret(one);
  using b = bareSecret(other);
  return secureCompare(a, b);
}

/**
 * Whether a password is a way in, in any of its forms: as it is, without what stands at its ends, and as the content of a key file or credential.
 *
 * @param opensWith of a password one Argon2id run for each password slot; most passwords have one form as a password
 */
export function opensInAnyForm(password: SecretBytes, opensWith: (unlock: UnlockWith) => boolean): boolean {
  // As a key first: nothing is stretched then.
  return isKeyMaterial(password, opensWith) || opensAsPassword(password, (secret) => opensWith({ kind: "password", secret }));
}

/** Whether a secret, of any kind, is a password in one of its forms. @param opens mostly asked once; never for what is no text */
export function opensAsPassword(secret: SecretBytes, opens: (password: SecretBytes) => boolean): boolean {
  if (!isText(secret)) return false;
  using bare = bareSecret(secret);
  return opens(secret) || (bare.length > 0 && !secureCompare(bare, secret) && opens(bare));
}

function isKeyMaterial(password: SecretBytes, opensWith: (unlock: UnlockWith) => boolean): boolean {
  using bare = bareSecret(password);
  return [password, bare].some((form) => LINE_ENDS.some((end) => isKey(form, end, opensWith)));
}

function isKey(form: SecretBytes, end: Uint8Array, opensWith: (unlock: UnlockWith) => boolean): boolean {
  const bytes = settledBytes(form.length + end.length);
  bytes.set(revealSecret(form));
  bytes.set(end, form.length);
  using secret = SecretBytes.take(bytes);
  return KEY_KINDS.some((kind) => opensWith({ kind, secret }));
}

/** Random bytes are none, and no password is anything else. */
function isText(secret: SecretBytes): boolean {
  return isUtf8(revealSecret(secret));
}

function begins(bytes: Uint8Array, part: Uint8Array): boolean {
  return bytes.length >= part.length && secureCompare(bytes.subarray(0, part.length), part);
}

function ends(bytes: Uint8Array, part: Uint8Array): boolean {
  return bytes.length >= part.length && secureCompare(bytes.subarray(bytes.length - part.length), part);
}
