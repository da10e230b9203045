/** What an operation on an agent is to the matrix. Knows none. */
import type { TalosClient } from "@talos/agent";
import type { ErrorCode } from "@talos/core";
import type { AgentView } from "./view.ts";
import type { World } from "./world.ts";

type KeyGroup = "identity" | "next" | "encryption" | "prekeys";

export interface AgentOperation {
  readonly name: string;
  /** The agent was made with a recovery kit. */
  readonly withKit?: true;
  /** The password that opens the data directory once it is done, where that is another one. */
  readonly newPassword?: string;
  /** Of the keys that there were before, those that have ended when it is done. */
  readonly ends: readonly KeyGroup[];
  /** Events that it adds to the log. */
  readonly events: 0 | 1;
  /** Whether mail from before still arrives. */
  readonly keepsMail: boolean;
  /** Without faults, before; nothing is open. */
  arrange?(world: World): Promise<void>;
  /** On the open agent. @param attempt from 1 */
  run?(world: World, client: TalosClient, attempt: number): Promise<unknown>;
  /** Or it opens the agent by itself, and nothing is open before. */
  start?(world: World): Promise<TalosClient>;
  /** There are backups: they are looked at too. */
  readonly withBackups?: true;
  /** Comes out of a backup: what had no acknowledgement may come to it once more. */
  readonly isRestored?: true;
  /** The directory is away until it is done. */
  readonly away?: true;
  isDone(view: AgentView): boolean;
  /** States by design on the way. */
  between?(before: AgentView, after: AgentView): readonly AgentView[];
  /** What it says where it finds that it is done. */
  readonly foundDone?: ErrorCode;
}
