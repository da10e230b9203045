// The ratchet header as it travels. Carries the sender's log seq and generation for the layer above, without looking at them.
// Source: docs/protocol/ratchet.md, "Ratchet header".
import { BinaryReader, BinaryWriter } from "../codec/binary.ts";
import { talosError } from "../errors/talos-error.ts";
import { MAX_LOG_EVENTS } from "../keys/heads.ts";

export const RATCHET_KEY_BYTES = 32;
const ENCAPSULATION_KEY_BYTES = 1184;
const KEM_CIPHERTEXT_BYTES = 1088;
const FIXED_BYTES: number = RATCHET_KEY_BYTES + 1 + 4 + 4 + 4 + 8;

const HAS_ENCAPSULATION_KEY = 1;
const HAS_CIPHERTEXT = 2;

/** The post-quantum parts of a ratchet key; they stand in every message of its chain. */
export interface RatchetKemParts {
  /** 1,184 bytes */
  readonly encapsulationKey?: Uint8Array | undefined;
  /** 1,088 bytes */
  readonly ciphertext?: Uint8Array | undefined;
}

/** What the ratchet itself needs of a header. */
export interface RatchetPosition {
  /** X25519, 32 bytes */
  readonly ratchetKey: Uint8Array;
  readonly kem?: RatchetKemParts | undefined;
  /** Length of the sender's previous sending chain. */
  readonly previousChainLength: number;
  /** In this chain, from 0. */
  readonly counter: number;
}

export interface RatchetHeader extends RatchetPosition {
  /** Seq of the sender's log head, at most 9,999. */
  readonly logSeq: number;
  /** The sender's generation, at least 1. */
  readonly generation: number;
}

/** 53 bytes, and the KEM parts where there are any. */
export function encodeRatchetHeader(header: RatchetHeader): Uint8Array {
  const { encapsulationKey, ciphertext } = header.kem ?? {};
  const kemBytes = (encapsulationKey?.length ?? 0) + (ciphertext?.length ?? 0);
  const writer = new BinaryWriter(FIXED_BYTES + kemBytes).bytes(header.ratchetKey);
  writer.u8((encapsulationKey === undefined ? 0 : HAS_ENCAPSULATION_KEY) | (ciphertext === undefined ? 0 : HAS_CIPHERTEXT));
  if (encapsulationKey !== undefined) writer.bytes(encapsulationKey);
  if (ciphertext !== undefined) writer.bytes(ciphertext);
  return writer.u32(header.previousChainLength).u32(header.counter).u32(header.logSeq).u64(header.generation).finish();
}

/**
 * Reads a whole header. Whether its KEM parts are allowed in this session is the ratchet's to say.
 *
 * @throws TalosError MALFORMED
 */
export function decodeRatchetHeader(bytes: Uint8Array): RatchetHeader {
  const reader = new BinaryReader(bytes, "ratchet header");
  const ratchetKey = reader.bytes(RATCHET_KEY_BYTES);
  const flags = reader.u8();
  if ((flags & ~(HAS_ENCAPSULATION_KEY | HAS_CIPHERTEXT)) !== 0) throw malformed("unknown KEM flags");
  const encapsulationKey = (flags & HAS_ENCAPSULATION_KEY) === 0 ? undefined : reader.bytes(ENCAPSULATION_KEY_BYTES);
  const ciphertext = (flags & HAS_CIPHERTEXT) === 0 ? undefined : reader.bytes(KEM_CIPHERTEXT_BYTES);
  const kem = flags === 0 ? undefined : { encapsulationKey, ciphertext };
  const previousChainLength = reader.u32();
  const counter = reader.u32();
  const logSeq = reader.u32();
  const generation = reader.u64();
  reader.end();
  if (logSeq >= MAX_LOG_EVENTS) throw malformed("log seq above 9,999");
  if (generation < 1) throw malformed("generation 0");
  return { ratchetKey, kem, previousChainLength, counter, logSeq, generation };
}

function malformed(reason: string): Error {
  return talosError("MALFORMED", `ratchet header: ${reason}.`, { details: { structure: "ratchet header", reason } });
}
