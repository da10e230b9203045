import assert from "node:assert/strict";
import { test } from "node:test";
import { absentVectors, readOutsideVectors } from "@talos/testkit";
import * as fc from "fast-check";
import { fromBase64Url } from "../bytes/base64url.ts";
import { toHex } from "../bytes/hex.ts";
import { BinaryReader, BinaryWriter } from "../codec/binary.ts";
import { isTalosError, type TalosError } from "../errors/talos-error.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { RATCHET_BOUNDS } from "./bounds.ts";
import { ratchetStateBytes, readRatchetState, writeRatchetState } from "./codec.ts";
import type { RatchetPosition } from "./header.ts";
import { deriveChain, deriveRoot } from "./kdf.ts";
import { RatchetKeyPair } from "./key-pair.ts";
import { advance } from "./receiving.ts";
import { nextSending } from "./sending.ts";
import { initiatorRatchet, responderRatchet, wipeAll, type RatchetState } from "./state.ts";

const NOW = 1_800_000_000_000;

interface Sent {
  readonly header: RatchetPosition;
  readonly key: string;
}

/** One side that does as a caller must: it keeps `next`, then wipes what was used up. */
class Side {
  state: RatchetState;

  constructor(state: RatchetState) {
    this.state = state;
  }

  send(): Sent {
    const { next, messageKey, header, used } = nextSending(this.state, nodeCrypto);
    this.state = next;
    wipeAll(used);
    return { header, key: keyOf(messageKey) };
  }

  receive({ header }: Sent, now: number = NOW): string {
    const { next, messageKey, used } = advance(this.state, header, nodeCrypto, now);
    this.state = next;
    wipeAll(used);
    return keyOf(messageKey);
  }

  /** Fails without a change, and with this code. */
  refuses(sent: Sent, code: string, now: number = NOW): void {
    const before = stored(this.state);
    assert.throws(
      () => advance(this.state, sent.header, nodeCrypto, now),
      (error) => isTalosError(error) && error.code === code,
    );
    assert.equal(stored(this.state), before);
  }

  /** Fails, or gives a key that opens nothing: of a chain that is gone nobody can tell that it ever was. Nothing changes. */
  doesNotOpen(sent: Sent): void {
    const before = stored(this.state);
    try {
      const { messageKey, fresh } = advance(this.state, sent.header, nodeCrypto, NOW);
      assert.notEqual(keyOf(messageKey), sent.key);
      wipeAll(fresh);
    } catch (error) {
      assert.ok(isTalosError(error, "DECRYPTION_FAILED"));
    }
    assert.equal(stored(this.state), before);
  }

  restart(): void {
    const bytes = encoded(this.state);
    this.state = readRatchetState(new BinaryReader(bytes, "test"));
  }
}

function keyOf(messageKey: SecretBytes): string {
  const key = toHex(revealSecret(messageKey));
  messageKey.dispose();
  return key;
}

function encoded(state: RatchetState): Uint8Array {
  const writer = new BinaryWriter(ratchetStateBytes(state));
  writeRatchetState(writer, state);
  return writer.finish();
}

/** The stored form, or of a responder that is never stored its root key. */
function stored(state: RatchetState): string {
  return toHex(state.turn.kind === "prekey" ? revealSecret(state.rootKey) : encoded(state));
}

function secret(byte: number): SecretBytes {
  return SecretBytes.take(new Uint8Array(32).fill(byte));
}

/** Alice has sent nothing, Bob has heard nothing. */
function pair(): { alice: Side; bob: Side } {
  const prekey = nodeCrypto.generateAgreementKey();
  return {
    alice: new Side(initiatorRatchet(secret(7), RatchetKeyPair.generate(nodeCrypto), prekey.publicKey, nodeCrypto)),
    bob: new Side(responderRatchet(secret(7), prekey)),
  };
}

function deliver(from: Side, to: Side): void {
  const sent = from.send();
  assert.equal(to.receive(sent), sent.key);
}

