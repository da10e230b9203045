// Encapsulations for vectors: ML-KEM takes its coins from OpenSSL, so each was made once and is recorded beside.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex, nodeCrypto, revealSecret, SecretBytes, toHex, type Encapsulation } from "@talos/core";

const RECORD = join(import.meta.dirname, "encapsulations.json");

interface Recorded {
  readonly ciphertext: string;
  readonly sharedSecret: string;
}

let recorded: Record<string, Recorded> | undefined;

/** The encapsulation of that name to that key, from the record; added to it where the environment says TALOS_RECORD_KEM=1. */
export function encapsulationOf(name: string, publicKey: Uint8Array): Encapsulation {
  recorded ??= JSON.parse(readFileSync(RECORD, "utf8")) as Record<string, Recorded>;
  const id = `${name} ${toHex(nodeCrypto.sha256(publicKey)).slice(0, 16)}`;
  if (recorded[id] === undefined) {
    if (process.env["TALOS_RECORD_KEM"] !== "1") throw new Error(`no recorded encapsulation: ${id}`);
    const { ciphertext, sharedSecret } = nodeCrypto.encapsulate(publicKey);
    recorded[id] = { ciphertext: toHex(ciphertext), sharedSecret: toHex(revealSecret(sharedSecret)) };
    writeFileSync(RECORD, `${JSON.stringify(recorded, null, 2)}\n`);
  }
  const { ciphertext, sharedSecret } = recorded[id];
  return { ciphertext: fromHex(ciphertext), sharedSecret: SecretBytes.from(fromHex(sharedSecret)) };
}
