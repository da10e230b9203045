// A durable `client.send` to a peer with a live session: from the call to the promise that says that message and session state are on
// disk. The directory takes nothing meanwhile, so that no later commit is measured. Against the bare primitives of one sealed and signed
// message and of what is sealed at rest with it, against bare commits of as many bytes, and against both together.
import { randomFillSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemEnvironment, type TalosClient } from "@talos/agent";
import { didToAgentId, nodeCrypto, toHex } from "@talos/core";
import { AgentWorld, intercepting, take, TEST_KDF } from "@talos/testkit";
import * as bare from "../bare.ts";
import type { Operation } from "../harness.ts";

const BODY_BYTES = 35;
const IN_FLIGHT = 32;
/** A chain ends at 10,000 messages without an answer; somebody else is written to before that. */
const CHAIN_MESSAGES = 9_000;
const ENVELOPE_ID_BYTES = 32;
const SIGNED_BYTES = 300;
const AT_REST_DATA_BYTES = 100;
const INFO = new Uint8Array(28);

/** One agent, and a peer at a time that has answered and is gone. */
class Writer {
  readonly #world: AgentWorld;
  readonly #refused: Set<string>;
  readonly #release: () => void;
  readonly client: TalosClient;
  #peer = "";
  #peers = 0;
  #sent = 0;

  private constructor(world: AgentWorld, client: TalosClient, refused: Set<string>, release: () => void) {
    this.#world = world;
    this.client = client;
    this.#refused = refused;
    this.#release = release;
  }

  static async start(): Promise<Writer> {
    const refused = new Set<string>();
    const held = Promise.withResolvers<never>();
    held.promise.catch(() => undefined);
    const deposit = async (item: Uint8Array, recipient: Uint8Array): Promise<Uint8Array> =>
      refused.has(toHex(recipient)) ? await held.promise : item;
    const environment = intercepting({ ...systemEnvironment, kdf: TEST_KDF }, { deposit });
    const world = await AgentWorld.start();
    const client = await world.create("writer", {}, environment);
    const writer = new Writer(world, client, refused, () => held.reject(new Error("the measurement is over")));
    await writer.#meet();
    return writer;
  }

