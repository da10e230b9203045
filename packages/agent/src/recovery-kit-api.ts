/**
 * `client.recoveryKit`: making, proving and splitting the kit that outranks every other key of the agent. What needs no open
 * agent stands in recovery-kit/without-agent.ts.
 */
import { talosError } from "@talos/core";
import type { AgentContext } from "./context.ts";
import { finishPlannedRotation, planIdentityRotation } from "./lifecycle/identity-plan/rotate.ts";
import { opensInAnyForm } from "./password/index.ts";
import { proveKit, type KitCheck } from "./recovery-kit/check-kit.ts";
import {
  checkCreateKitOptions,
  checkKitFile,
  checkSplitOptions,
  type CreateRecoveryKitOptions,
  type RecoveryKitFile,
  type SplitRecoveryKitOptions,
} from "./recovery-kit/kit-options.ts";
import { recordCheck, recordCreated } from "./recovery-kit/kit-status.ts";
import { NewSeed, readKitPlace } from "./recovery-kit/new-kit.ts";
import { splitKit, type KitShares } from "./recovery-kit/share-files.ts";

export interface CreatedKit {
  /** Absolute. */
  readonly path: string;
  /** Of the event that put it in force. */
  readonly seq: number;
}

const UNUSED_KIT =
  "while talos status shows the rotation as unfinished it goes on by itself, and the kit is in force then; otherwise remove it, or choose another path, before you try again.";

export class RecoveryKitApi {
  readonly #context: AgentContext;

  constructor(context: AgentContext) {
    this.#context = context;
  }

  /**
   * Gives a kit to an agent that has none: the file is written and read back, then one event of the online key (a planned rotation)
   * puts it in force.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; RECOVERY_KIT_IN_FORCE; RECOVERY_KIT_EXISTS, FILE_NOT_FOUND, STORAGE_FAILED of the file;
   *   PASSWORD_REQUIRED, WEAK_PASSWORD, RECOVERY_KIT_PASSWORD_REUSED; as `rotateIdentity`: then the file stays, and the hint says so
   */
  async create(options: CreateRecoveryKitOptions): Promise<CreatedKit> {
    const { allowWeakPassword = false, offline = false, ...kit } = checkCreateKitOptions(options);
    const { vault, crypto, clock, policy, standing } = this.#context;
    standing.requireActive();
    // What was begun before may put a kit in force: better known before another one is made.
    await finishPlannedRotation(this.#context);
    if (this.#context.log.next.recovery !== undefined) throw talosError("RECOVERY_KIT_IN_FORCE");
    using place = await readKitPlace(kit, {
      dataDir: vault.dataDir,
      isKnown: (secret) => opensInAnyForm(secret, (unlock) => vault.opensWith(unlock)),
      allowWeak: allowWeakPassword || policy.allowWeakPasswords,
      agentName: vault.name,
    });
    using seed = new NewSeed(place, crypto);
    try {
      const now = clock.now();
      seed.write({ agentName: vault.name, agentId: vault.agentId, now, kdf: vault.kdf });
      vault.transaction((tx) => recordCreated(tx, now));
      const { seq } = await planIdentityRotation(this.#context, { recoveryCommitment: seed.commitment, offline });
      return { path: place.path, seq };
    } catch (error) {
      throw seed.explain(error, UNUSED_KIT);
    }
  }

  /**
   * Proves that the kit opens and is the one that the agent's log waits for; `status().recovery` says when it was proven last.
   *
   * @throws TalosError as `proveKit`; UNKNOWN_OPTION, INVALID_ARGUMENT; COMMIT_FAILED, CLIENT_CLOSED
   */
  async check(options: RecoveryKitFile): Promise<KitCheck> {
    const kit = checkKitFile(options);
    const { vault, crypto, clock, log } = this.#context;
    const proven = await proveKit(kit, log, crypto, clock.now());
    vault.transaction((tx) => recordCheck(tx, proven.keyIndex, proven.checkedAt));
    return { ...proven, recorded: true };
  }

  /** As `splitRecoveryKit`, and refuses another agent's kit. @throws TalosError also RECOVERY_KIT_FOREIGN */
  async split(options: SplitRecoveryKitOptions): Promise<KitShares> {
    return await splitKit(checkSplitOptions(options), this.#context.crypto, this.#context.log.agentId);
  }
}
