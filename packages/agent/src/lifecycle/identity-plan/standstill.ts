/**
 * An event names the head of the audit, and proves later what its key signed before. So from the moment it reads that head until it is staged
 * nothing may be signed on record: the event would not cover it. Knows neither events nor signatures.
 */
import type { Vault } from "../../vault/index.ts";

const standstills: WeakMap<Vault, Promise<unknown>> = new WeakMap();

/** Makes an event and stages it while nothing else is put on record that it would have to cover. @throws what `work` throws */
export async function atStandstill<T>({ vault }: { readonly vault: Vault }, work: () => Promise<T>): Promise<T> {
  const own = work();
  const over = own.then(nothing, nothing);
  standstills.set(vault, over);
  try {
    return await own;
  } finally {
    if (standstills.get(vault) === over) standstills.delete(vault);
  }
}

/** Resolves when it is over; undefined where there is none. */
export function standstillOf({ vault }: { readonly vault: Vault }): Promise<unknown> | undefined {
  return standstills.get(vault);
}

function nothing(): void {}
