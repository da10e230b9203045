// `client.send` to a peer with a live session. Two questions: how long until the promise says that the message is on disk, against
// bare commits of as many bytes, one for each message; and how much work it is altogether, until the message is sealed, signed, handed
// over and noted as deposited, against those commits and the bare primitives. The directory is not measured: for the first it takes
// nothing, for the second it answers at once.
import { randomFillSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HttpDirectory, systemEnvironment, type Directory, type HttpDirectoryOptions, type TalosClient } from "@talos/agent";
import { didToAgentId, envelopeId, nodeCrypto, toHex, type AgentId, type EnvelopeId } from "@talos/core";
import { AgentWorld, take, TEST_KDF } from "@talos/testkit";
import * as bare from "../bare.ts";
import type { Operation } from "../harness.ts";

const BODY_BYTES = 35;
const IN_FLIGHT = 32;
/** A chain ends at 10,000 messages without an answer; somebody else is written to before that. */
const CHAIN_MESSAGES = 9_000;
const SIGNED_BYTES = 300;
const CLEAR_BYTES = 150;
const AT_REST_DATA_BYTES = 100;
const INFO = new Uint8Array(28);

/** What becomes of a deposit for a peer that has left. */
type Answer = "never" | "at once";

/** One agent, and a peer at a time that has answered and is gone. */
class Writer {
  readonly #world: AgentWorld;
  readonly #gone: Set<string>;
  readonly #release: () => void;
  readonly client: TalosClient;
  #peer = "";
  #peers = 0;
  #sent = 0;

  private constructor(world: AgentWorld, client: TalosClient, gone: Set<string>, release: () => void) {
    this.#world = world;
    this.client = client;
    this.#gone = gone;
    this.#release = release;
  }

  static async start(answer: Answer): Promise<Writer> {
    const gone = new Set<string>();
    const held = Promise.withResolvers<never>();
    held.promise.catch(() => undefined);
    const deposit = async (recipient: AgentId, item: Uint8Array): Promise<EnvelopeId | undefined> => {
      if (!gone.has(toHex(recipient))) return undefined;
      return answer === "never" ? await held.promise : envelopeId(item, nodeCrypto);
    };
    const openDirectory = (options: HttpDirectoryOptions): Directory => answering(new HttpDirectory(options), deposit);
    const world = await AgentWorld.start();
    const client = await world.create("writer", {}, { ...systemEnvironment, kdf: TEST_KDF, openDirectory });
    const writer = new Writer(world, client, gone, () => held.reject(new Error("the measurement is over")));
    await writer.#meet();
    return writer;
  }

