/** The agent's own identity events and its newest instance certificate, as they travel. Does not verify. */
import type { LogHead } from "@talos/core";
import { bytes, number } from "./columns.ts";
import type { Store } from "./store.ts";

export interface OwnEvent {
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly wire: Uint8Array;
}

export class OwnLogReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Inception first. */
  events(): OwnEvent[] {
    return this.store
      .all("SELECT seq, hash, wire FROM own_events ORDER BY seq")
      .map((row) => ({ seq: number(row, "seq"), hash: bytes(row, "hash"), wire: bytes(row, "wire") }));
  }

  head(): LogHead | undefined {
    const row = this.store.get("SELECT seq, hash FROM own_events ORDER BY seq DESC LIMIT 1");
    return row && { seq: number(row, "seq"), hash: bytes(row, "hash") };
  }

  /** The last event, as it travels. */
  newest(): Uint8Array | undefined {
    const row = this.store.get("SELECT wire FROM own_events ORDER BY seq DESC LIMIT 1");
    return row && bytes(row, "wire");
  }

  /** The newest instance certificate that was made here. */
  certificate(): Uint8Array | undefined {
    const row = this.store.get("SELECT wire FROM own_certificate WHERE id = 1");
    return row && bytes(row, "wire");
  }
}

export class OwnLog extends OwnLogReader {
  append(event: OwnEvent): void {
    this.store.run("INSERT INTO own_events (seq, hash, wire) VALUES (?, ?, ?)", event.seq, event.hash, event.wire);
    this.store.noteProjectionChange();
  }

  setCertificate(wire: Uint8Array): void {
    this.store.run("INSERT INTO own_certificate (id, wire) VALUES (1, ?) ON CONFLICT DO UPDATE SET wire = excluded.wire", wire);
  }
}
