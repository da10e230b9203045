/**
 * What an application asks for about the care of keys: the arguments, and plain values out. Knows nothing of how it is done.
 */
import { talosError } from "@talos/core";
import { holdingProcess } from "./clock.ts";
import type { AgentContext } from "./context.ts";
import type { MaintenanceReport } from "./lifecycle/maintenance-round.ts";
import type { Maintenance } from "./lifecycle/maintenance.ts";
import { makeBatch, MAX_ONE_TIME_PREKEYS, type BatchWish } from "./lifecycle/new-batch.ts";
import { isPublished } from "./lifecycle/publish-record.ts";
import type { Publisher } from "./lifecycle/publisher.ts";
import { storedStock } from "./lifecycle/prekey-stock.ts";

export interface ReplenishOptions {
  /** How many unclaimed one-time prekeys there are to be, 1 to 1000. Default: the policy's target, 100. */
  readonly count?: number;
}

export interface SignedPrekeyRotation {
  /** Of the new key, in hexadecimal. */
  readonly keyId: string;
  /** Milliseconds since 1970. */
  readonly dueAt: number;
  readonly expiresAt: number;
  /** Whether the home directory has it; else it goes on by itself. */
  readonly published: boolean;
}

export interface Replenishment {
  /** One-time prekeys that were made. */
  readonly made: number;
  /** Unclaimed at the home directory when it last said so; without one, those that are here and were not used. */
  readonly stock: number;
  readonly published: boolean;
}

export interface AgentParts {
  readonly context: AgentContext;
  readonly publisher: Publisher;
  readonly maintenance: Maintenance;
}

/** @throws TalosError as `makeBatch`, and of an agent that may not act */
export async function rotateSignedPrekey(parts: AgentParts): Promise<SignedPrekeyRotation> {
  const { rotation } = parts.context.policy;
  const { made, published } = await makeAndPublish(parts, {
    signedPrekey: "replace",
    oneTimePrekeys: "carry",
    stock: rotation.oneTimePrekeyTarget,
  });
  const [signed] = made.filter(({ kind }) => kind === "signed-prekey");
  const { keyId = "", dueAt = 0, expiresAt = 0, createdAt = 0 } = signed ?? {};
  parts.context.events.emit("rotationDone", { kind: "rotate-signed-prekey", at: createdAt, keyId });
  return { keyId, dueAt, expiresAt, published };
}

/** Twice the same is as once. @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; as `makeBatch`, and of an agent that may not act */
export async function replenishOneTimePrekeys(parts: AgentParts, options: ReplenishOptions = {}): Promise<Replenishment> {
  const { context } = parts;
  const count = checkCount(options) ?? context.policy.rotation.oneTimePrekeyTarget;
  const { made, published } = await makeAndPublish(parts, { signedPrekey: "keep", oneTimePrekeys: "carry", stock: count });
  return {
    made: made.filter(({ kind }) => kind === "one-time-prekey").length,
    published,
    stock: context.vault.read((tx) => (published ? storedStock(tx, context.home)?.count : undefined) ?? tx.inventory.countOneTime()),
  };
}

/** @throws TalosError of an agent that may not act */
export async function maintain({ maintenance }: AgentParts): Promise<MaintenanceReport> {
  return await holdingProcess(maintenance.maintain());
}

async function makeAndPublish(
  { context, publisher }: AgentParts,
  wish: BatchWish,
): Promise<{ made: readonly MadeKey[]; published: boolean }> {
  context.standing.requireActive();
  return await holdingProcess(
    (async () => {
      const { fresh } = await makeBatch(context, wish);
      await publisher.attempt();
      context.standing.requireActive();
      return { made: fresh, published: context.vault.read((tx) => isPublished(tx, context.home)) };
    })(),
  );
}

type MadeKey = Awaited<ReturnType<typeof makeBatch>>["fresh"][number];

function checkCount(options: unknown): number | undefined {
  if (typeof options !== "object" || options === null || Array.isArray(options)) throw invalid("options");
  for (const name of Object.keys(options)) {
    if (name !== "count") throw talosError("UNKNOWN_OPTION", undefined, { details: { option: name } });
  }
  const { count } = options as { readonly count?: unknown };
  if (count === undefined) return undefined;
  if (typeof count !== "number" || !Number.isInteger(count) || count < 1 || count > MAX_ONE_TIME_PREKEYS) throw invalid("count");
  return count;
}

function invalid(option: string): Error {
  return talosError("INVALID_ARGUMENT", `The option ${option} has a value that is not allowed.`, { details: { option } });
}