test("failure 12: KDF_RK and KDF_CK give what the protocol's published vectors say", { skip: absentVectors("talos-sdk") }, () => {
  interface Vector<I, E> {
    inputs: I;
    expected: E;
  }
  const root = readOutsideVectors("talos-sdk", "kdf_rk_step.json") as Vector<
    { rk: string; dh_out: string },
    { new_rk: string; new_ck: string }
  >;
  const step = deriveRoot(SecretBytes.from(fromBase64Url(root.inputs.rk)), SecretBytes.from(fromBase64Url(root.inputs.dh_out)), nodeCrypto);
  assert.deepEqual(revealSecret(step.rootKey), fromBase64Url(root.expected.new_rk));
  assert.deepEqual(revealSecret(step.chainKey), fromBase64Url(root.expected.new_ck));

  const chain = readOutsideVectors("talos-sdk", "kdf_ck_step.json") as Vector<{ ck: string }, { next_ck: string; mk: string }>;
  const link = deriveChain(SecretBytes.from(fromBase64Url(chain.inputs.ck)), nodeCrypto);
  assert.deepEqual(revealSecret(link.messageKey), fromBase64Url(chain.expected.mk));
  assert.deepEqual(revealSecret(link.chainKey), fromBase64Url(chain.expected.next_ck));
});

test("both sides derive the same keys, in one direction and in turns, and no key twice", () => {
  const { alice, bob } = pair();
  const keys = new Set<string>();
  for (let turn = 0; turn < 20; turn++) {
    const [from, to] = turn % 2 === 0 ? [alice, bob] : [bob, alice];
    for (let i = 0; i < 3; i++) {
      const sent = from.send();
      assert.equal(to.receive(sent), sent.key);
      keys.add(sent.key);
    }
  }
  assert.equal(keys.size, 60);
});

test("the responder sends nothing before it has heard something", () => {
  const { bob } = pair();
  assert.throws(
    () => bob.send(),
    (error) => isTalosError(error, "INVALID_ARGUMENT"),
  );
});

test("any order, loss, repetition and restarts: what can be opened is opened once, and nothing else changes anything", () => {
  const event = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant("send" as const), side: fc.nat(1) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("deliver" as const), side: fc.nat(1), which: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), side: fc.nat(1) }) },
  );
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 120 }), (events) => {
      const { alice, bob } = pair();
      const sides = [alice, bob] as const;
      const models = [new ReceiverModel(), new ReceiverModel()] as const;
      deliverFirst(alice, bob, models[1]);
      for (const happening of events) {
        const me = happening.side === 0 ? 0 : 1;
        const other = me === 0 ? 1 : 0;
        if (happening.do === "send") {
          models[other].sent.push(sides[me].send());
        } else if (happening.do === "restart") {
          sides[me].restart();
        } else {
          const sent = models[me].sent.at(-1 - (happening.which % Math.max(1, models[me].sent.length)));
          if (sent === undefined) continue;
          if (models[me].opens(sent)) assert.equal(sides[me].receive(sent), sent.key);
          else sides[me].doesNotOpen(sent);
        }
      }
    }),
    { numRuns: 150 },
  );
});

function deliverFirst(alice: Side, bob: Side, model: ReceiverModel): void {
  const sent = alice.send();
  model.sent.push(sent);
  assert.equal(model.opens(sent), true);
  assert.equal(bob.receive(sent), sent.key);
}

/** What a receiver may know, without any cryptography: chains by their ratchet key, in the order in which they were made. */
class ReceiverModel {
  readonly sent: Sent[] = [];
  readonly #opened: Set<string> = new Set();
  readonly #forgotten: Set<string> = new Set();
  #newest: string | undefined;

  /** Says whether this message opens now, and remembers that it did. */
  opens(sent: Sent): boolean {
    if (this.#opened.has(sent.key) || this.#forgotten.has(chainOf(sent))) return false;
    this.#opened.add(sent.key);
    const chains = this.#chains();
    if (this.#newest === undefined || chains.indexOf(chainOf(sent)) > chains.indexOf(this.#newest)) {
      this.#newest = chainOf(sent);
      this.#forget(chains.slice(0, chains.indexOf(this.#newest)));
    }
    return true;
  }

  #chains(): string[] {
    return [...new Set(this.sent.map(chainOf))];
  }

