// A session from nothing, both sides: the bundle verified, the handshake, the first message sealed and opened, and the stored form of the
// result; against the sum of the bare primitives.
import {
  decodeEnvelope,
  decodeSession,
  encodeSession,
  initiateSession,
  nodeCrypto,
  openMessage,
  sealMessage,
  verifyBundle,
} from "@talos/core";
import { wipeAll, wipeSession } from "@talos/core";
import { answerSession, Party, ProtocolAgent } from "@talos/testkit";
import * as bare from "../bare.ts";
import type { Operation } from "../harness.ts";

const NOW = 1_800_000_000_000;
const ONE_TIME_PREKEYS = 100;
const INFO = new Uint8Array(52);
const SIGNED_BYTES = 300;
const FRAME_BYTES = 640;
const ENVELOPE_BYTES = 2_000;
const SECRETS_BYTES = 192;
const TRANSCRIPT_BYTES = 4_000;
/** Of a path in a tree of 101 leaves. */
const PATH_HASHES = 8;
const NODE_BYTES = 65;

export function operations(): Operation[] {
  return [establishment(), storing()];
}

function establishment(): Operation {
  const a = new ProtocolAgent({ crypto: nodeCrypto, now: NOW });
  const b = new ProtocolAgent({ crypto: nodeCrypto, now: NOW, oneTimePrekeys: ONE_TIME_PREKEYS });
  const alice = new Party(a, b);
  const claimed = b.claim(b.open(1).certificate);
  const message = alice.message(nodeCrypto.randomBytes(35));
  return {
    operation: "session establishment, both sides",
    ours: () => {
      const bundle = verifyBundle(b.log, claimed, nodeCrypto, NOW);
      const begun = initiateSession(a.initiation(bundle, alice.instance.certificate), nodeCrypto);
      const sealed = sealMessage(begun, message, alice.instance, "instance", nodeCrypto);
      wipeAll(sealed.used);
      const envelope = decodeEnvelope(sealed.envelope);
      if (envelope.type !== "first") throw new Error("a session begins with a first message");
      const pending = answerSession(b, envelope, a.log);
      const opened = openMessage(pending, envelope, { peerLog: a.log, findCertificate: () => undefined, now: NOW }, nodeCrypto);
      wipeAll(opened.used);
      wipeSession(opened.next);
      wipeSession(sealed.next);
    },
    baselines: { primitives: bareEstablishment() },
  };
}

/** What the handshake and its first message cannot do without; every key that lives longer than a session is there already. */
function bareEstablishment(): () => void {
  const [identityA, identityB, instance] = [bare.keyPair("ed25519"), bare.keyPair("ed25519"), bare.keyPair("ed25519")];
  const [encryptionA, encryptionB, signedPrekey, oneTimePrekey] = Array.from({ length: 4 }, () => bare.keyPair("x25519"));
  const kem = bare.keyPair("ml-kem-768");
  const signed = nodeCrypto.randomBytes(SIGNED_BYTES);
  const identitySignature = bare.sign(null, signed, identityB.privateKey);
  const certificateSignature = bare.sign(null, signed, identityA.privateKey);
  const frame = nodeCrypto.randomBytes(FRAME_BYTES);
  const envelope = nodeCrypto.randomBytes(ENVELOPE_BYTES);
  const secrets = nodeCrypto.randomBytes(SECRETS_BYTES);
  const transcript = nodeCrypto.randomBytes(TRANSCRIPT_BYTES);
  const node = nodeCrypto.randomBytes(NODE_BYTES);
  if (!encryptionA || !encryptionB || !signedPrekey || !oneTimePrekey) throw new Error("four keys were made");

  const handshakeSecrets = (): Uint8Array => {
    bare.sha256(transcript);
    bare.sha256(envelope);
    const session = bare.derive(secrets, INFO, bare.SECRET_BYTES);
    bare.derive(session, INFO, 16);
    return session;
  };
  const ratchetStep = (session: Uint8Array): Uint8Array => {
    const root = bare.derive(Buffer.concat([session, session]), INFO, 2 * bare.SECRET_BYTES);
    bare.derive(root.subarray(bare.SECRET_BYTES), INFO, bare.SECRET_BYTES);
    return bare.derive(root.subarray(bare.SECRET_BYTES), INFO, bare.SECRET_BYTES);
  };
  return () => {
    // Initiator: the bundle, three agreements of the ephemeral key and one of the encryption key, the KEM, the first step, the message.
    bare.verify(null, signed, bare.remoteKey("ed25519", identityB.raw), identitySignature);
    for (let i = 0; i < 2 * PATH_HASHES; i += 1) bare.sha256(node);
    const ephemeral = bare.keyPair("x25519");
    const remotePrekey = bare.remoteKey("x25519", signedPrekey.raw);
    bare.agree(encryptionA.privateKey, remotePrekey);
    bare.agree(ephemeral.privateKey, bare.remoteKey("x25519", encryptionB.raw));
    bare.agree(ephemeral.privateKey, remotePrekey);
    bare.agree(ephemeral.privateKey, bare.remoteKey("x25519", oneTimePrekey.raw));
    const { ciphertext } = bare.encapsulate(bare.remoteKey("ml-kem-768", kem.raw));
    const session = handshakeSecrets();
    const ratchet = bare.keyPair("x25519");
    bare.agree(ratchet.privateKey, remotePrekey);
    const messageKey = ratchetStep(session);
    bare.sha256(frame);
    const signature = bare.sign(null, signed, instance.privateKey);
    const { nonce, sealed } = bare.seal(messageKey, frame, envelope);
    bare.sha256(envelope);

    // Responder: the same from the other side, the certificate, the signature.
    const remoteEphemeral = bare.remoteKey("x25519", ephemeral.raw);
    bare.agree(signedPrekey.privateKey, bare.remoteKey("x25519", encryptionA.raw));
    bare.agree(encryptionB.privateKey, remoteEphemeral);
    bare.agree(signedPrekey.privateKey, remoteEphemeral);
    bare.agree(oneTimePrekey.privateKey, remoteEphemeral);
    bare.decapsulate(kem.privateKey, ciphertext);
    bare.agree(signedPrekey.privateKey, bare.remoteKey("x25519", ratchet.raw));
    bare.open(ratchetStep(handshakeSecrets()) && messageKey, nonce, sealed, envelope);
    bare.verify(null, signed, bare.remoteKey("ed25519", identityA.raw), certificateSignature);
    bare.sha256(frame);
    bare.verify(null, signed, bare.remoteKey("ed25519", instance.raw), signature);
  };
}

/** What a commit costs beside the database: the stored form written and read, against a copy of as many bytes. */
function storing(): Operation {
  const [a, b] = [new ProtocolAgent({ crypto: nodeCrypto, now: NOW }), new ProtocolAgent({ crypto: nodeCrypto, now: NOW })];
  const [alice, bob] = [new Party(a, b), new Party(b, a)];
  alice.begin();
  bob.open(alice.seal("hello").envelope);
  alice.open(bob.seal("hello").envelope);
  alice.seal("hello");
  const session = alice.live;
  const bytes = nodeCrypto.randomBytes(encodeSession(session).length);
  return {
    operation: "store and load a session",
    ours: () => {
      const stored = encodeSession(session);
      wipeSession(decodeSession(stored));
      stored.dispose();
    },
    baselines: {
      copies: () => {
        const stored = bytes.slice();
        stored.slice();
        stored.fill(0);
      },
    },
  };
}
