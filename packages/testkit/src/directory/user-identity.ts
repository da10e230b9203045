/**
 * The identity of an agent as a directory meets it: its log, every key behind it, and the events that it can make. Makes whatever
 * it is asked for, at whatever place of the log, also where no honest agent would. Knows no directory.
 */
import {
  ALGORITHM,
  assembleEvent,
  keyCommitment,
  nodeCrypto,
  ownKey,
  prepareInception,
  prepareRevocation,
  prepareRotation,
  ROLE,
  verifyLog,
  type Authority,
  type IdentityLog,
  type LogState,
  type NextCommitments,
  type OwnKey,
  type Prepared,
  type RevocationReason,
  type Role,
  type RotationReason,
  type SignatureEntry,
  type SigningKey,
} from "@talos/core";

const crypto = nodeCrypto;

export interface EventChoices {
  /** By the owner's clock, milliseconds. */
  readonly time: number;
  /** Default: online. */
  readonly authority?: Authority;
  /** The event that it follows; default: the head. */
  readonly after?: number;
}

export interface RotationChoices extends EventChoices {
  /** Default: planned. */
  readonly reason?: RotationReason;
  readonly migrationSeconds?: number;
}

export interface RevocationChoices extends EventChoices {
  /** Default: decommissioned. */
  readonly reason?: RevocationReason;
}

/** The keys that are there after an event, by its number. */
interface Keys {
  readonly identity: SigningKey;
  readonly next: SigningKey;
  /** Undefined without a recovery kit. */
  readonly recovery: SigningKey | undefined;
}

export class UserIdentity {
  log: IdentityLog;
  readonly #keys: Keys[];

  private constructor(log: IdentityLog, keys: readonly Keys[]) {
    this.log = log;
    this.#keys = [...keys];
  }

  static begin(time: number, kit: boolean): UserIdentity {
    const keys = newKeys(crypto.generateSigningKey(), kit ? crypto.generateSigningKey() : undefined);
    const prepared = prepareInception({ time, ...installed(keys, ownKey("identity", ALGORITHM.ed25519, keys.identity.publicKey)) });
    const wire = assembleEvent(prepared.body, signed(prepared, new Map([[ROLE.holder, keys.identity]])), crypto);
    return new UserIdentity(verifyLog(undefined, [wire], time, crypto).log, [keys]);
  }

  /** In force at the head. */
  get identityKey(): SigningKey {
    return this.#keysAt(this.log.head.seq).identity;
  }

  /** What a thief of the whole vault has: everything but the recovery kit. Goes its own way from here on. */
  stolen(): UserIdentity {
    return new UserIdentity(
      this.log,
      this.#keys.map((keys) => ({ ...keys, recovery: undefined })),
    );
  }

  /** Rotates, goes on under the new key, and returns the event. */
  rotate({ time, authority = "online", after = this.log.head.seq, reason = "planned", migrationSeconds = 0 }: RotationChoices): Uint8Array {
    const [before, state] = [this.#keysAt(after), this.#stateAt(after)];
    const revealed = this.#revealed(after, authority);
    const recovery = authority === "recovery" ? crypto.generateSigningKey() : before.recovery;
    const keys = newKeys(authority === "online" ? revealed : crypto.generateSigningKey(), recovery);
    const identityKey = ownKey("identity", ALGORITHM.ed25519, keys.identity.publicKey);
    const fields = installed(keys, identityKey);
    const prepared = prepareRotation({
      time,
      seq: after + 1,
      previous: state.head.hash,
      authority,
      revealedKey: { algorithm: ALGORITHM.ed25519, bytes: revealed.publicKey },
      ...fields,
      // Who has no kit repeats what stands there.
      next: { ...(state.next.recovery && { recovery: state.next.recovery }), ...fields.next },
      reason,
      migrationSeconds,
    });
    const signers = new Map([
      [ROLE.holder, keys.identity],
      [ROLE.revealed, revealed],
      [ROLE.outgoing, before.identity],
    ]);
    const wire = assembleEvent(prepared.body, signed(prepared, signers), crypto, state.identityKey);
    return this.#take(after, wire, keys, time);
  }

  /** Revokes the agent and returns the event. */
  revoke({ time, authority = "online", after = this.log.head.seq, reason = "decommissioned" }: RevocationChoices): Uint8Array {
    const revealed = this.#revealed(after, authority);
    const prepared = prepareRevocation({
      time,
      seq: after + 1,
      previous: this.#stateAt(after).head.hash,
      authority,
      revealedKey: { algorithm: ALGORITHM.ed25519, bytes: revealed.publicKey },
      reason,
    });
    const wire = assembleEvent(prepared.body, signed(prepared, new Map([[ROLE.revealed, revealed]])), crypto);
    return this.#take(after, wire, this.#keysAt(after), time);
  }

  /** Signs what the identity key in force signs. */
  sign(prepared: Prepared): SignatureEntry[] {
    return signed(prepared, new Map([[ROLE.holder, this.identityKey]]));
  }

  #take(after: number, wire: Uint8Array, keys: Keys, time: number): Uint8Array {
    // In its own eyes the branch that an agent goes on with is the one that stands.
    const known = after === this.log.head.seq ? this.log : undefined;
    this.log = verifyLog(known, [...this.log.events.slice(0, after + 1), wire], time, crypto, this.log.agentId).log;
    this.#keys.length = after + 1;
    this.#keys.push(keys);
    return wire;
  }

  #revealed(after: number, authority: Authority): SigningKey {
    const { next, recovery } = this.#keysAt(after);
    const revealed = authority === "online" ? next : recovery;
    if (revealed === undefined) throw new Error("this identity has no recovery kit");
    return revealed;
  }

  #keysAt(seq: number): Keys {
    const keys = this.#keys[seq];
    if (keys === undefined) throw new Error("the log has no such event");
    return keys;
  }

  #stateAt(seq: number): LogState {
    const state = this.log.states[seq];
    if (state === undefined) throw new Error("the log has no such event");
    return state;
  }
}

function newKeys(identity: SigningKey, recovery: SigningKey | undefined): Keys {
  return { identity, next: crypto.generateSigningKey(), recovery };
}

function installed(
  { next, recovery }: Keys,
  identityKey: OwnKey<"identity">,
): {
  readonly identityKey: OwnKey<"identity">;
  readonly identityProtection: "software";
  readonly encryptionKey: OwnKey<"encryption", 2>;
  readonly encryptionProtection: "software";
  readonly next: NextCommitments;
} {
  return {
    identityKey,
    identityProtection: "software",
    encryptionKey: ownKey("encryption", ALGORITHM.x25519, crypto.generateAgreementKey().publicKey),
    encryptionProtection: "software",
    next: { online: commitmentOf(next), ...(recovery && { recovery: commitmentOf(recovery) }) },
  };
}

function commitmentOf({ publicKey }: SigningKey): Uint8Array {
  return keyCommitment({ algorithm: ALGORITHM.ed25519, bytes: publicKey }, crypto);
}

function signed({ toSign }: Prepared, signers: ReadonlyMap<Role, SigningKey>): SignatureEntry[] {
  return toSign.map(({ role, bytes }) => {
    const signer = signers.get(role);
    if (signer === undefined) throw new Error("nobody signs in this role");
    return { role, algorithm: ALGORITHM.ed25519, signature: signer.sign(bytes) };
  });
}
