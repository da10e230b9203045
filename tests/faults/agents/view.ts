/** What of an agent counts when two states are compared: read from its data directory without a password, in words. */
import { Vault } from "@talos/agent";
import { decodeEvent } from "@talos/core";
import { viewOfBackups, type BackupsView } from "./backups-view.ts";
import { patientCrypto, type World } from "./world.ts";

export interface AgentView {
  /** Of its own log. */
  readonly events: number;
  readonly lastEvent: string;
  readonly identity: "before" | "next" | "another" | "none";
  readonly encryption: "before" | "another" | "none";
  readonly signedPrekey: "before" | "another" | "none";
  readonly oneTimePrekeys: number;
  /** Whether the log commits to a recovery key. */
  readonly recovery: boolean;
  readonly vaultKeyNumber: number;
  readonly superseded: boolean;
  /** Restored, and not compared with its directory yet. */
  readonly held: boolean;
  readonly staged: number;
  readonly plans: readonly string[];
  /** Of operations that are about them. */
  readonly backups?: BackupsView;
}

export async function viewOf(world: World): Promise<AgentView> {
  const { keys, privateKeys } = world.facts;
  const backups = privateKeys === undefined ? {} : { backups: await viewOfBackups(world) };
  using inspection = await Vault.inspect({ dataDir: world.agent, crypto: patientCrypto });
  return inspection.read((tx) => {
    const entries = tx.inventory.listPublic();
    const live = entries.filter(({ state }) => state === "live");
    const idOf = (holds: (entry: (typeof live)[number]) => boolean): string | undefined => live.find(holds)?.keyId;
    const name = <T extends string>(id: string | undefined, names: Readonly<Record<T, readonly string[]>>): T | "another" | "none" => {
      if (id === undefined) return "none";
      const known = Object.entries<readonly string[]>(names).find(([, ids]) => ids.includes(id));
      return known === undefined ? "another" : (known[0] as T);
    };
    const events = tx.log.events().map(({ wire }) => decodeEvent(wire, patientCrypto).event);
    const last = events.at(-1);
    const identity = idOf(({ kind, role }) => kind === "identity" && role === "current");
    return {
      events: events.length,
      lastEvent: last === undefined ? "none" : [last.kind, ...("reason" in last ? [last.authority, last.reason] : [])].join(" "),
      identity: name(identity, { before: keys.identity, next: keys.next }),
      encryption: name(
        idOf(({ kind }) => kind === "encryption"),
        { before: keys.encryption },
      ),
      signedPrekey: name(
        idOf(({ kind }) => kind === "signed-prekey"),
        { before: keys.prekeys },
      ),
      oneTimePrekeys: live.filter(({ kind }) => kind === "one-time-prekey").length,
      recovery: last !== undefined && "next" in last && last.next.recovery !== undefined,
      vaultKeyNumber: inspection.vaultKeyNumber,
      superseded: tx.settings.get("superseded-by") !== undefined,
      held: tx.settings.get("recovery-unchecked") !== undefined,
      staged: entries.filter(({ state }) => state === "staged").length,
      plans: tx.plans.open().map(({ kind, step, lastError }) => [kind, step, ...(lastError === undefined ? [] : [lastError])].join(" ")),
      ...backups,
    };
  });
}

export function describeView(view: AgentView): string {
  return JSON.stringify(view, undefined, 1);
}

/** Undefined for a state that is no agent's. */
export function parseView(state: string): AgentView | undefined {
  return state.startsWith("{") ? (JSON.parse(state) as AgentView) : undefined;
}