  /** A chain with nothing outstanding is not kept, and neither is the sixth oldest of the others. */
  #forget(old: string[]): void {
    const outstanding = old.filter((chain) => this.sent.some((one) => chainOf(one) === chain && !this.#opened.has(one.key)));
    const kept = outstanding.filter((chain) => !this.#forgotten.has(chain)).slice(-RATCHET_BOUNDS.oldReceivingChains);
    for (const chain of outstanding) if (!kept.includes(chain)) this.#forgotten.add(chain);
  }
}

function chainOf(sent: Sent): string {
  return toHex(sent.header.ratchetKey);
}

/** Counts derivations, agreements and key handles. */
function countingCrypto(): { crypto: typeof nodeCrypto; count: () => number } {
  let calls = 0;
  const crypto = {
    ...nodeCrypto,
    deriveKey: (...args: Parameters<typeof nodeCrypto.deriveKey>) => {
      calls += 1;
      return nodeCrypto.deriveKey(...args);
    },
    hmacSha256: (...args: Parameters<typeof nodeCrypto.hmacSha256>) => {
      calls += 1;
      return nodeCrypto.hmacSha256(...args);
    },
    agreementKeyFromPrivate: (privateKey: SecretBytes) => {
      calls += 1;
      return nodeCrypto.agreementKeyFromPrivate(privateKey);
    },
  };
  return { crypto, count: () => calls };
}

test("failure 3: a jump over 10,000 is refused before anything is derived, in one chain and over both together", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  const { crypto, count } = countingCrypto();
  const refuses = (header: RatchetPosition): void => {
    assert.throws(
      () => advance(bob.state, header, crypto, NOW),
      (error) => isTalosError(error, "TOO_MANY_SKIPPED"),
    );
  };
  const here = alice.send().header;
  refuses({ ...here, counter: 1 + RATCHET_BOUNDS.maxJump + 1 });
  refuses({ ...here, counter: 0xffff_ffff });

  const answer = bob.send();
  alice.receive(answer);
  const there = alice.send().header;
  assert.equal(there.previousChainLength, 2);
  bob.restart();
  refuses({ ...there, previousChainLength: RATCHET_BOUNDS.maxJump + 2 });
  refuses({ ...there, counter: RATCHET_BOUNDS.maxJump });
  refuses({ ...there, previousChainLength: 6_000, counter: 6_000 });
  assert.equal(count(), 0);
});

test("failure 3: the longest jump is followed, and of what it skips the newest 2,000 keys stay", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  const sent = Array.from({ length: RATCHET_BOUNDS.maxUnanswered - 1 }, () => alice.send());
  const last = sent.at(-1) as Sent;
  assert.equal(bob.receive(last), last.key);
  assert.equal(bob.state.skipped.count, RATCHET_BOUNDS.maxSkippedKeys);
  bob.refuses(sent.at(-2 - RATCHET_BOUNDS.maxSkippedKeys) as Sent, "DECRYPTION_FAILED");
  const oldestKept = sent.at(-1 - RATCHET_BOUNDS.maxSkippedKeys) as Sent;
  assert.equal(bob.receive(oldestKept), oldestKept.key);
  assert.equal(bob.state.skipped.count, RATCHET_BOUNDS.maxSkippedKeys - 1);
  bob.restart();
  for (const one of sent.slice(-RATCHET_BOUNDS.maxSkippedKeys, -1)) assert.equal(bob.receive(one), one.key);
  assert.equal(bob.state.skipped.count, 0);

  assert.throws(
    () => alice.send(),
    (error) => isTalosError(error, "SESSION_EXHAUSTED"),
  );
});

test("failure 3: later skips push the oldest keys out, across chains and through the middle of a run", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  const early = Array.from({ length: 1_000 }, () => alice.send());
  deliver(alice, bob);
  deliver(bob, alice);
  const late = Array.from({ length: 1_010 }, () => alice.send());
  deliver(alice, bob);
  assert.equal(bob.state.skipped.count, RATCHET_BOUNDS.maxSkippedKeys);
  bob.refuses(early[9] as Sent, "DECRYPTION_FAILED");
  for (const one of [early[10], early[999], late[0], late[1_009]]) assert.equal(bob.receive(one as Sent), one?.key);
});

