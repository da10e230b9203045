// The Double Ratchet: header, derivations, and a receiver that keeps no bounds (ratchet.md).
import { ByteReader, join, unhex } from "./bytes.ts";
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
  demand(header.seq <= 9_999, "a log seq is at most 9,999");
  demand(header.generation >= 1, "a generation is at least 1");
  return header;
}

interface RootStep {
  readonly rootKey: Uint8Array;
  readonly chainKey: Uint8Array;
}

function rootStep(rootKey: Uint8Array, agreement: Uint8Array, kem?: Uint8Array): RootStep {
  const output =
    kem === undefined
      ? derive(join(rootKey, agreement), "talos-double-ratchet-root", 64)
      : derive(join(rootKey, agreement, kem), "talos-double-ratchet-root-kem", 64);
  return { rootKey: output.slice(0, 32), chainKey: output.slice(32) };
}

interface ChainStep {
  readonly messageKey: Uint8Array;
  readonly chainKey: Uint8Array;
}

function chainStep(chainKey: Uint8Array): ChainStep {
  return { messageKey: derive(chainKey, "talos-double-ratchet-message", 32), chainKey: derive(chainKey, "talos-double-ratchet-chain", 32) };
}

function messageKeyAt(chainKey: Uint8Array, counter: number): Uint8Array {
  let step = chainStep(chainKey);
  for (let index = 0; index < counter; index++) step = chainStep(step.chainKey);
  return step.messageKey;
}

interface Received {
  readonly messageKey: Uint8Array;
  /** Keeps what the header led to. Until then nothing has changed. */
  readonly accept: () => void;
}

/**
 * One side of a ratchet without KEM steps, told its own ratchet secrets in the order in which it makes them. It keeps every receiving chain
 * from its start, so early and late messages need no store of skipped keys; the bounds are the session's affair.
 */
export class Ratchet {
  #rootKey: Uint8Array;
  #own: Uint8Array;
  #sending: Uint8Array | undefined;
  #answering: string | undefined;
  readonly #nextSecrets: Uint8Array[];
  readonly #receiving: Map<string, Uint8Array> = new Map();

  /** A gives B's first ratchet key and steps at once; B gives none and waits. */
  constructor(rootKey: Uint8Array, ownSecrets: readonly Uint8Array[], peerKey?: string) {
    const [own, ...rest] = ownSecrets;
    if (own === undefined) throw new Error("a ratchet needs a secret");
    this.#rootKey = rootKey;
    this.#own = own;
    this.#nextSecrets = rest;
    if (peerKey !== undefined) this.#step(own, peerKey);
  }

  #step(own: Uint8Array, peerKey: string): void {
    const step = rootStep(this.#rootKey, agree(own, unhex(peerKey)));
    this.#own = own;
    this.#rootKey = step.rootKey;
    this.#sending = step.chainKey;
  }

  /** Makes the next own key, where the peer made a step and this side has not sent since. */
  #turn(): void {
    if (this.#answering === undefined) return;
    const next = this.#nextSecrets.shift();
    if (next === undefined) throw new Error("no ratchet secret left");
    this.#step(next, this.#answering);
    this.#answering = undefined;
  }

  /** The public key of the sending chain. */
  get ownKey(): string {
    this.#turn();
    return publicOf(X25519, this.#own).key;
  }

  sendingKey(counter: number): Uint8Array {
    this.#turn();
    demand(this.#sending !== undefined, "no sending chain yet");
    return messageKeyAt(this.#sending, counter);
  }

  receive({ ratchetKey, counter }: RatchetHeader): Received {
    const known = this.#receiving.get(ratchetKey);
    if (known !== undefined) return { messageKey: messageKeyAt(known, counter), accept: () => undefined };
    this.#turn();
    const step = rootStep(this.#rootKey, agree(this.#own, unhex(ratchetKey)));
    const accept = (): void => {
      this.#receiving.set(ratchetKey, step.chainKey);
      this.#rootKey = step.rootKey;
      this.#answering = ratchetKey;
    };
    return { messageKey: messageKeyAt(step.chainKey, counter), accept };
  }
}
