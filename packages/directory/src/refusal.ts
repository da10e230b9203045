/**
 * A refusal as the protocol names it (docs/protocol/directory.md, "Errors"): one of its codes, and what the answer carries
 * beside it. Must not know HTTP.
 */
import { isTalosError, TalosError, type ErrorCode, type LogHead, type TalosErrorOptions } from "@talos/core";

export interface RefusalFacts {
  /** The certificate that is registered here. */
  readonly certificate?: Uint8Array | undefined;
  /** The head of the log here. */
  readonly head?: LogHead | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

export class Refusal extends TalosError {
  readonly facts: RefusalFacts;

  constructor(code: ErrorCode, facts: RefusalFacts = {}, message?: string, options?: TalosErrorOptions) {
    super(code, message, options);
    this.facts = facts;
  }
}

export function refuse(code: ErrorCode, facts?: RefusalFacts, message?: string): Refusal {
  return new Refusal(code, facts, message);
}

/**
 * Runs a verification of core whose log head may be one that this directory does not have: that is IDENTITY_MOVED with the
 * head here, so that the agent sees which events to publish first.
 */
export function underLog<T>(head: LogHead, verify: () => T): T {
  try {
    return verify();
  } catch (error) {
    if (isTalosError(error, "HEAD_UNKNOWN")) throw refuse("IDENTITY_MOVED", { head });
    throw error;
  }
}
