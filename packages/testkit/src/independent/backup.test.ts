// The reader of backups refuses by the names of the page, and takes nothing that was changed.
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { readBackup } from "./backup.ts";
import { join } from "./bytes.ts";
import { decodeCbor, encodeCbor, type CborValue } from "./cbor.ts";
import { Refusal, type RefusalClass } from "./refusal.ts";

const FOLDER = fileURLToPath(new URL("../../../../fixtures/backup/v1/", import.meta.url));
const FILE: Uint8Array = new Uint8Array(readFileSync(pathOf("alice.backup")));
const { passwords } = JSON.parse(readFileSync(pathOf("expected.json"), "utf8")) as { readonly passwords: readonly [string, string] };
const PASSWORD: Uint8Array = new TextEncoder().encode(passwords[0]);

function pathOf(name: string): string {
  return `${FOLDER}${name}`;
}

/** Other parts of the file, under a checksum that fits. */
function rewritten(change: (parts: Uint8Array[]) => void): Uint8Array {
  const parts = (decodeCbor(FILE) as readonly Uint8Array[]).slice(0, 5);
  change(parts);
  return encodeCbor([...parts, nobleSha256(join("talos/v1/backup/checksum\0", ...parts)).slice(0, 8)]);
}

function withClear(key: number, value: CborValue): Uint8Array {
  return rewritten((parts) => {
    const entries = [...(decodeCbor(parts[0] ?? new Uint8Array(0)) as ReadonlyMap<number, CborValue>)];
    parts[0] = encodeCbor(new Map([...entries.filter(([other]) => other !== key), [key, value] as const].sort(([a], [b]) => a - b)));
  });
}

function refuses(file: Uint8Array, expected: RefusalClass, password: Uint8Array = PASSWORD): void {
  assert.throws(
    () => readBackup(file, password),
    (error) => error instanceof Refusal && error.class === expected,
    expected,
  );
}

test("damage is named before anything is derived", () => {
  for (let at = 0; at < FILE.length; at += 997) {
    refuses(FILE.slice(0, at), "backup-damaged");
    const damaged = FILE.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 4;
    refuses(damaged, "backup-damaged");
  }
});

test("so is what a later release made, and what costs too little or too much", () => {
  refuses(withClear(0, 2), "unsupported-version");
  refuses(withClear(1, 2), "unsupported-suite");
  refuses(withClear(99, [[1, true, new Uint8Array(0)]]), "unsupported-extension");
  refuses(withClear(6, 7_167), "kdf-parameters-refused");
  refuses(withClear(6, 1_048_577), "kdf-parameters-refused");
  refuses(withClear(7, 17), "kdf-parameters-refused");
  refuses(withClear(8, 0), "kdf-parameters-refused");
});

test("another password and another clear part open nothing", () => {
  refuses(FILE, "backup-wrong-password", new TextEncoder().encode("another one"));
  refuses(withClear(2, "mallory"), "backup-wrong-password");
});

test("slots and content belong to each other", () => {
  const slots = (decodeCbor(FILE) as readonly Uint8Array[])[1] ?? new Uint8Array(0);
  const [first = null, second = null] = decodeCbor(slots) as readonly CborValue[];
  for (const list of [[first], [first, first], [first, second, second]])
    refuses(
      rewritten((parts) => parts.splice(1, 1, encodeCbor(list))),
      "backup-damaged",
    );
  refuses(
    rewritten((parts) => parts.splice(2, 1, new Uint8Array(32))),
    "backup-damaged",
  );
});
