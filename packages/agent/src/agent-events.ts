/**
 * What an open agent tells its application: names and plain values, after the commit that made them true. Nobody has to
 * listen; what counts is in the store. Knows none of the parts that emit.
 */
import { talosError } from "@talos/core";

/** Times are in milliseconds since 1970, hashes and keys in hexadecimal. */
export interface AgentEventMap {
  /** A peer's log has grown by a rotation, or a recovery event has replaced what stood. */
  readonly peerRotated: PeerRotated;
  /** A peer's identity has ended. Nothing is sent to it any more. */
  readonly peerRevoked: PeerRevoked;
  /** Two events of the same authority follow one event of a peer's log: one of them is a thief's. Told once. */
  readonly peerForked: PeerForked;
  /** A peer has begun anew under a newer certificate, as after a restoration: what it may have lost goes out again. */
  readonly peerSessionsReplaced: PeerSessionsReplaced;
  /** A key of this agent is due to be replaced. */
  readonly rotationDue: RotationDue;
  readonly rotationDone: RotationDone;
  /** The stock of one-time prekeys at the directory is low, or falls out of the ordinary. */
  readonly prekeysLow: PrekeysLow;
  /** A restoration of a backup was tried on schedule: it is good, dangerous by now, or an error. */
  readonly backupDrill: BackupDrilled;
  /** A newer instance of this agent exists; this one acts no more. */
  readonly superseded: Superseded;
  /** An event stands in this agent's log that this data directory did not make. */
  readonly identityMoved: IdentityMoved;
}

/** What became of a trust that somebody had given: `none` where there was none to lose. */
export type TrustOutcome = "kept" | "dropped" | "none";

interface OfPeer {
  readonly peerDid: string;
  /** The name that this agent's people gave it. */
  readonly name?: string;
}

export interface PeerRotated extends OfPeer {
  readonly seq: number;
  readonly hash: string;
  readonly identityKey: string;
  readonly reason: "planned" | "compromise" | "lost";
  readonly authority: "online" | "recovery";
  readonly trust: TrustOutcome;
  /** True where sessions with the old keys were ended; what was not acknowledged goes out again. */
  readonly sessionsDropped: boolean;
  /** Events that stood before and were cut off; they are kept as evidence. */
  readonly cutOffEvents: number;
}

export interface PeerRevoked extends OfPeer {
  readonly seq: number;
  readonly hash: string;
  readonly authority: "online" | "recovery";
  readonly trust: TrustOutcome;
  readonly cutOffEvents: number;
}

export interface PeerForked extends OfPeer {
  /** Of the two events that contend. */
  readonly seq: number;
  readonly at: number;
  readonly trust: TrustOutcome;
}

export interface PeerSessionsReplaced extends OfPeer {
  /** Of the peer's log, as its new certificate names it. */
  readonly seq: number;
  /** Of its new certificate. */
  readonly generation: number;
  /** Messages that go out once more, under the same ids. */
  readonly resent: number;
}

export interface RotationDue {
  /** Of a task in `core/rotation`, for example `rotate-identity`. */
  readonly kind: string;
  readonly dueAt: number;
  /** When the key ends if nothing is done. */
  readonly expiresAt?: number;
}

export interface RotationDone {
  readonly kind: string;
  readonly at: number;
  /** Of the successor, where it is one key. */
  readonly keyId?: string;
  /** Of the log, where the identity rotated. */
  readonly seq?: number;
}

export interface PrekeysLow {
  /** `low`: fewer than the policy allows; `fast`: half of the target was taken within a day. */
  readonly reason: "low" | "fast";
  /** At the directory. */
  readonly left: number;
  readonly target: number;
  /** Since the count before, and in what time. */
  readonly taken: number;
  readonly withinMilliseconds: number;
}

export interface BackupDrilled {
  readonly at: number;
  /** Of the file, absolute. */
  readonly path: string;
  /** A `BackupVerdict`: `good`; `dangerous`: it is to be destroyed, and a new one made; or the code of what is wrong. */
  readonly result: string;
}

export interface Superseded {
  readonly seq: number;
  readonly generation: number;
}

export interface IdentityMoved {
  /** Of the foreign event. */
  readonly seq: number;
  readonly hash: string;
}

export type AgentEventName = keyof AgentEventMap;
type Listener<N extends AgentEventName> = (payload: AgentEventMap[N]) => void;

export class AgentEvents {
  readonly #listeners: { readonly [N in AgentEventName]: Set<Listener<N>> } = {
    peerRotated: new Set(),
    peerRevoked: new Set(),
    peerForked: new Set(),
    peerSessionsReplaced: new Set(),
    rotationDue: new Set(),
    rotationDone: new Set(),
    prekeysLow: new Set(),
    backupDrill: new Set(),
    superseded: new Set(),
    identityMoved: new Set(),
  };

  /**
   * @returns ends the listening
   * @throws TalosError INVALID_ARGUMENT for a name that is no event, or what is no function
   */
  on<N extends AgentEventName>(name: N, listener: Listener<N>): () => void {
    if (!Object.hasOwn(this.#listeners, name))
      throw talosError("INVALID_ARGUMENT", "There is no event of this name.", { details: { argument: "name" } });
    if (typeof listener !== "function")
      throw talosError("INVALID_ARGUMENT", "A listener is a function.", { details: { argument: "listener" } });
    // Of its own, so that the same function may listen twice.
    const own: Listener<N> = (payload) => listener(payload);
    this.#listeners[name].add(own);
    return () => {
      this.#listeners[name].delete(own);
    };
  }

  /** After the commit. A listener that throws stops neither the agent nor the others: its error is thrown in a turn of its own. */
  emit<N extends AgentEventName>(name: N, payload: AgentEventMap[N]): void {
    // Whoever begins to listen meanwhile hears the next one.
    const listeners = Array.from(this.#listeners[name]);
    for (const listener of listeners) {
      try {
        listener(payload);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
