/** `client.audit`: what happened to the agent and its keys, whether the record is whole, and a copy that anybody can check. */
import { talosError, type AuditEntry } from "@talos/core";
import { checkAudit, type AuditCheck } from "./audit/check-audit.ts";
import { exportAudit, type ExportedAudit } from "./audit/export-audit.ts";
import { reviewAudit, type AuditReview } from "./audit/review-audit.ts";
import type { AgentContext } from "./context.ts";
import { check, isBoolean, wholeNumber } from "./options.ts";

export interface AuditListOptions {
  /** Entries of a higher order, to read on. Default 0: from the first. */
  readonly after?: number;
  /** 1 to 10,000. Default 1,000. */
  readonly limit?: number;
}

export interface AuditExportOptions {
  /** Have a fresh certificate cover the newest entries first (one operation of the identity key). Default true. */
  readonly renew?: boolean;
}

export interface AuditReviewOptions {
  /** Milliseconds since 1970, by this agent's clock. */
  readonly since: number;
}

const ANY_TIME = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const DEFAULT_LIMIT = 1_000;

export class AuditApi {
  readonly #context: AgentContext;

  constructor(context: AgentContext) {
    this.#context = context;
  }

  /** Oldest first. @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, VAULT_CORRUPT, CLIENT_CLOSED */
  list(options: AuditListOptions = {}): readonly AuditEntry[] {
    const page = checkListOptions(options);
    return this.#context.vault.read((tx) => tx.audit.page(page));
  }

  /** Against the newest certificate and the agent's own events. What is wrong is in the result. @throws TalosError CLIENT_CLOSED */
  verify(): AuditCheck {
    const { vault, crypto } = this.#context;
    return vault.read((tx) => checkAudit(tx, vault.agentId, crypto));
  }

  /**
   * A copy in JSON Lines that anybody can check with public keys only.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; AUDIT_INVALID where the record is not the one that was signed; of the backend;
   *   CLIENT_CLOSED, COMMIT_FAILED
   */
  async export(options: AuditExportOptions = {}): Promise<ExportedAudit> {
    const { renew = true } = check<AuditExportOptions>(options, { renew: isBoolean });
    const { vault, crypto, standing } = this.#context;
    if (renew && standing.isActive) await this.#context.renewCertificate();
    return vault.read((tx) => exportAudit(tx, vault.agentId, crypto));
  }

  /** What happened since then, sorted for a person. @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, VAULT_CORRUPT, CLIENT_CLOSED */
  review(options: AuditReviewOptions): AuditReview {
    const { since } = checkReviewOptions(options);
    return this.#context.vault.read((tx) => reviewAudit(tx, since));
  }
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkListOptions(options: unknown): Required<AuditListOptions> {
  const { after = 0, limit = DEFAULT_LIMIT } = check<AuditListOptions>(options, { after: ANY_TIME, limit: wholeNumber(1, 10_000) });
  return { after, limit };
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkReviewOptions(options: unknown): AuditReviewOptions {
  const { since } = check<Partial<AuditReviewOptions>>(options, { since: ANY_TIME });
  if (since === undefined) throw talosError("INVALID_ARGUMENT", "The option since is needed.", { details: { option: "since" } });
  return { since };
}
