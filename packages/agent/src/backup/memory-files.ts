/** File systems that live in memory: what is on them is gone with the next restart, and never was on a disk. */
import { statfsSync } from "node:fs";

/** tmpfs and ramfs of statfs(2) on Linux. Others have other numbers, and nothing is said of them. */
const IN_MEMORY: readonly number[] = [0x0102_1994, 0x8584_58f6];

/** @throws NodeJS.ErrnoException */
export function isInMemory(path: string): boolean {
  return IN_MEMORY.includes(statfsSync(path).type >>> 0);
}

/** @throws NodeJS.ErrnoException */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
