// The stored form of a session, version 1: plain binary, since it is written with every message. Only what the future needs.
//
//   u8 format, 1 || u8 flags: bit 0 responder, bit 1 a one-time prekey took part, bit 2 handshake header, bit 3 certificate
//   || id (16) || handshake id (32) || transcript hash (32) || own agent id (32) || peer's agent id (32) || u32 options
//   || bit 2: handshake header (1,275) || bit 3: u8 state, certificate hash (32)
//   || u8 count, of u32 chain || u32 counter || u32 log seq || u64 generation
//   || ratchet state (see ratchet/codec.ts)
import { BinaryReader, BinaryWriter } from "../codec/binary.ts";
import { HANDSHAKE_HEADER_BYTES } from "../envelope/index.ts";
import { talosError } from "../errors/talos-error.ts";
import type { HandshakeId } from "../handshake/index.ts";
import { agentId } from "../keys/agent-id.ts";
import { ratchetStateBytes, readRatchetState, wipeRatchet, writeRatchetState } from "../ratchet/index.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import type { CarriedCertificate } from "./carried-certificate.ts";
import { isRising, MAX_GENERATION_POINTS, type GenerationPoint } from "./generations.ts";
import { sessionWith, type Session, type SessionId } from "./session.ts";

const FORMAT = 1;
const RESPONDER = 1;
const ONE_TIME_PREKEY = 2;
const HANDSHAKE_HEADER = 4;
const CERTIFICATE = 8;
const ALL_FLAGS: number = RESPONDER | ONE_TIME_PREKEY | HANDSHAKE_HEADER | CERTIFICATE;
const FIXED_BYTES: number = 1 + 1 + 16 + 4 * 32 + 4 + 1;
const CERTIFICATE_BYTES = 33;
const POINT_BYTES: number = 4 + 4 + 4 + 8;
const CERTIFICATE_STATES: readonly CarriedCertificate["state"][] = ["part", "whole", "arrived"];

/** The stored form; the caller seals and wipes it. */
export function encodeSession(session: Session): SecretBytes {
  const { handshakeHeader, carried, generations, ratchet } = session;
  const size =
    FIXED_BYTES +
    (handshakeHeader?.length ?? 0) +
    (carried === undefined ? 0 : CERTIFICATE_BYTES) +
    generations.length * POINT_BYTES +
    ratchetStateBytes(ratchet);
  const writer = new BinaryWriter(size).u8(FORMAT).u8(flagsOf(session));
  writer.bytes(session.id).bytes(session.handshakeId).bytes(session.transcriptHash);
  writer.bytes(session.ownAgentId).bytes(session.peerAgentId).u32(session.options);
  if (handshakeHeader !== undefined) writer.bytes(handshakeHeader);
  if (carried !== undefined) writer.u8(CERTIFICATE_STATES.indexOf(carried.state)).bytes(carried.hash);
  writer.u8(generations.length);
  for (const point of generations) writer.u32(point.chain).u32(point.counter).u32(point.logSeq).u64(point.generation);
  writeRatchetState(writer, ratchet);
  return SecretBytes.take(writer.finish());
}

/**
 * Reads what `encodeSession` wrote. The argument stays the caller's.
 *
 * @throws TalosError UNSUPPORTED_VERSION for a later format; MALFORMED for anything that no session can be
 */
export function decodeSession(stored: SecretBytes): Session {
  const reader = new BinaryReader(revealSecret(stored), "stored session");
  if (reader.u8() !== FORMAT) throw talosError("UNSUPPORTED_VERSION");
  const flags = reader.u8();
  check((flags & ~ALL_FLAGS) === 0, "unknown flags");
  const facts = {
    id: reader.bytes(16) as SessionId,
    handshakeId: reader.bytes(32) as HandshakeId,
    transcriptHash: reader.bytes(32),
    ownAgentId: agentId(reader.bytes(32)),
    peerAgentId: agentId(reader.bytes(32)),
    options: reader.u32(),
  };
  const handshakeHeader = (flags & HANDSHAKE_HEADER) === 0 ? undefined : reader.bytes(HANDSHAKE_HEADER_BYTES);
  const carried = (flags & CERTIFICATE) === 0 ? undefined : readCarried(reader);
  const generations = readGenerations(reader);
  const ratchet = readRatchetState(reader);
  try {
    reader.end();
    const role = (flags & RESPONDER) === 0 ? "initiator" : "responder";
    const unanswered = role === "initiator" && ratchet.receiving === undefined;
    check((handshakeHeader !== undefined) === unanswered, "a handshake header at the wrong time");
    check(role === "initiator" || ratchet.receiving !== undefined, "a responder that was never spoken to");
    const prekeyUse = (flags & ONE_TIME_PREKEY) === 0 ? "no-one-time-prekey" : "full";
    return sessionWith({ ...facts, role, prekeyUse, handshakeHeader, carried, generations, ratchet });
  } catch (error) {
    wipeRatchet(ratchet);
    throw error;
  }
}

function flagsOf(session: Session): number {
  return (
    (session.role === "responder" ? RESPONDER : 0) |
    (session.prekeyUse === "full" ? ONE_TIME_PREKEY : 0) |
    (session.handshakeHeader === undefined ? 0 : HANDSHAKE_HEADER) |
    (session.carried === undefined ? 0 : CERTIFICATE)
  );
}

function readCarried(reader: BinaryReader): CarriedCertificate {
  const state = CERTIFICATE_STATES[reader.u8()];
  if (state === undefined) throw malformed("unknown state of a certificate");
  return { hash: reader.bytes(32), state };
}

function readGenerations(reader: BinaryReader): readonly GenerationPoint[] {
  const points: GenerationPoint[] = [];
  for (let left = reader.u8(); left > 0; left--) {
    points.push({ chain: reader.u32(), counter: reader.u32(), logSeq: reader.u32(), generation: reader.u64() });
  }
  check(points.length <= MAX_GENERATION_POINTS, "too many generations");
  check(
    points.every(({ generation }) => generation >= 1),
    "generation 0",
  );
  check(isRising(points), "generations that do not rise");
  return points;
}

function check(holds: boolean, reason: string): void {
  if (!holds) throw malformed(reason);
}

function malformed(reason: string): Error {
  return talosError("MALFORMED", `stored session: ${reason}.`, { details: { structure: "stored session", reason } });
}
