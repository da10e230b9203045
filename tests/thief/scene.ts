// Alice, whose keys are stolen while she is closed; Bob, who has a session with her and a message that waits for her; Carol, whose first
// message to her was recorded. Real agents at a real directory, and what a thief may have got hold of.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HttpDirectory, type Environment, type TalosClient } from "@talos/agent";
import {
  decodeCertificate,
  didToAgentId,
  envelopeId,
  equalBytes,
  fromHex,
  nodeCrypto,
  revealSecret,
  toHex,
  verifyLog,
  type AgentId,
  type Crypto,
  type EnvelopeId,
  type SigningKey,
  type UnverifiedBundle,
} from "@talos/core";
import {
  AgentWorld,
  intercepting,
  readStolenBytes,
  SkippingClock,
  take,
  TEST_PASSWORD,
  until,
  type RecordedMail,
  type StolenBytes,
  type Thief,
  type Victim,
} from "@talos/testkit";

/** What Bob says to Alice while she is closed. */
export const WAITING = "waits for Alice";
export const BACKUP_PASSWORD = "granite heron lattice, for the backup";
const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";

export interface SceneOptions {
  /** The material changes hands here. */
  readonly thief: (scene: Scene) => Thief;
  /** What Alice does between the theft and the first attempt. */
  readonly afterTheft?: (alice: TalosClient) => Promise<unknown>;
}

interface Parts {
  readonly world: AgentWorld;
  readonly clock: SkippingClock;
  readonly bob: TalosClient;
  readonly bobsEnvironment: Environment;
  readonly aliceDid: string;
  readonly recoveryKit: { readonly path: string; readonly password: string };
  /** Of Alice's last run. */
  readonly instanceSeed: Uint8Array;
  /** Carol's first message, as somebody on the wire sees it. */
  readonly recorded: RecordedMail;
  /** What Bob has deposited, by its id. */
  readonly wire: ReadonlyMap<string, Uint8Array>;
  /** Ids of what Bob has taken out of his mailbox. */
  readonly handled: ReadonlySet<string>;
}

export class Scene implements AsyncDisposable {
  readonly thief: Thief;
  readonly world: AgentWorld;
  bob: TalosClient;
  /** Bob's last message to Alice, as it travels. */
  waiting: Uint8Array = new Uint8Array();
  readonly parts: Parts;

  private constructor(parts: Parts, thief: (scene: Scene) => Thief) {
    this.parts = parts;
    this.world = parts.world;
    this.bob = parts.bob;
    this.thief = thief(this);
  }

