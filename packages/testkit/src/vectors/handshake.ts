// Vectors of the handshake: header, transcript and every secret on the way.
import {
  acceptHandshake,
  decodeHandshakeHeader,
  encodeTranscript,
  fromHex,
  initiateHandshake,
  revealSecret,
  toHex,
  type SecretBytes,
  type Transcript,
} from "@talos/core";
import { agreementKeyOf } from "./cast.ts";
import { acceptance, exchangeContext, initiation, namedCrypto, privateKey, type ExchangeJson } from "./exchange.ts";
import { toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

export const handshakeVectors: VectorSet = {
  structure: "handshake",
  specification: "handshake.md",
  cases: handshakeCases,
  read: readHandshake,
};

function handshakeCases(): readonly VectorCase[] {
  const full = header("handshake full", true);
  const offered = header("handshake offered", true, 0xffff_ffff);
  const fullContext = handshakeContext(true, "handshake full");
  const good = (name: string, description: string, context: Json, wire: Uint8Array): VectorCase => ({
    name,
    description,
    context,
    wire: toHex(wire),
    ...readHandshake(toHex(wire), context),
  });
  const bad = (name: string, description: string, wire: Uint8Array, error: string, context: Json = fullContext): VectorCase => ({
    name,
    description,
    context,
    wire: toHex(wire),
    error,
  });
  const changed = (offset: number, bytes: Uint8Array): Uint8Array => {
    const copy = full.slice();
    copy.set(bytes, offset);
    return copy;
  };
  const flipped = (offset: number): Uint8Array => changed(offset, Uint8Array.of((full[offset] ?? 0) ^ 1));
  return [
    good("full", "With a one-time prekey, whose KEM key is the one used.", fullContext, full),
    good(
      "no-one-time-prekey",
      "None was left: the signed prekey's KEM key is used.",
      handshakeContext(false, "handshake short"),
      header("handshake short", false),
    ),
    good(
      "options",
      "The initiator offers everything; negotiated is what the batch offers too.",
      handshakeContext(true, "handshake offered"),
      offered,
    ),
    bad("version-2", "A later version.", changed(0, Uint8Array.of(2)), "UNSUPPORTED_VERSION"),
    bad("suite-2", "A later suite.", changed(1, Uint8Array.of(2)), "UNSUPPORTED_SUITE"),
    bad("short", "One byte is missing.", full.slice(0, -1), "MALFORMED"),
    bad("long", "One byte too many.", Uint8Array.of(...full, 0), "MALFORMED"),
    bad("unknown-flag", "A flag that means nothing.", changed(114, Uint8Array.of(3)), "MALFORMED"),
    bad("id-without-flag", "The id of a one-time prekey without the flag that says so.", changed(114, Uint8Array.of(0)), "MALFORMED"),
    bad("ephemeral-zero", "An ephemeral key of small order.", changed(123, new Uint8Array(32)), "WEAK_PUBLIC_KEY"),
    bad(
      "ephemeral-not-canonical",
      "An ephemeral key with its high bit set.",
      changed(154, Uint8Array.of(0x80 | (full[154] ?? 0))),
      "WEAK_PUBLIC_KEY",
    ),
    bad("other-batch", "The root of another batch.", flipped(74), "HANDSHAKE_REFUSED"),
    bad("other-signed-prekey", "The id of another signed prekey.", flipped(106), "HANDSHAKE_REFUSED"),
    bad("other-one-time-prekey", "The id of another one-time prekey.", flipped(115), "HANDSHAKE_REFUSED"),
    bad("other-initiator", "The initiator's id is not that of the log.", flipped(6), "HANDSHAKE_REFUSED"),
    bad("unknown-head", "A log head that is not in the initiator's log.", flipped(42), "HEAD_UNKNOWN"),
  ];
}

function handshakeContext(oneTime: boolean, name: string): Json {
  return exchangeContext(oneTime, `${name} key 0`, firstRatchetKey(name));
}

function firstRatchetKey(name: string): Uint8Array {
  return agreementKeyOf(`${name} ratchet key`).publicKey;
}

function header(name: string, oneTime: boolean, options = 0): Uint8Array {
  return initiateHandshake({ ...initiation(oneTime, options), firstRatchetKey: firstRatchetKey(name) }, namedCrypto(name)).header.bytes;
}

function readHandshake(wire: Json, context: Json): Reading {
  const bytes = fromHex(wire as string);
  const exchange = context as unknown as ExchangeJson;
  const { bytes: _bytes, ...fields } = decodeHandshakeHeader(bytes);
  const input = acceptance(bytes, fromHex(exchange.initiator.firstRatchetKey ?? ""), exchange);
  const { own, initiatorLog } = input;
  const secrets = {
    dh1: own.signedPrekey.privateKey.agree(initiatorLog.encryptionKey.bytes),
    dh2: privateKey(exchange.responder.encryptionPrivateKey).agree(fields.ephemeralKey),
    dh3: own.signedPrekey.privateKey.agree(fields.ephemeralKey),
    dh4: own.oneTimePrekey?.privateKey.agree(fields.ephemeralKey),
    kem: own.kemKey.decapsulate(fields.kemCiphertext),
  };
  const transcript: Transcript = {
    initiator: { ...initiatorLog, head: fields.head, options: fields.options },
    responder: { ...own, head: own.batch.head, options: own.batch.options },
    batchRoot: own.batch.root,
    batchTo: own.batch.to,
    signedPrekey: own.signedPrekey,
    oneTimePrekey: own.oneTimePrekey,
    ephemeralKey: fields.ephemeralKey,
    kemCiphertext: fields.kemCiphertext,
    certificateHash: fields.certificateHash,
    firstRatchetKey: input.firstRatchetKey,
  };
  const { handshakeId, transcriptHash, secret, sessionId, options, prekeyUse } = acceptHandshake(input, namedCrypto("reader"));
  return {
    fields: toJson(fields),
    derived: toJson({
      handshakeId,
      transcript: encodeTranscript(transcript),
      transcriptHash,
      ...Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, value && revealed(value)])),
      sessionSecret: revealed(secret),
      sessionId,
      options,
      prekeyUse,
    }),
  };
}

function revealed(secret: SecretBytes): string {
  return toHex(revealSecret(secret));
}
