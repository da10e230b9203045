// The verified identity log: an immutable value that only `verifyLog` makes.
import type { AgentId } from "../keys/agent-id.ts";
import type { LogHead } from "../keys/heads.ts";
import type { InstalledKeys } from "./event.ts";

/** What was in force after one event of a log. */
export interface LogState extends InstalledKeys {
  readonly head: LogHead;
  readonly time: number;
}

declare const verifiedBrand: unique symbol;
/** A log whose every event has been verified. */
export interface IdentityLog extends InstalledKeys {
  readonly [verifiedBrand]: true;
  readonly agentId: AgentId;
  /** The events as they travel, inception first. */
  readonly events: readonly Uint8Array[];
  /** One per event. */
  readonly states: readonly LogState[];
  readonly head: LogHead;
}

/** What was in force at that head. Throws HEAD_UNKNOWN when that head is not in the log. */
export declare function logAt(log: IdentityLog, head: LogHead): LogState;
/** What was in force after event `seq`. Throws HEAD_UNKNOWN. */
export declare function stateAt(log: IdentityLog, seq: number): LogState;