  static async start({ thief, afterTheft }: SceneOptions): Promise<Scene> {
    const clock = new SkippingClock();
    const world = await AgentWorld.start({ environment: { clock } });
    try {
      const scene = new Scene(await setUp(world, clock, afterTheft), thief);
      scene.waiting = await scene.bobWrites();
      return scene;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  get aliceId(): AgentId {
    return didToAgentId(this.parts.aliceDid);
  }

  get victim(): Victim {
    return { agentId: this.aliceId, url: this.world.url, clock: this.world.environment.clock };
  }

  /** A copy of Alice's data directory from the day of the theft. */
  get stolenFolder(): string {
    return this.world.dataDir("stolen");
  }

  /** A backup of Alice's from the day of the theft. */
  get stolenBackup(): string {
    return join(this.world.folder, "alice.backup");
  }

  stolen(): StolenBytes {
    return readStolenBytes(this.stolenFolder, TEST_PASSWORD);
  }

  /** Bob writes, and nobody reads it. @returns the envelope */
  async bobWrites(): Promise<Uint8Array> {
    const { messageId } = await this.bob.send(this.parts.aliceDid, WAITING);
    // What he hears meanwhile may send it back to be sealed once more.
    await until(() => this.bob.outbox(messageId)?.state === "deposited", "it is deposited");
    const copy = `bob-${messageId}`;
    this.world.copyDataDir("bob", copy);
    using database = new DatabaseSync(join(this.world.dataDir(copy), "state.db"));
    const row = database.prepare("SELECT envelope_id FROM outbox WHERE message_id = ?").get(fromHex(messageId));
    const item = this.parts.wire.get(toHex(row?.["envelope_id"] as Uint8Array));
    if (item === undefined) throw new Error("it has not passed");
    return item;
  }

  /** Alice is opened, does something, and is closed; then another message of Bob's waits for her. */
  async aliceActs(act: (alice: TalosClient) => Promise<unknown>): Promise<void> {
    const alice = await this.world.open("alice");
    await act(alice);
    await until(() => alice.status().publication === "published", "she has published");
    // What she says is heard at the directory: it knows her newest instance.
    await alice.send(this.bob.did, "still here", { waitFor: "deposited" });
    await take(this.bob, 1);
    await alice.close();
    this.waiting = await this.bobWrites();
  }

  /** Time passes, while nobody is there. */
  async pass(milliseconds: number): Promise<void> {
    await this.bob.close();
    this.parts.clock.pass(milliseconds);
    this.bob = await this.world.open("bob", {}, this.parts.bobsEnvironment);
    // What Alice has sent meanwhile is heard before anything else happens.
    await this.bob.flush({ timeoutSeconds: 1 });
  }

  /** Waits until Bob has dealt with what lies in his mailbox. @returns the code under which he kept it, else undefined */
  async bobOn(id: EnvelopeId): Promise<string | undefined> {
    const hex = toHex(id);
    await until(() => this.parts.handled.has(hex), "the peer has dealt with it");
    return this.bob.status().kept.find((item) => item.envelopeId === hex)?.code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thief[Symbol.dispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

async function setUp(world: AgentWorld, clock: SkippingClock, afterTheft: SceneOptions["afterTheft"]): Promise<Parts> {
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: KIT_PASSWORD };
  const instances = new SeenKeys(world.environment.crypto);
  const remembering = { ...world.environment, crypto: instances.crypto };
  const handled = new Set<string>();
  const wire = new Map<string, Uint8Array>();
  const observed = intercepting(world.environment, {
    acknowledge: (ids) => {
      for (const id of ids) handled.add(toHex(id));
    },
    deposited: (item) => {
      wire.set(toHex(envelopeId(item, nodeCrypto)), item.slice());
    },
  });
  const alice = await world.create("alice", { recoveryKit }, remembering);
  const bob = await world.create("bob", {}, observed);
  const { did: aliceDid } = alice;
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.send(aliceDid, "hello yourself", { waitFor: "deposited" });
  await take(alice, 1);
  await alice.exportKeys({ path: join(world.folder, "alice.backup"), password: BACKUP_PASSWORD });
  await alice.close();
  world.copyDataDir("alice", "stolen");
  if (afterTheft !== undefined) {
    const again = await world.open("alice", {}, remembering);
    await afterTheft(again);
    await until(() => again.status().publication === "published", "she has published");
    await again.close();
  }
  const recorded = await firstMail(world, aliceDid);
  const certificate = await certificateOf(world, didToAgentId(aliceDid));
  return {
    world,
    clock,
    bob,
    bobsEnvironment: observed,
    aliceDid,
    recoveryKit,
    instanceSeed: instances.seedOf(certificate),
    recorded,
    wire,
    handled,
  };
}

/** Carol writes for the first time: bundle and envelope are what the directory sees. */
async function firstMail(world: AgentWorld, to: string): Promise<RecordedMail> {
  let bundle: UnverifiedBundle | undefined;
  let envelope: Uint8Array | undefined;
  const hooks = intercepting(world.environment, {
    claim: (claimed) => (bundle = claimed),
    deposited: (item) => {
      envelope ??= item.slice();
    },
  });
  const carol = await world.create("carol", {}, hooks);
  await carol.send(to, "for Alice alone", { waitFor: "deposited" });
  await carol.close();
  const { log } = await resolved(world, didToAgentId(carol.did));
  if (bundle === undefined || envelope === undefined) throw new Error("nothing was recorded");
  return { bundle, envelope, log: verifyLog(undefined, log, world.environment.clock.now(), nodeCrypto).log };
}

async function certificateOf(world: AgentWorld, agentId: AgentId): Promise<Uint8Array> {
  const { certificate } = await resolved(world, agentId);
  if (certificate === undefined) throw new Error("no instance is registered");
  return certificate;
}

/** As anybody may ask. */
async function resolved(world: AgentWorld, agentId: AgentId): ReturnType<HttpDirectory["resolve"]> {
  const { clock, crypto } = world.environment;
  const nobody = (): never => {
    throw new Error("nothing of this is signed");
  };
  const directory = new HttpDirectory({ url: world.url, clock, crypto, instance: nobody });
  try {
    return await directory.resolve(agentId);
  } finally {
    directory.close();
  }
}

/** The memory of a process, as far as keys for signatures were made in it. */
class SeenKeys {
  readonly crypto: Crypto;
  readonly #seeds: { readonly publicKey: Uint8Array; readonly seed: Uint8Array }[] = [];

  constructor(crypto: Crypto) {
    const generateSigningKey = (): SigningKey => {
      const key = crypto.generateSigningKey();
      using seed = key.exportSeed();
      this.#seeds.push({ publicKey: key.publicKey, seed: revealSecret(seed).slice() });
      return key;
    };
    this.crypto = Object.create(crypto, { generateSigningKey: { value: generateSigningKey } }) as Crypto;
  }

  /** Of the instance key that a certificate names. */
  seedOf(certificate: Uint8Array): Uint8Array {
    const { instanceKey } = decodeCertificate(certificate);
    const found = this.#seeds.find(({ publicKey }) => equalBytes(publicKey, instanceKey.bytes));
    if (found === undefined) throw new Error("another process made this instance key");
    return found.seed;
  }
}
