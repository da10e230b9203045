// Vectors of the Double Ratchet: exchanges as somebody sees them who has both sides' secrets.
import {
  advanceRatchet,
  decodeRatchetHeader,
  encodeRatchetHeader,
  fromHex,
  initiatorRatchet,
  nextSending,
  RatchetKeyPair,
  responderRatchet,
  revealSecret,
  SecretBytes,
  toHex,
  type Crypto,
  type RatchetState,
} from "@talos/core";
import { seedOf, STORY_START } from "./cast.ts";
import { isStep, keysInOrder, privateKey } from "./exchange.ts";
import { toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

const KEYS_OF_A_SIDE = 4;

/**
 * `wire`: ratchet headers in the order of their arrival, each with its sender. `context`: the first root key, the responder's first ratchet
 * key, and the ratchet keys that each side makes, in order. `fields`: the message key of each.
 */
export const ratchetVectors: VectorSet = {
  structure: "ratchet",
  specification: "ratchet.md",
  cases: ratchetCases,
  read: readExchange,
};

type Side = "initiator" | "responder";

interface ArrivalJson {
  readonly from: Side;
  readonly header: string;
}

interface RatchetJson {
  readonly rootKey: string;
  readonly responderFirstKey: string;
  readonly initiatorKeys: readonly string[];
  readonly responderKeys: readonly string[];
}

function ratchetCases(): readonly VectorCase[] {
  const make = (
    name: string,
    description: string,
    play: (send: (from: Side) => ArrivalJson, arrive: (what: ArrivalJson) => void) => void,
  ): VectorCase => {
    const context = ratchetContext(name);
    const exchange = new Exchange(context as unknown as RatchetJson);
    const arrivals: ArrivalJson[] = [];
    play(
      (from) => exchange.send(from),
      (what) => {
        exchange.arrive(what);
        arrivals.push(what);
      },
    );
    const wire = toJson(arrivals);
    return { name, description, context, wire, ...readExchange(wire, context) };
  };
  return [
    make("in-turns", "One message each way, four times.", (send, arrive) => {
      for (let turn = 0; turn < KEYS_OF_A_SIDE; turn++) {
        arrive(send("initiator"));
        arrive(send("responder"));
      }
    }),
    make("one-direction", "Five messages of the initiator before any answer.", (send, arrive) => {
      for (let i = 0; i < 5; i++) arrive(send("initiator"));
    }),
    make("out-of-order", "Messages overtake each other within a chain and over a step; two are lost.", (send, arrive) => {
      const first = Array.from({ length: 4 }, () => send("initiator"));
      for (const at of [2, 0]) arrive(first[at] as ArrivalJson);
      arrive(send("responder"));
      const second = Array.from({ length: 3 }, () => send("initiator"));
      arrive(second[1] as ArrivalJson);
      arrive(first[3] as ArrivalJson);
      arrive(second[0] as ArrivalJson);
      arrive(send("responder"));
      arrive(first[1] as ArrivalJson);
    }),
  ];
}

function ratchetContext(name: string): Json {
  const keys = (side: Side): Uint8Array[] => Array.from({ length: KEYS_OF_A_SIDE }, (_, at) => seedOf(`ratchet ${name} ${side} key ${at}`));
  return toJson({
    rootKey: seedOf(`ratchet ${name} root`),
    responderFirstKey: seedOf(`ratchet ${name} responder first`),
    initiatorKeys: keys("initiator"),
    responderKeys: keys("responder"),
  });
}

/** Both sides at once. */
class Exchange {
  readonly #states: Record<Side, RatchetState>;
  readonly #cryptos: Record<Side, Crypto>;

  constructor({ rootKey, responderFirstKey, initiatorKeys, responderKeys }: RatchetJson) {
    const first = privateKey(responderFirstKey);
    const root = (): SecretBytes => SecretBytes.from(fromHex(rootKey));
    this.#cryptos = { initiator: keysInOrder(initiatorKeys), responder: keysInOrder(responderKeys) };
    this.#states = {
      initiator: initiatorRatchet(root(), RatchetKeyPair.generate(this.#cryptos.initiator), first.publicKey, this.#cryptos.initiator),
      responder: responderRatchet(root(), first),
    };
  }

  send(from: Side): ArrivalJson {
    const { next, header } = nextSending(this.#states[from], this.#cryptos[from]);
    this.#states[from] = next;
    return { from, header: toHex(encodeRatchetHeader({ ...header, logSeq: 0, generation: 1 })) };
  }

  /** The message key. A receiver that has not sent since the peer's last step makes its key now, so that a reader needs only arrivals. */
  arrive({ from, header }: ArrivalJson): string {
    const to: Side = from === "initiator" ? "responder" : "initiator";
    const decoded = decodeRatchetHeader(fromHex(header));
    if (isStep(this.#states[to], decoded.ratchetKey)) this.send(to);
    const { next, messageKey } = advanceRatchet(this.#states[to], decoded, this.#cryptos[to], STORY_START);
    this.#states[to] = next;
    return toHex(revealSecret(messageKey));
  }
}

function readExchange(wire: Json, context: Json): Reading {
  const exchange = new Exchange(context as unknown as RatchetJson);
  return { fields: { messageKeys: (wire as unknown as ArrivalJson[]).map((what) => exchange.arrive(what)) } };
}
