/**
 * A data directory opened by its owner to change what opens it, and for nothing else: it has the lock and a generation, but
 * makes no instance and no certificate and touches no network, so it supersedes nobody.
 */
import { systemEnvironment, type Environment } from "./environment.ts";
import { openVault } from "./lifecycle/enter-agent.ts";
import { checkInspectOptions, type ChangePasswordOptions, type InspectOptions } from "./options.ts";
import { changePassword, type PasswordChange } from "./password-change.ts";
import { SlotsApi, type SlotContext } from "./slots.ts";

export class Custody implements Disposable, AsyncDisposable {
  /** The ways in. */
  readonly slots: SlotsApi;
  readonly #context: SlotContext;

  /** For `custodyIn`. */
  constructor(context: SlotContext) {
    this.#context = context;
    this.slots = new SlotsApi(context);
  }

  /** @throws TalosError as `TalosClient.open` */
  static async open(options: InspectOptions): Promise<Custody> {
    return await custodyIn(systemEnvironment, options);
  }

  get name(): string {
    return this.#context.vault.name;
  }

  get dataDir(): string {
    return this.#context.vault.dataDir;
  }

  /** @throws TalosError as `TalosClient.changePassword` */
  async changePassword(options: ChangePasswordOptions): Promise<PasswordChange> {
    return await changePassword(this.#context, options);
  }

  close(): void {
    this.#context.vault.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** As `Custody.open`, on given ground. For tests. */
export async function custodyIn(environment: Environment, options: InspectOptions): Promise<Custody> {
  const vault = await openVault(environment, checkInspectOptions(options));
  return new Custody({ vault, clock: environment.clock, policy: { allowWeakPasswords: environment.allowWeakPasswords === true } });
}
