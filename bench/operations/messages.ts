// Messages of a session that stands: sealing, one way, and ping-pong with a ratchet step each, against the sum of their bare primitives.
import { decodeEnvelope, decodeSession, encodeSession, messageId, nodeCrypto, openMessage, sealMessage, wipeAll } from "@talos/core";
import type { MessageSigning, OutgoingMessage, SecretBytes, Session } from "@talos/core";
import { Party, ProtocolAgent } from "@talos/testkit";
import * as bare from "../bare.ts";
import type { Operation } from "../harness.ts";

const NOW = 1_800_000_000_000;
const SHORT_BYTES = 35;
const LONG_BYTES = 10_000;
/** A chain ends at 10,000; the sessions are read again before that. */
const CHAIN_MESSAGES = 9_000;
const MESSAGE_INFO = new TextEncoder().encode("talos-double-ratchet-message");
const CHAIN_INFO = new TextEncoder().encode("talos-double-ratchet-chain");
const ROOT_INFO = new TextEncoder().encode("talos-double-ratchet-root");

/** Two ends that know each other; each does what a caller must, and no more. */
class Pair {
  readonly #parties: readonly [Party, Party];
  readonly #stored: readonly [SecretBytes, SecretBytes];
  #sessions: [Session, Session];
  #sealed = 0;

  constructor() {
    const [a, b] = [newAgent(), newAgent()];
    const [alice, bob] = [new Party(a, b), new Party(b, a)];
    alice.begin();
    for (let turn = 0; turn < 2; turn += 1) {
      bob.open(alice.seal("hello").envelope);
      alice.open(bob.seal("hello").envelope);
    }
    this.#parties = [alice, bob];
    this.#stored = [encodeSession(alice.live), encodeSession(bob.live)];
    this.#sessions = [decodeSession(this.#stored[0]), decodeSession(this.#stored[1])];
  }

  message(bytes: number): OutgoingMessage {
    return this.#parties[0].message(nodeCrypto.randomBytes(bytes), { messageId: messageId(nodeCrypto.randomBytes(16)) });
  }

