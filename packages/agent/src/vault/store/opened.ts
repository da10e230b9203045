/** Which envelope was opened at which place of which session: tells a redelivery from a copied counter. */
import { equalBytes } from "@talos/core";
import { bytes, optionalBytes } from "./columns.ts";
import type { Store } from "./store.ts";

export interface OpenedPlace {
  readonly sessionId: Uint8Array;
  /** The ratchet key of the chain. */
  readonly chain: Uint8Array;
  readonly counter: number;
}

export class OpenedReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  lookup(place: OpenedPlace, envelopeId: Uint8Array): "new" | "redelivery" | "counter-reuse" {
    const row = this.store.get(
      "SELECT envelope_id FROM opened WHERE session_id = ? AND chain = ? AND counter = ?",
      place.sessionId,
      place.chain,
      place.counter,
    );
    if (row === undefined) return "new";
    return equalBytes(bytes(row, "envelope_id"), envelopeId) ? "redelivery" : "counter-reuse";
  }

  /** The message that was opened there; undefined for a control frame. */
  messageAt(place: OpenedPlace): Uint8Array | undefined {
    const row = this.store.get(
      "SELECT message_id FROM opened WHERE session_id = ? AND chain = ? AND counter = ?",
      place.sessionId,
      place.chain,
      place.counter,
    );
    return row && optionalBytes(row, "message_id");
  }

  /** The envelope id that was opened there. */
  envelopeAt(place: OpenedPlace): Uint8Array | undefined {
    const row = this.store.get(
      "SELECT envelope_id FROM opened WHERE session_id = ? AND chain = ? AND counter = ?",
      place.sessionId,
      place.chain,
      place.counter,
    );
    return row && bytes(row, "envelope_id");
  }
}

export class Opened extends OpenedReader {
  /**
   * A second one at the same place is refused by the schema: look it up first.
   *
   * @param messageId of a message that is acknowledged to its sender; of control frames none
   */
  add(place: OpenedPlace, envelopeId: Uint8Array, at: number, messageId?: Uint8Array): void {
    this.store.run(
      "INSERT INTO opened (session_id, chain, counter, envelope_id, message_id, opened_at) VALUES (?, ?, ?, ?, ?, ?)",
      place.sessionId,
      place.chain,
      place.counter,
      envelopeId,
      messageId,
      at,
    );
  }

  forget(openedBefore: number): number {
    return this.store.run("DELETE FROM opened WHERE opened_at < ?", openedBefore);
  }
}