  /** Resolves when all are durable, or with `waitFor` when they have got so far. */
  async send(count: number, waitFor?: "deposited"): Promise<void> {
    if (this.#sent + count > CHAIN_MESSAGES) await this.#meet();
    this.#sent += count;
    const options = waitFor === undefined ? {} : { waitFor };
    const sends = Array.from({ length: count }, async () =>
      this.client.send(this.#peer, randomFillSync(new Uint8Array(BODY_BYTES)), options),
    );
    for (const { state } of await Promise.all(sends)) if (state !== (waitFor ?? "accepted")) throw new Error(`a message is ${state}`);
  }

  /** Bytes of what messages leave in the database: a row as it is accepted, an envelope, a session's state. */
  sizes(): Sizes {
    using database = new DatabaseSync(join(this.#world.dataDir("writer"), "state.db"), { readOnly: true });
    const size = (sql: string): number => Number(database.prepare(sql).get()?.["size"]);
    const columns = ["message_id", "peer", "peer_address", "state", "content_type", "sign", "body"];
    const text = columns.map((column) => `coalesce(length(${column}), 0)`).join(" + ");
    return {
      row: size(`SELECT ${text} AS size FROM outbox ORDER BY ord DESC LIMIT 1`),
      envelope: size("SELECT length(envelope) AS size FROM outbox WHERE envelope IS NOT NULL ORDER BY ord DESC LIMIT 1"),
      state: size("SELECT length(state) AS size FROM sessions"),
    };
  }

  async close(): Promise<void> {
    this.#release();
    await this.#world[Symbol.asyncDispose]();
  }

  /** A session in which both have heard each other; then the peer leaves. */
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
    this.#gone.add(toHex(didToAgentId(peer.did)));
    this.#peer = peer.did;
    this.#sent = 0;
  }
}

/** The real one, but for deposits that are answered here. */
function answering(real: Directory, answer: (recipient: AgentId, item: Uint8Array) => Promise<EnvelopeId | undefined>): Directory {
  return new Proxy(real, {
    get(target, name) {
      if (name === "deposit") {
        const deposit: Directory["deposit"] = async (recipient, kind, item) =>
          (await answer(recipient, item)) ?? (await target.deposit(recipient, kind, item));
        return deposit;
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

interface Sizes {
  readonly row: number;
  readonly envelope: number;
  readonly state: number;
}

/** One commit each, of a row of changing bytes in a table without any index but the key, with a durable write-ahead log. */
class BareCommits {
  readonly #folder: string = mkdtempSync(join(tmpdir(), "talos-bench-"));
  readonly #database: DatabaseSync = new DatabaseSync(join(this.#folder, "bare.db"));
  readonly #bytes: number;
  readonly #statements;

  constructor(bytes: number) {
    this.#bytes = bytes;
    const database = this.#database;
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE messages (ord INTEGER PRIMARY KEY, bytes BLOB)");
    this.#statements = {
      begin: database.prepare("BEGIN IMMEDIATE"),
      insert: database.prepare("INSERT INTO messages (bytes) VALUES (?)"),
      commit: database.prepare("COMMIT"),
    };
  }

  run(messages: number): void {
    const { begin, insert, commit } = this.#statements;
    for (let message = 0; message < messages; message += 1) {
      begin.run();
      insert.run(randomFillSync(new Uint8Array(this.#bytes)));
      commit.run();
    }
  }

  close(): void {
    this.#database.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One message sealed and signed, and what the vault seals with it: the body for each, the session's state once for all. */
function barePrimitives(sizes: Sizes): (messages: number) => void {
  const instance = bare.keyPair("ed25519");
  const chainKey = nodeCrypto.randomBytes(bare.SECRET_BYTES);
  const vaultKey = bare.createSecretKey(nodeCrypto.randomBytes(bare.SECRET_BYTES));
  const body = nodeCrypto.randomBytes(BODY_BYTES);
  const signed = nodeCrypto.randomBytes(SIGNED_BYTES);
  const clear = nodeCrypto.randomBytes(CLEAR_BYTES);
  const frame = nodeCrypto.randomBytes(sizes.envelope - CLEAR_BYTES - bare.TAG_BYTES);
  const envelope = nodeCrypto.randomBytes(sizes.envelope);
  const state = nodeCrypto.randomBytes(sizes.state);
  const place = nodeCrypto.randomBytes(AT_REST_DATA_BYTES);
  return (messages) => {
    for (let message = 0; message < messages; message += 1) {
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

/** Until it is durable. */
async function accepting(operation: string, messages: number): Promise<Operation> {
  const writer = await Writer.start("never");
  await writer.send(messages);
  const commits = new BareCommits(writer.sizes().row);
  return {
    operation,
    perRun: messages,
    ours: async () => {
      await writer.send(messages);
    },
    baselines: { "commits, one each": () => commits.run(messages) },
    close: async () => {
      commits.close();
      await writer.close();
    },
  };
}

/** Until it is out of the house and noted. */
async function depositing(operation: string, messages: number): Promise<Operation> {
  const writer = await Writer.start("at once");
  await writer.send(messages);
  const sizes = writer.sizes();
  const commits = new BareCommits(sizes.row);
  const primitives = barePrimitives(sizes);
  return {
    operation,
    perRun: messages,
    ours: async () => {
      await writer.send(messages, "deposited");
    },
    baselines: { "commits, one each": () => commits.run(messages), primitives: () => primitives(messages) },
    close: async () => {
      commits.close();
      await writer.close();
    },
  };
}

export async function operations(): Promise<Operation[]> {
  return [
    await accepting("durable send 35 B, one at a time", 1),
    await accepting(`durable send 35 B, ${IN_FLIGHT} in flight`, IN_FLIGHT),
    await depositing(`send 35 B until deposited, ${IN_FLIGHT} in flight`, IN_FLIGHT),
  ];
}
