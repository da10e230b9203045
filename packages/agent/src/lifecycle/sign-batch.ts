/** One batch: all live prekeys under one signature of the identity key. Knows neither store nor directory. */
import { assembleBatch, batchTree, prepareBatch, ROLE, type Crypto, type IdentityLog } from "@talos/core";
import type { BackendSigningKey } from "../backends/index.ts";
import { OFFERED_OPTIONS } from "../messaging/new-session.ts";
import type { InventoryEntry, OwnBatch } from "../vault/index.ts";

export interface BatchFacts {
  readonly crypto: Crypto;
  readonly now: number;
  /** Home directories, at most 4 URLs. */
  readonly directories: readonly string[];
}

/** All live prekeys under one signature; it ends with the signed prekey. */
export async function signBatch(
  prekeys: readonly InventoryEntry[],
  log: IdentityLog,
  identity: BackendSigningKey<"identity">,
  { crypto, now, directories }: BatchFacts,
): Promise<OwnBatch> {
  const tree = batchTree(
    prekeys.map(({ statement }) => statement ?? new Uint8Array()),
    crypto,
  );
  const to = prekeys.find(({ kind }) => kind === "signed-prekey")?.expiresAt ?? now;
  const input = {
    agentId: log.agentId,
    head: log.head,
    options: OFFERED_OPTIONS,
    directories,
    from: now,
    to,
    size: prekeys.length,
    root: tree.root,
  };
  const { body, toSign } = prepareBatch(input);
  const signature = await identity.sign(toSign[0]?.bytes ?? body);
  const { wire, root, head, options } = assembleBatch(
    log,
    body,
    [{ role: ROLE.holder, algorithm: log.identityKey.algorithm, signature }],
    crypto,
  );
  const ids = prekeys.map(({ keyId }) => keyId).sort();
  return { root, wire, head, options, createdAt: now, to, ids };
}