  seal(from: 0 | 1, message: OutgoingMessage, signing: MessageSigning): Uint8Array {
    const { next, envelope, used } = sealMessage(this.#sessions[from], message, this.#parties[from].instance, signing, nodeCrypto);
    this.#sessions[from] = next;
    wipeAll(used);
    return envelope;
  }

  open(to: 0 | 1, envelope: Uint8Array): void {
    const party = this.#parties[to];
    const context = {
      peerLog: party.peer.log,
      findCertificate: (hash: Uint8Array) => party.certificates.find((one) => Buffer.compare(one.hash, hash) === 0),
      now: NOW,
    };
    const { next, used } = openMessage(this.#sessions[to], decodeEnvelope(envelope), context, nodeCrypto);
    this.#sessions[to] = next;
    wipeAll(used);
  }

  /** To be called once per message of a chain that nobody answers. */
  count(): void {
    this.#sealed += 1;
    if (this.#sealed % CHAIN_MESSAGES === 0) this.#sessions = [decodeSession(this.#stored[0]), decodeSession(this.#stored[1])];
  }

  close(): void {
    for (const stored of this.#stored) stored.dispose();
  }
}

function newAgent(): ProtocolAgent {
  return new ProtocolAgent({ crypto: nodeCrypto, now: NOW });
}

/** The bytes that the primitives handle: the padded frame, and what is authenticated beside it. */
interface Sizes {
  readonly frame: Uint8Array;
  readonly associatedData: Uint8Array;
  readonly envelope: Uint8Array;
  readonly body: Uint8Array;
}

function sizesOf(bytes: number, signing: MessageSigning): Sizes {
  const pair = new Pair();
  const message = pair.message(bytes);
  const envelope = pair.seal(0, message, signing);
  const { ciphertext, clear } = decodeEnvelope(envelope);
  pair.close();
  return {
    frame: nodeCrypto.randomBytes(ciphertext.length - bare.TAG_BYTES),
    associatedData: nodeCrypto.randomBytes(22 + 32 + clear.length),
    envelope,
    body: message.body,
  };
}

/** The symmetric step of one side: KDF_CK. */
function chainStep(chainKey: Uint8Array): { messageKey: Uint8Array; next: Uint8Array } {
  return { messageKey: bare.derive(chainKey, MESSAGE_INFO, bare.SECRET_BYTES), next: bare.derive(chainKey, CHAIN_INFO, bare.SECRET_BYTES) };
}

interface BareSealed {
  readonly messageKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

function bareSeal(sizes: Sizes, chainKey: Uint8Array): BareSealed {
  const { messageKey } = chainStep(chainKey);
  const { nonce, sealed } = bare.seal(messageKey, sizes.frame, sizes.associatedData);
  bare.sha256(sizes.envelope);
  return { messageKey, nonce, sealed };
}

function bareOneWay(sizes: Sizes, chainKey: Uint8Array): void {
  const { nonce, sealed } = bareSeal(sizes, chainKey);
  bare.open(chainStep(chainKey).messageKey, nonce, sealed, sizes.associatedData);
}

function sealing(name: string, bytes: number, signing: "none" | "instance"): Operation {
  const pair = new Pair();
  const message = pair.message(bytes);
  const sizes = sizesOf(bytes, signing);
  const chainKey = nodeCrypto.randomBytes(bare.SECRET_BYTES);
  const instance = bare.keyPair("ed25519");
  return {
    operation: name,
    ours: () => {
      pair.seal(0, message, signing);
      pair.count();
    },
    baselines: {
      primitives: () => {
        if (signing === "instance") {
          bare.sha256(sizes.body);
          bare.sign(null, sizes.associatedData, instance.privateKey);
        }
        bareSeal(sizes, chainKey);
      },
    },
    close: () => pair.close(),
  };
}

function oneWay(name: string, bytes: number, signing: "none" | "instance"): Operation {
  const pair = new Pair();
  const message = pair.message(bytes);
  const sizes = sizesOf(bytes, signing);
  const chainKey = nodeCrypto.randomBytes(bare.SECRET_BYTES);
  const instance = bare.keyPair("ed25519");
  return {
    operation: name,
    ours: () => {
      pair.open(1, pair.seal(0, message, signing));
      pair.count();
    },
    baselines: {
      primitives: () => {
        if (signing === "instance") {
          bare.sha256(sizes.body);
          const signature = bare.sign(null, sizes.associatedData, instance.privateKey);
          bare.sha256(sizes.body);
          bare.verify(null, sizes.associatedData, bare.remoteKey("ed25519", instance.raw), signature);
        }
        bareOneWay(sizes, chainKey);
      },
    },
    close: () => pair.close(),
  };
}

function pingPong(): Operation {
  const pair = new Pair();
  const message = pair.message(SHORT_BYTES);
  const sizes = sizesOf(SHORT_BYTES, "none");
  const rootAndSecret = nodeCrypto.randomBytes(2 * bare.SECRET_BYTES);
  const chainKey = nodeCrypto.randomBytes(bare.SECRET_BYTES);
  let turn: 0 | 1 = 0;
  let previous = bare.keyPair("x25519");
  return {
    operation: "ping-pong 35 B, a ratchet step each",
    ours: () => {
      const other = turn === 0 ? 1 : 0;
      pair.open(other, pair.seal(turn, message, "none"));
      turn = other;
    },
    baselines: {
      primitives: () => {
        const next = bare.keyPair("x25519");
        bare.agree(next.privateKey, bare.remoteKey("x25519", previous.raw));
        bare.derive(rootAndSecret, ROOT_INFO, 2 * bare.SECRET_BYTES);
        const { messageKey, nonce, sealed } = bareSeal(sizes, chainKey);
        bare.agree(previous.privateKey, bare.remoteKey("x25519", next.raw));
        bare.derive(rootAndSecret, ROOT_INFO, 2 * bare.SECRET_BYTES);
        chainStep(chainKey);
        bare.open(messageKey, nonce, sealed, sizes.associatedData);
        previous = next;
      },
    },
    close: () => pair.close(),
  };
}

export function operations(): Operation[] {
  return [
    sealing("encrypt 35 B", SHORT_BYTES, "none"),
    sealing("encrypt 35 B, signed", SHORT_BYTES, "instance"),
    oneWay("one way 35 B", SHORT_BYTES, "none"),
    oneWay("one way 35 B, signed", SHORT_BYTES, "instance"),
    oneWay("one way 10 KB", LONG_BYTES, "none"),
    pingPong(),
  ];
}