test("failure 3: what was skipped before a restart counts after it, in number and in age", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  const early = Array.from({ length: 1_500 }, () => alice.send());
  deliver(alice, bob);
  bob.restart();
  assert.equal(bob.state.skipped.count, 1_500);
  const late = Array.from({ length: 1_500 }, () => alice.send());
  deliver(alice, bob);
  bob.restart();
  assert.equal(bob.state.skipped.count, RATCHET_BOUNDS.maxSkippedKeys);
  bob.refuses(early[999] as Sent, "DECRYPTION_FAILED");
  for (const one of [early[1_000], late[0]]) assert.equal(bob.receive(one as Sent), one?.key);
  bob.restart();
  bob.refuses(late[1] as Sent, "DECRYPTION_FAILED", NOW + RATCHET_BOUNDS.skippedKeyMaxAgeMs + 1);
});

test("failure 3: a skipped key ends after 37 days", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  const [first, second] = [alice.send(), alice.send()];
  deliver(alice, bob);
  const end = NOW + RATCHET_BOUNDS.skippedKeyMaxAgeMs;
  assert.equal(bob.receive(first, end), first.key);
  bob.refuses(second, "DECRYPTION_FAILED", end + 1);
  const next = alice.send();
  assert.equal(bob.receive(next, end + 1), next.key);
  assert.equal(bob.state.skipped.count, 0);
});

test("failure 3: five old chains are kept, the sixth is forgotten; chains with nothing outstanding do not count", () => {
  const { alice, bob } = pair();
  const late: Sent[] = [];
  for (let turn = 0; turn < 12; turn++) {
    deliver(alice, bob);
    if (turn % 2 === 0) late.push(alice.send());
    deliver(alice, bob);
    deliver(bob, alice);
  }
  deliver(alice, bob);
  assert.equal(late.length, 6);
  bob.doesNotOpen(late[0] as Sent);
  for (const one of late.slice(1)) assert.equal(bob.receive(one), one.key);
});

test("a state with many skipped keys is shared, not copied, from message to message", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  for (let i = 0; i < 2_000; i++) alice.send();
  deliver(alice, bob);
  const { skipped } = bob.state;
  deliver(alice, bob);
  assert.equal(bob.state.skipped, skipped);
  deliver(bob, alice);
  deliver(alice, bob);
  assert.equal(bob.state.skipped.runs[31], skipped.runs[31]);
});

test("failure 2: a skipped key is there until the transition that used it is kept", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  const late = alice.send();
  deliver(alice, bob);
  for (let attempt = 0; attempt < 3; attempt++) {
    const { messageKey, fresh } = advance(bob.state, late.header, nodeCrypto, NOW);
    assert.equal(keyOf(messageKey), late.key);
    wipeAll(fresh);
  }
  assert.equal(bob.receive(late), late.key);
  bob.refuses(late, "DECRYPTION_FAILED");
});

/** Derives on a copy and drops it, as after a wrong tag. */
function throwAway(side: Side, sent: Sent): void {
  const { messageKey, fresh } = advance(side.state, sent.header, nodeCrypto, NOW);
  messageKey.dispose();
  wipeAll(fresh);
}

test("a transition that is thrown away can be wiped, and the state before goes on", () => {
  const { alice, bob } = pair();
  const first = alice.send();
  throwAway(bob, first);
  assert.equal(bob.receive(first), first.key);
  alice.send();
  const third = alice.send();
  throwAway(bob, third);
  assert.equal(bob.receive(third), third.key);
  const wasted = nextSending(bob.state, nodeCrypto);
  wasted.messageKey.dispose();
  wipeAll(wasted.fresh);
  const answer = bob.send();
  throwAway(alice, answer);
  assert.equal(alice.receive(answer), answer.key);
});

test("after the peer's step this side holds no ratchet private key, and an unknown step is refused at once", () => {
  const { alice, bob } = pair();
  const { turn } = alice.state;
  deliver(alice, bob);
  deliver(bob, alice);
  assert.equal(alice.state.turn.kind, "listening");
  assert.equal(turn.kind === "sending" && turn.key.privateKey.isDisposed, true);
  const stranger = { header: { ratchetKey: nodeCrypto.generateAgreementKey().publicKey, previousChainLength: 1, counter: 0 }, key: "" };
  alice.refuses(stranger, "DECRYPTION_FAILED");
});

