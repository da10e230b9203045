/** Which Argon2id parameters are acceptable. Checked before anything is derived: below is a downgrade, above a denial of service. */
import { talosError } from "@talos/core";

export interface KdfParameters {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

/** RFC 9106, 4: the second recommended option, 64 MiB. */
export const DEFAULT_KDF: KdfParameters = { memoryKiB: 65_536, passes: 3, lanes: 4 };

/** OWASP Password Storage Cheat Sheet, Argon2id with one lane: each line is as strong as the others. */
const FLOOR: readonly { readonly memoryKiB: number; readonly passes: number }[] = [
  { memoryKiB: 47_104, passes: 1 },
  { memoryKiB: 19_456, passes: 2 },
  { memoryKiB: 12_288, passes: 3 },
  { memoryKiB: 9_216, passes: 4 },
  { memoryKiB: 7_168, passes: 5 },
];
const CEILING: KdfParameters = { memoryKiB: 1_048_576, passes: 16, lanes: 16 };

/** Whether any of them is smaller. */
export function isBelow(a: KdfParameters, b: KdfParameters): boolean {
  return a.memoryKiB < b.memoryKiB || a.passes < b.passes || a.lanes < b.lanes;
}

/** The larger of each. */
export function strongest(a: KdfParameters, b: KdfParameters): KdfParameters {
  return { memoryKiB: Math.max(a.memoryKiB, b.memoryKiB), passes: Math.max(a.passes, b.passes), lanes: Math.max(a.lanes, b.lanes) };
}

/** @throws TalosError KDF_PARAMETERS_REFUSED */
export function checkKdfParameters({ memoryKiB, passes, lanes }: KdfParameters): void {
  const whole = [memoryKiB, passes, lanes].every((value) => Number.isSafeInteger(value) && value >= 1);
  const strong = FLOOR.some((floor) => memoryKiB >= floor.memoryKiB && passes >= floor.passes);
  const bearable = memoryKiB <= CEILING.memoryKiB && passes <= CEILING.passes && lanes <= CEILING.lanes;
  if (!whole || !strong || !bearable) {
    throw talosError("KDF_PARAMETERS_REFUSED", undefined, { details: { memoryKiB, passes, lanes } });
  }
}