  async send(count: number): Promise<void> {
    if (this.#sent + count > CHAIN_MESSAGES) await this.#meet();
    this.#sent += count;
    const sends = Array.from({ length: count }, async () => await this.client.send(this.#peer, randomFillSync(new Uint8Array(BODY_BYTES))));
    for (const { state } of await Promise.all(sends)) if (state !== "ready") throw new Error(`a message is ${state}`);
  }

  /** Bytes of what one message leaves in the database. */
  sizes(): Sizes {
    using database = new DatabaseSync(join(this.#world.dataDir("writer"), "state.db"), { readOnly: true });
    const row = database
      .prepare(
        `SELECT length(envelope) AS envelope, length(body) AS body, length(sessions.state) AS state
           FROM outbox JOIN sessions ON sessions.session_id = outbox.session_id ORDER BY ord DESC LIMIT 1`,
      )
      .get();
    return { envelope: Number(row?.["envelope"]), body: Number(row?.["body"]), state: Number(row?.["state"]) };
  }

  async close(): Promise<void> {
    this.#release();
    await this.#world[Symbol.asyncDispose]();
  }

  /** A session in which both have heard each other; then the peer leaves, and the directory takes nothing more for it. */
  async #meet(): Promise<void> {
    this.#peers += 1;
    const peer = await this.#world.create(`peer-${this.#peers}`);
    await this.client.send(peer.did, "hello", { waitFor: "deposited" });
    await take(peer, 1);
    await peer.send(this.client.did, "hello", { waitFor: "deposited" });
    await take(this.client, 1);
    // Not longer: what earlier peers are owed never leaves.
    for (const client of [this.client, peer, this.client]) await client.flush({ timeoutSeconds: 1 });
    await peer.close();
    this.#refused.add(toHex(didToAgentId(peer.did)));
    this.#peer = peer.did;
    this.#sent = 0;
  }
}

interface Sizes {
  readonly envelope: number;
  readonly body: number;
  readonly state: number;
}

/** Commits of as many changing bytes as ours, with a durable write-ahead log and without any index but the key. */
class BareCommits {
  readonly #folder: string = mkdtempSync(join(tmpdir(), "talos-bench-"));
  readonly #database: DatabaseSync = new DatabaseSync(join(this.#folder, "bare.db"));
  readonly #sizes: Sizes;
  readonly #statements;

  constructor(sizes: Sizes) {
    this.#sizes = sizes;
    const database = this.#database;
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      CREATE TABLE messages (ord INTEGER PRIMARY KEY, envelope_id BLOB, envelope BLOB, body BLOB);
      CREATE TABLE sessions (id INTEGER PRIMARY KEY, state BLOB)`);
    this.#statements = {
      begin: database.prepare("BEGIN IMMEDIATE"),
      message: database.prepare("INSERT INTO messages (envelope_id, envelope, body) VALUES (?, ?, ?)"),
      session: database.prepare("INSERT OR REPLACE INTO sessions (id, state) VALUES (1, ?)"),
      commit: database.prepare("COMMIT"),
    };
  }

  run(messages: number): void {
    const { begin, message, session, commit } = this.#statements;
    const { envelope, body, state } = this.#sizes;
    begin.run();
    for (let i = 0; i < messages; i += 1) message.run(changing(ENVELOPE_ID_BYTES), changing(envelope), changing(body));
    session.run(changing(state));
    commit.run();
  }

  close(): void {
    this.#database.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function changing(bytes: number): Uint8Array {
  return randomFillSync(new Uint8Array(bytes));
}

/** One message sealed and signed, and what the vault seals with it: the body for each, the session's state once a commit. */
function barePrimitives(sizes: Sizes): (messages: number) => void {
  const instance = bare.keyPair("ed25519");
  const chainKey = nodeCrypto.randomBytes(bare.SECRET_BYTES);
  const vaultKey = bare.createSecretKey(nodeCrypto.randomBytes(bare.SECRET_BYTES));
  const body = nodeCrypto.randomBytes(BODY_BYTES);
  const signed = nodeCrypto.randomBytes(SIGNED_BYTES);
  const clear = nodeCrypto.randomBytes(150);
  const frame = nodeCrypto.randomBytes(sizes.envelope - clear.length - bare.TAG_BYTES);
  const envelope = nodeCrypto.randomBytes(sizes.envelope);
  const state = nodeCrypto.randomBytes(sizes.state);
  const place = nodeCrypto.randomBytes(AT_REST_DATA_BYTES);
  return (messages) => {
    for (let i = 0; i < messages; i += 1) {
      bare.sha256(body);
      bare.sign(null, signed, instance.privateKey);
      const messageKey = bare.derive(chainKey, INFO, bare.SECRET_BYTES);
      bare.derive(chainKey, INFO, bare.SECRET_BYTES);
      bare.seal(messageKey, frame, clear);
      bare.sha256(envelope);
      bare.sealAtRest(vaultKey, body, place);
    }
    bare.sealAtRest(vaultKey, state, place);
  };
}

async function sending(operation: string, messages: number): Promise<Operation> {
  const writer = await Writer.start();
  await writer.send(messages);
  const sizes = writer.sizes();
  const commits = new BareCommits(sizes);
  const primitives = barePrimitives(sizes);
  return {
    operation,
    perRun: messages,
    ours: async () => {
      await writer.send(messages);
    },
    baselines: {
      primitives: () => primitives(messages),
      commits: () => commits.run(messages),
      both: () => {
        primitives(messages);
        commits.run(messages);
      },
    },
    close: async () => {
      commits.close();
      await writer.close();
    },
  };
}

export async function operations(): Promise<Operation[]> {
  return [await sending("durable send 35 B, one at a time", 1), await sending(`durable send 35 B, ${IN_FLIGHT} in flight`, IN_FLIGHT)];
}