test("the signed prekey that the responder lends is not wiped, whatever comes of the session", () => {
  const prekey = nodeCrypto.generateAgreementKey();
  const bob = new Side(responderRatchet(secret(1), prekey));
  const alice = new Side(initiatorRatchet(secret(1), RatchetKeyPair.generate(nodeCrypto), prekey.publicKey, nodeCrypto));
  deliver(alice, bob);
  prekey.exportPrivate().dispose();
});

test("failure 4: a weak ratchet key is refused before anything is derived from it", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  bob.send();
  const weak = new Uint8Array(32);
  bob.refuses({ header: { ratchetKey: weak, previousChainLength: 1, counter: 0 }, key: "" }, "WEAK_PUBLIC_KEY");
  assert.throws(
    () => initiatorRatchet(secret(1), RatchetKeyPair.generate(nodeCrypto), weak, nodeCrypto),
    (error) => isTalosError(error, "WEAK_PUBLIC_KEY"),
  );
});

test("a previous chain that ends before what was received of it, or before there was one, is refused", () => {
  const { alice, bob } = pair();
  const first = alice.send();
  bob.refuses({ ...first, header: { ...first.header, previousChainLength: 1 } }, "DECRYPTION_FAILED");
  assert.equal(bob.receive(first), first.key);
  deliver(bob, alice);
  const step = alice.send();
  bob.refuses({ ...step, header: { ...step.header, previousChainLength: 0 } }, "DECRYPTION_FAILED");
  assert.equal(bob.receive(step), step.key);
});

test("KEM parts are refused in a session that did not negotiate them", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  const sent = alice.send();
  for (const kem of [{}, { encapsulationKey: new Uint8Array(1184) }, { ciphertext: new Uint8Array(1088) }]) {
    bob.refuses({ ...sent, header: { ...sent.header, kem } }, "MALFORMED");
  }
  assert.equal(bob.receive(sent), sent.key);
});

function refusesStored(changed: Uint8Array): void {
  const reader = new BinaryReader(changed, "test");
  const read = (): void => {
    readRatchetState(reader);
    reader.end();
  };
  assert.throws(read, (error) => isTalosError(error, "MALFORMED"));
}

test("the stored form comes back the same, and is refused when it is cut, longer or impossible", () => {
  const { alice, bob } = pair();
  for (let turn = 0; turn < 3; turn++) {
    deliver(alice, bob);
    alice.send();
    deliver(alice, bob);
    deliver(bob, alice);
  }
  alice.send();
  const bytes = encoded(bob.state);
  bob.restart();
  assert.deepEqual(encoded(bob.state), bytes);

  for (let length = 0; length < bytes.length; length++) refusesStored(bytes.slice(0, length));
  refusesStored(Uint8Array.of(...bytes, 0));
  const change = (offset: number, value: number): Uint8Array => bytes.with(offset, value);
  refusesStored(change(40, 3)); // turn
  refusesStored(change(40 + 1 + 100, 2)); // receiving flag
  const chains = 40 + 1 + 100 + 1 + 72;
  assert.equal(bytes[chains], 3);
  refusesStored(change(chains + 1, 1)); // a chain after the newest
  refusesStored(change(chains + 1 + 3 * 36 + 2, 1)); // runs out of the order of their chains
  refusesStored(change(chains + 1 + 3 * 36 + 2, 9)); // a run of no chain
});

test("the state shows no secret when it is printed", () => {
  const { alice } = pair();
  const { turn, rootKey } = alice.state;
  assert.ok(turn.kind === "sending");
  const printed = JSON.stringify(alice.state);
  for (const one of [turn.key.privateKey, turn.chainKey, rootKey]) assert.equal(printed.includes(toHex(revealSecret(one))), false);
  assert.match(printed, /redacted/);
});

test("no error of the ratchet quotes its input", () => {
  const { alice, bob } = pair();
  deliver(alice, bob);
  const ratchetKey = nodeCrypto.randomBytes(32);
  let caught: TalosError | undefined;
  try {
    advance(bob.state, { ratchetKey, previousChainLength: 0, counter: 0 }, nodeCrypto, NOW);
  } catch (error) {
    if (isTalosError(error)) caught = error;
  }
  assert.equal(caught?.code, "DECRYPTION_FAILED");
  assert.equal(JSON.stringify(caught).includes(toHex(ratchetKey)), false);
});
