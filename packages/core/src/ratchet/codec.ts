// The stored form of a ratchet state, as a part of a session's. Only what the future needs: no handles, nothing that can be derived.
// Strict: a state that no transition can make is refused, since this reads what a disk has kept.
//
//   root key (32) || u32 sending chains || u32 previous chain length
//   || u8 turn: 1 sending, 2 listening;  if 1: ratchet key (32) || its private key (32) || chain key (32) || u32 counter
//   || u8 receiving: 0 or 1;             if 1: u32 index || ratchet key (32) || chain key (32) || u32 counter
//   || u8 chains: of skipped keys, each  u32 index || ratchet key (32)
//   || u16 runs, each                    u8 place of its chain above || u32 first || u64 stored at || u8 count || count * 32
import type { BinaryReader, BinaryWriter } from "../codec/binary.ts";
import { talosError } from "../errors/talos-error.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { RATCHET_BOUNDS } from "./bounds.ts";
import { RATCHET_KEY_BYTES } from "./header.ts";
import { RATCHET_SECRET_BYTES } from "./kdf.ts";
import { RatchetKeyPair } from "./key-pair.ts";
import { chainsOf, MAX_RUN_KEYS, skippedKeys, type ChainName, type SkippedKeys, type SkippedRun } from "./skipped-keys.ts";
import type { RatchetState, ReceivingChain, Turn } from "./state.ts";

const SENDING = 1;
const LISTENING = 2;
const FIXED_BYTES: number = RATCHET_SECRET_BYTES + 4 + 4 + 1 + 1 + 1 + 2;
const SENDING_BYTES: number = RATCHET_KEY_BYTES + 2 * RATCHET_SECRET_BYTES + 4;
const RECEIVING_BYTES: number = 4 + RATCHET_KEY_BYTES + RATCHET_SECRET_BYTES + 4;
const CHAIN_BYTES: number = 4 + RATCHET_KEY_BYTES;
const RUN_BYTES: number = 1 + 4 + 8 + 1;

/** Exact length of the stored form, so that the writer never leaves a smaller copy behind. */
export function ratchetStateBytes(state: RatchetState): number {
  const { skipped } = state;
  return (
    FIXED_BYTES +
    (state.turn.kind === "sending" ? SENDING_BYTES : 0) +
    (state.receiving === undefined ? 0 : RECEIVING_BYTES) +
    chainsOf(skipped).length * CHAIN_BYTES +
    skipped.runs.length * RUN_BYTES +
    skipped.count * RATCHET_SECRET_BYTES
  );
}

/** @throws TalosError INVALID_ARGUMENT for a responder's state before the first message, which is never stored */
export function writeRatchetState(writer: BinaryWriter, state: RatchetState): void {
  const { turn, receiving } = state;
  if (turn.kind === "prekey") throw talosError("INVALID_ARGUMENT", "A session is not stored before its first message was opened.");
  writer.bytes(revealSecret(state.rootKey)).u32(state.sendingChains).u32(state.previousChainLength);
  if (turn.kind === "sending") {
    writer.u8(SENDING).bytes(turn.key.publicKey).bytes(revealSecret(turn.key.privateKey));
    writer.bytes(revealSecret(turn.chainKey)).u32(turn.counter);
  } else {
    writer.u8(LISTENING);
  }
  writer.u8(receiving === undefined ? 0 : 1);
  if (receiving !== undefined) {
    writer.u32(receiving.index).bytes(receiving.ratchetKey).bytes(revealSecret(receiving.chainKey)).u32(receiving.counter);
  }
  writeSkippedKeys(writer, state.skipped);
}

function writeSkippedKeys(writer: BinaryWriter, skipped: SkippedKeys): void {
  const chains = chainsOf(skipped);
  const places = new Map(chains.map((chain, place) => [chain.index, place]));
  writer.u8(chains.length);
  for (const chain of chains) writer.u32(chain.index).bytes(chain.ratchetKey);
  writer.u16(skipped.runs.length);
  for (const run of skipped.runs) {
    writer
      .u8(places.get(run.chain.index) ?? 0)
      .u32(run.first)
      .u64(run.storedAt)
      .u8(run.count)
      .bytes(revealSecret(run.keys));
  }
}

