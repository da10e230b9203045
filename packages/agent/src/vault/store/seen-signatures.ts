/**
 * Namespaced signatures of others that were found valid, and when: the verifier's own word that they are from before their key's end, for
 * the day when it has ended. Verifies nothing.
 */
import { number } from "./columns.ts";
import type { Store } from "./store.ts";

export interface SeenSignature {
  /** Of the signature's body, 32 bytes. */
  readonly hash: Uint8Array;
  readonly agentId: Uint8Array;
  /** Of the head that it names. */
  readonly headSeq: number;
  /** milliseconds since 1970 */
  readonly seenAt: number;
}

export class SeenSignaturesReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** When a signature with that body was first found valid. */
  seenAt(hash: Uint8Array): number | undefined {
    const row = this.store.get("SELECT seen_at FROM seen_signatures WHERE hash = ?", hash);
    return row && number(row, "seen_at");
  }
}

export class SeenSignatures extends SeenSignaturesReader {
  /** Of a signature that is `valid` now; the first time stays. */
  note({ hash, agentId, headSeq, seenAt }: SeenSignature): void {
    this.store.run(
      "INSERT INTO seen_signatures (hash, agent_id, head_seq, seen_at) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
      hash,
      agentId,
      headSeq,
      seenAt,
    );
  }
}
