// Alice, who rotates after a backup was made, and is gone then; Bob, at home at her directory, and Carol, at home at another one. Both know
// her, and have heard of the rotation. Real agents at two real directories.
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import type { Environment, TalosClient } from "@talos/agent";
import { didToAgentId, toHex, type AgentId, type EnvelopeId } from "@talos/core";
import { AgentWorld, intercepting, SkippingClock, take, Thief, until } from "@talos/testkit";

export const BACKUP_PASSWORD = "granite heron lattice, for the backup";
export const NEW_PASSWORD = "walnut ember sextant, for the new machine";
const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";

const DIRECTORY_FILE = "directory.db";

/** `planned`: for its own sake; `compromise`: because the keys may be stolen. */
export type Reason = "planned" | "compromise";

interface Peer {
  readonly client: TalosClient;
  readonly environment: Environment;
  /** Ids of what was taken out of the mailbox. */
  readonly handled: Set<string>;
}

export class Scene implements AsyncDisposable {
  readonly clock: SkippingClock = new SkippingClock();
  /** With Alice's directory. */
  readonly home: AgentWorld;
  /** With Carol's. */
  readonly abroad: AgentWorld;
  did = "";
  readonly #peers: Map<"bob" | "carol", Peer> = new Map();

  private constructor(home: AgentWorld, abroad: AgentWorld, clock: SkippingClock) {
    this.home = home;
    this.abroad = abroad;
    this.clock = clock;
  }

  static async start(reason: Reason): Promise<Scene> {
    const clock = new SkippingClock();
    const environment = { clock };
    const home = await AgentWorld.start({ environment });
    const abroad = await AgentWorld.start({ environment });
    const scene = new Scene(home, abroad, clock);
    try {
      await scene.#begin(reason);
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  get backup(): string {
    return join(this.home.folder, "alice.backup");
  }

  get kit(): { readonly path: string; readonly password: string } {
    return { path: join(this.home.folder, "kit.txt"), password: KIT_PASSWORD };
  }

  get #before(): string {
    return join(this.abroad.folder, "before.db");
  }

  get aliceId(): AgentId {
    return didToAgentId(this.did);
  }

  get bob(): TalosClient {
    return this.#peer("bob").client;
  }

  get carol(): TalosClient {
    return this.#peer("carol").client;
  }

  /** With the keys of the backup alone, at that directory. */
  thiefAt({ url, environment }: AgentWorld): Thief {
    return Thief.withBackup({ agentId: this.aliceId, url, clock: environment.clock }, this.backup, BACKUP_PASSWORD);
  }

  /** Time passes, while nobody is there; then the peers have heard what waited for them. */
  async pass(milliseconds: number): Promise<void> {
    for (const { client } of this.#peers.values()) await client.close();
    this.clock.pass(milliseconds);
    for (const [name, { environment, handled }] of this.#peers) {
      const world = name === "bob" ? this.home : this.abroad;
      const client = await world.open(name, {}, environment);
      this.#peers.set(name, { client, environment, handled });
      await client.flush({ timeoutSeconds: 1 });
    }
  }

  /** Carol's directory is put back to where it was before the rotation: it has never heard of it. */
  async abroadForgets(): Promise<void> {
    await this.abroad.stopDirectory();
    copyFileSync(this.#before, join(this.abroad.folder, DIRECTORY_FILE));
    await this.abroad.startDirectory();
  }

  /** Waits until the peer has dealt with what lies in its mailbox. @returns the code under which it kept it, else undefined */
  async codeOf(name: "bob" | "carol", id: EnvelopeId): Promise<string | undefined> {
    const hex = toHex(id);
    const { client, handled } = this.#peer(name);
    await until(() => handled.has(hex), "the peer has dealt with it");
    return client.status().kept.find(({ envelopeId }) => envelopeId === hex)?.code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
    await this.abroad[Symbol.asyncDispose]();
  }

  #peer(name: "bob" | "carol"): Peer {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`${name} is not there`);
    return peer;
  }

  async #begin(reason: Reason): Promise<void> {
    const { home, abroad } = this;
    const alice = await home.create("alice", { recoveryKit: this.kit });
    this.did = alice.did;
    await this.#acquaint(alice, "bob", home);
    await this.#acquaint(alice, "carol", abroad);
    await abroad.stopDirectory();
    copyFileSync(join(abroad.folder, DIRECTORY_FILE), this.#before);
    await abroad.startDirectory();
    await alice.exportKeys({ path: this.backup, password: BACKUP_PASSWORD });
    await (reason === "planned" ? alice.rotateIdentity() : alice.emergencyRotate());
    await until(() => alice.status().publication === "published", "she has published");
    await until(() => alice.status().notifications[0]?.acknowledged === 2, "both peers know");
    // What she says is heard: each directory knows her newest instance.
    for (const peer of [this.bob, this.carol]) {
      await alice.send(peer.did, "still here", { waitFor: "deposited" });
      await take(peer, 1);
    }
    await alice.close();
  }

  async #acquaint(alice: TalosClient, name: "bob" | "carol", world: AgentWorld): Promise<void> {
    const handled = new Set<string>();
    const environment = intercepting(world.environment, {
      acknowledge: (ids) => {
        for (const id of ids) handled.add(toHex(id));
      },
    });
    const client = await world.create(name, {}, environment);
    this.#peers.set(name, { client, environment, handled });
    await alice.send(`${client.did}@${new URL(world.url).host}`, "hello", { waitFor: "deposited" });
    await take(client, 1);
    await client.send(alice.did, "hello yourself", { waitFor: "deposited" });
    await take(alice, 1);
  }
}
