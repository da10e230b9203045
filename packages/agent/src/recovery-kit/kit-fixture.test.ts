// What the tests of the recovery kit share: cheap parameters, an agent's facts, a log. Holds no test.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AgentId,
  agentId,
  assembleEvent,
  type IdentityLog,
  keyCommitment,
  nodeCrypto,
  prepareInception,
  ROLE,
  SecretBytes,
  utf8,
  verifyLog,
} from "@talos/core";
import type { KdfParameters } from "../vault/slots/kdf-bounds.ts";
import type { KitFacts } from "./kit-record.ts";

export const FLOOR: KdfParameters = { memoryKiB: 7_168, passes: 5, lanes: 1 };
export const NOW = 1_800_000_000_000;

export function secret(text: string = "brass kettle under the old mill"): SecretBytes {
  return SecretBytes.fromUtf8(text);
}

export function someAgent(name: string = "alice"): AgentId {
  return agentId(nodeCrypto.sha256(utf8(name)));
}

export const FACTS: KitFacts = { agentName: "alice", agentId: someAgent(), createdAt: NOW };

/** A folder for one test. */
export function folder(): Disposable & { path(name: string): string } {
  const parent = mkdtempSync(join(tmpdir(), "talos-kit-"));
  return {
    path: (name) => join(parent, name),
    [Symbol.dispose]: () => {
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

/** A new log of its own that commits to that recovery key, or to none. */
export function logWith(recovery: Uint8Array | undefined): IdentityLog {
  using identity = nodeCrypto.generateSigningKey();
  using next = nodeCrypto.generateSigningKey();
  using encryption = nodeCrypto.generateAgreementKey();
  const online = keyCommitment({ algorithm: 1, bytes: next.publicKey }, nodeCrypto);
  const { body, toSign } = prepareInception({
    time: NOW,
    identityKey: { algorithm: 1, bytes: identity.publicKey },
    identityProtection: "software",
    encryptionKey: { algorithm: 2, bytes: encryption.publicKey },
    encryptionProtection: "software",
    next: recovery === undefined ? { online } : { online, recovery },
  });
  const signature = identity.sign(toSign[0]?.bytes ?? body);
  return verifyLog(undefined, [assembleEvent(body, [{ role: ROLE.holder, algorithm: 1, signature }], nodeCrypto)], NOW, nodeCrypto).log;
}
