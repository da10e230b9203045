// The Double Ratchet: header, derivations, and a receiver that keeps no bounds (ratchet.md).
import { ByteReader, hex, join, unhex } from "./bytes.ts";
import { derive } from "./hashes.ts";
import { agree, checkPublicKey, ML_KEM_768, publicOf, X25519 } from "./keys.ts";
import { demand } from "./refusal.ts";

export interface RatchetHeader {
  readonly ratchetKey: string;
  readonly encapsulationKey: string | null;
  readonly kemCiphertext: string | null;
  readonly previousLength: number;
  readonly counter: number;
  readonly seq: number;
  readonly generation: number;
}

const FIXED_BYTES = 32 + 1 + 4 + 4 + 4 + 8;
const ENCAPSULATION_KEY_BYTES = 1184;
const KEM_CIPHERTEXT_BYTES = 1088;
const HAS_ENCAPSULATION_KEY = 1;
const HAS_CIPHERTEXT = 2;

/** Cuts a header out of an envelope, by its KEM flags. */
export function takeRatchetHeader(reader: ByteReader): Uint8Array {
  const start = reader.bytes(33);
  const flags = start[32] ?? 0;
  demand(flags <= (HAS_ENCAPSULATION_KEY | HAS_CIPHERTEXT), "unknown KEM flags");
  const kemBytes =
    ((flags & HAS_ENCAPSULATION_KEY) === 0 ? 0 : ENCAPSULATION_KEY_BYTES) + ((flags & HAS_CIPHERTEXT) === 0 ? 0 : KEM_CIPHERTEXT_BYTES);
  return join(start, reader.bytes(kemBytes + FIXED_BYTES - start.length));
}

export function decodeRatchetHeader(bytes: Uint8Array): RatchetHeader {
  const reader = new ByteReader(bytes);
  const ratchetKey = checkPublicKey(X25519, reader.bytes(32), [X25519]).key;
  const flags = reader.uint(1);
  demand(flags <= (HAS_ENCAPSULATION_KEY | HAS_CIPHERTEXT), "unknown KEM flags");
  const encapsulationKey =
    (flags & HAS_ENCAPSULATION_KEY) === 0 ? null : checkPublicKey(ML_KEM_768, reader.bytes(ENCAPSULATION_KEY_BYTES), [ML_KEM_768]).key;
  const kemCiphertext = (flags & HAS_CIPHERTEXT) === 0 ? null : reader.hex(KEM_CIPHERTEXT_BYTES);
  const header: RatchetHeader = {
    ratchetKey,
    encapsulationKey,
    kemCiphertext,
    previousLength: reader.uint(4),
    counter: reader.uint(4),
    seq: reader.uint(4),
    generation: reader.uint(8),
  };
  reader.end();
  demand(header.generation >= 1, "a generation is at least 1");
  return header;
}

export interface RootStep {
  readonly rootKey: Uint8Array;
  readonly chainKey: Uint8Array;
}

export function rootStep(rootKey: Uint8Array, agreement: Uint8Array, kem?: Uint8Array): RootStep {
  const output =
    kem === undefined
      ? derive(join(rootKey, agreement), "talos-double-ratchet-root", 64)
      : derive(join(rootKey, agreement, kem), "talos-double-ratchet-root-kem", 64);
  return { rootKey: output.slice(0, 32), chainKey: output.slice(32) };
}

export interface ChainStep {
  readonly messageKey: Uint8Array;
  readonly chainKey: Uint8Array;
}

export function chainStep(chainKey: Uint8Array): ChainStep {
  return { messageKey: derive(chainKey, "talos-double-ratchet-message", 32), chainKey: derive(chainKey, "talos-double-ratchet-chain", 32) };
}

export function messageKeyAt(chainKey: Uint8Array, counter: number): Uint8Array {
  let step = chainStep(chainKey);
  for (let index = 0; index < counter; index++) step = chainStep(step.chainKey);
  return step.messageKey;
}

/**
 * One side of a ratchet without KEM steps, told its own ratchet secrets in the order in which it made them. It keeps every receiving chain
 * from its start, so late and early messages need no store of skipped keys.
 */
export class Ratchet {
  #rootKey: Uint8Array;
  #own: Uint8Array;
  #peer: string | undefined;
  #sending: Uint8Array | undefined;
  readonly #receiving: Map<string, Uint8Array> = new Map();

  /** A gives B's first ratchet key and steps at once; B gives the signed prekey's secret and waits. */
  constructor(rootKey: Uint8Array, ownSecret: Uint8Array, peerKey?: string) {
    this.#rootKey = rootKey;
    this.#own = ownSecret;
    if (peerKey === undefined) return;
    this.#peer = peerKey;
    this.#sending = this.#step(peerKey);
  }

  #step(peerKey: string): Uint8Array {
    const { rootKey, chainKey } = rootStep(this.#rootKey, agree(this.#own, unhex(peerKey)));
    this.#rootKey = rootKey;
    return chainKey;
  }

  get ownKey(): string {
    return publicOf(X25519, this.#own).key;
  }

  sendingKey(counter: number): string {
    demand(this.#sending !== undefined, "no sending chain yet");
    return hex(messageKeyAt(this.#sending, counter));
  }

  /** The message key for a header; on a new chain, `nextSecret` is the ratchet secret that this side makes for its answer. */
  receivingKey({ ratchetKey, counter }: RatchetHeader, nextSecret?: Uint8Array): string {
    if (ratchetKey !== this.#peer && !this.#receiving.has(ratchetKey)) {
      this.#receiving.set(ratchetKey, this.#step(ratchetKey));
      this.#peer = ratchetKey;
      if (nextSecret !== undefined) {
        this.#own = nextSecret;
        this.#sending = this.#step(ratchetKey);
      }
    }
    const chain = this.#receiving.get(ratchetKey);
    demand(chain !== undefined, "no receiving chain for this ratchet key");
    return hex(messageKeyAt(chain, counter));
  }
}