/** @throws TalosError MALFORMED */
export function readRatchetState(reader: BinaryReader): RatchetState {
  const rootKey = readSecret(reader);
  const sendingChains = reader.u32();
  const previousChainLength = reader.u32();
  const turn = readTurn(reader);
  const receiving = readReceivingChain(reader);
  const skipped = readSkippedKeys(reader, receiving);
  check(turn.kind === "sending" || receiving !== undefined, "listens and has heard nothing");
  check(turn.kind !== "sending" || sendingChains > 0, "sends and has no chain");
  return { rootKey, turn, sendingChains, previousChainLength, receiving, skipped };
}

function readTurn(reader: BinaryReader): Turn {
  const kind = reader.u8();
  if (kind === LISTENING) return { kind: "listening" };
  check(kind === SENDING, "unknown turn");
  const key = RatchetKeyPair.restore(reader.bytes(RATCHET_KEY_BYTES), readSecret(reader));
  const chainKey = readSecret(reader);
  const counter = reader.u32();
  check(counter <= RATCHET_BOUNDS.maxUnanswered, "too long a sending chain");
  return { kind: "sending", key, chainKey, counter };
}

function readReceivingChain(reader: BinaryReader): ReceivingChain | undefined {
  const present = reader.u8();
  check(present <= 1, "unknown flag");
  if (present === 0) return undefined;
  const index = reader.u32();
  const ratchetKey = reader.bytes(RATCHET_KEY_BYTES);
  const chainKey = readSecret(reader);
  return { index, ratchetKey, chainKey, counter: reader.u32() };
}

function readSkippedKeys(reader: BinaryReader, receiving: ReceivingChain | undefined): SkippedKeys {
  const chains: ChainName[] = [];
  for (let left = reader.u8(); left > 0; left--) chains.push({ index: reader.u32(), ratchetKey: reader.bytes(RATCHET_KEY_BYTES) });
  const runs: SkippedRun[] = [];
  for (let left = reader.u16(); left > 0; left--) runs.push(readRun(reader, chains));
  const skipped = skippedKeys(runs);

  const newest = receiving?.index ?? -1;
  const used = chainsOf(skipped);
  check(used.length === chains.length && used.every((chain, place) => chain === chains[place]), "chains without keys, or out of order");
  check(
    chains.every((chain) => chain.index <= newest),
    "a chain after the newest",
  );
  check(chains.filter((chain) => chain.index !== newest).length <= RATCHET_BOUNDS.oldReceivingChains, "too many old chains");
  check(skipped.count <= RATCHET_BOUNDS.maxSkippedKeys, "too many skipped keys");
  const ahead = runs.some((run) => run.chain.index === newest && run.first + run.count > (receiving?.counter ?? 0));
  check(!ahead, "a skipped key ahead of its chain");
  return skipped;
}

function readRun(reader: BinaryReader, chains: readonly ChainName[]): SkippedRun {
  const chain = chains[reader.u8()];
  const first = reader.u32();
  const storedAt = reader.u64();
  const count = reader.u8();
  if (chain === undefined || count < 1 || count > MAX_RUN_KEYS) throw malformed("a run without chain or keys");
  return { chain, first, count, storedAt, keys: SecretBytes.copyOf(reader.view(count * RATCHET_SECRET_BYTES)) };
}

function readSecret(reader: BinaryReader): SecretBytes {
  return SecretBytes.copyOf(reader.view(RATCHET_SECRET_BYTES));
}

function check(holds: boolean, reason: string): void {
  if (!holds) throw malformed(reason);
}

function malformed(reason: string): Error {
  return talosError("MALFORMED", `stored ratchet state: ${reason}.`, { details: { structure: "stored ratchet state", reason } });
}
