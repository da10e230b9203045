/**
 * An agent that is only looked at: no lock, no generation, no certificate, no network. Works beside a running agent.
 */
import { agentIdToDid, toHex } from "@talos/core";
import { fingerprintOf, listPeers, showPeer, type PeerView } from "./peers.ts";
import { readStatus, type AgentStatus } from "./status.ts";
import { HOME_DIRECTORY, type SlotInfo, type VaultInspection } from "./vault/index.ts";

export class Inspection implements Disposable, AsyncDisposable {
  readonly #vault: VaultInspection;

  constructor(vault: VaultInspection) {
    this.#vault = vault;
  }

  get did(): string {
    return agentIdToDid(this.#vault.agentId);
  }

  get name(): string {
    return this.#vault.name;
  }

  get dataDir(): string {
    return this.#vault.dataDir;
  }

  /** URL of the home directory. */
  get directory(): string | undefined {
    return this.#vault.read((tx) => tx.settings.get(HOME_DIRECTORY));
  }

  /** The current public identity key, in hexadecimal. */
  get identityKey(): string {
    return this.#vault.read((tx) => toHex(tx.inventory.live("identity")?.publicKey ?? new Uint8Array()));
  }

  get fingerprint(): string {
    return fingerprintOf(this.#vault.agentId);
  }

  status(): AgentStatus {
    const { findings, holder } = this.#vault;
    return this.#vault.read((tx) => readStatus(tx, { facts: this.#vault, findings, holder }));
  }

  /** The ways into the data directory; `opened` marks the one that was given to look with. */
  slots(): readonly SlotInfo[] {
    return this.#vault.slots();
  }

  peers(): readonly PeerView[] {
    return this.#vault.read(listPeers);
  }

  /** @param peer a DID, an address or a petname @throws TalosError PEER_UNKNOWN, INVALID_ARGUMENT */
  peer(peer: string): PeerView {
    return this.#vault.read((tx) => showPeer(tx, peer));
  }

  close(): void {
    this.#vault.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
