/** What the runtime must be able to do, tried once at import, so that an old one is named before it fails midway. */
import { talosError } from "../errors/talos-error.ts";
import { openssl } from "./openssl.ts";

/** The smallest use of each primitive that only newer runtimes have. */
const PROBES: Readonly<Record<string, (crypto: typeof openssl) => unknown>> = {
  "SHA-256 in one call": (crypto) => crypto.hash("sha256", "", "buffer"),
  "raw keys": (crypto) => crypto.createPublicKey({ key: Buffer.alloc(32, 9), format: "raw-public", asymmetricKeyType: "x25519" }),
  "ML-KEM-768": (crypto) => crypto.generateKeyPairSync("ml-kem-768"),
  Argon2id: (crypto) =>
    crypto.argon2Sync("argon2id", { message: "", nonce: new Uint8Array(8), memory: 8, passes: 1, parallelism: 1, tagLength: 4 }),
};

/** The names of what this implementation cannot do. */
export function missingPrimitives(crypto: typeof openssl = openssl): string[] {
  return Object.entries(PROBES).flatMap(([name, probe]) => {
    try {
      probe(crypto);
      return [];
    } catch {
      return [name];
    }
  });
}

/** @throws TalosError UNSUPPORTED_RUNTIME naming what is missing */
export function requireRuntime(crypto: typeof openssl = openssl): void {
  const missing = missingPrimitives(crypto);
  if (missing.length === 0) return;
  throw talosError("UNSUPPORTED_RUNTIME", `This runtime (${process.version}) lacks ${missing.join(", ")}.`, {
    details: { missing: missing.join(", "), runtime: process.version },
  });
}
