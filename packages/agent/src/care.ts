/** Looking after a data directory: what is wrong with it, and bringing back what a destroyed database leaves. Opens no agent. */
import { resolve } from "node:path";
import { examine, type DoctorReport } from "./doctor/doctor.ts";
import type { DiskState } from "./doctor/look.ts";
import type { Environment } from "./environment.ts";
import { rescueAgent, type RescueReport } from "./lifecycle/rescue-agent.ts";
import { checkDoctorOptions, checkRescueOptions, dataDirOf, type DoctorOptions, type RescueOptions } from "./options.ts";
import { isUnlockGiven, readUnlock } from "./password/index.ts";
import { checkTime } from "./vault/times.ts";

/**
 * As `TalosClient.doctor`, on given ground.
 *
 * @param disk what the file system says, for tests
 */
export async function doctorIn(
  { clock, crypto }: Environment,
  options: DoctorOptions,
  disk?: (path: string) => DiskState,
): Promise<DoctorReport> {
  const checked = checkDoctorOptions(options);
  const dataDir = resolve(dataDirOf(checked));
  using unlock = isUnlockGiven(checked) ? await readUnlock(checked) : undefined;
  return examine({ dataDir, unlock, crypto, now: clock.now(), ...(disk === undefined ? {} : { disk }) });
}

/** As `TalosClient.rescue`, on given ground. */
export async function rescueIn({ clock, crypto }: Environment, options: RescueOptions): Promise<RescueReport> {
  const checked = checkRescueOptions(options);
  const dataDir = resolve(dataDirOf(checked));
  const now = clock.now();
  checkTime(now);
  using unlock = await readUnlock(checked);
  return await rescueAgent({ dataDir, unlock, crypto, now, directory: checked.directory });
}
