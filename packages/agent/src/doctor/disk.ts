/** The file system under the data directory: room that is left, and whether locks hold there. */
import { statfsSync } from "node:fs";
import { type DoctorFinding, finding, pathFor } from "./finding.ts";
import type { DiskState, Look } from "./look.ts";

/** A refill of prekeys and some hours of messages. */
const LOW_BYTES = 100_000_000;
/** Below this a commit may fail, and with it everything that must be durable. */
const GONE_BYTES = 5_000_000;

/** Of statfs(2) on Linux. Others have other numbers, and nothing is said of them. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff53_4d42, "CIFS"],
  [0xfe53_4d42, "SMB2"],
  [0x5346_414f, "AFS"],
  [0x7375_7245, "Coda"],
  [0x0102_1997, "9p"],
  [0x00c3_6400, "Ceph"],
  [0x0bd0_0bd0, "Lustre"],
  [0x0116_1970, "GFS2"],
  [0x7461_636f, "OCFS2"],
  [0x4750_4653, "GPFS"],
  [0x6573_5546, "FUSE"],
]);

/** @throws NodeJS.ErrnoException */
export function readDisk(path: string): DiskState {
  const { type, bsize, blocks, bavail } = statfsSync(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, type: type >>> 0 };
}

export function checkSpace({ dataDir, disk }: Look): DoctorFinding[] {
  const { freeBytes, totalBytes } = disk(dataDir);
  // A file system that does not count says zero of both.
  if (totalBytes === 0 || freeBytes >= LOW_BYTES) return [];
  const left = `${(freeBytes / 1e6).toFixed(1)} MB are free on the file system of the data directory`;
  const remedy = `Free space there, or move the folder while the agent is stopped. See: df -h ${pathFor(dataDir, ".")}`;
  if (freeBytes < GONE_BYTES) {
    return [finding("SPACE_GONE", { file: ".", message: `Only ${left}: the next commit may fail. What is stored stays intact.`, remedy })];
  }
  return [finding("SPACE_LOW", { file: ".", message: `${left}.`, remedy })];
}

export function checkFileSystem({ dataDir, disk }: Look): DoctorFinding[] {
  const name = NETWORK_FILE_SYSTEMS.get(disk(dataDir).type);
  if (name === undefined) return [];
  return [
    finding("FILE_SYSTEM_NETWORK", {
      file: ".",
      message: `The data directory lies on ${name}, where the lock may not keep a second machine out, and where write-ahead logs of SQLite may not work.`,
      remedy: "Move the folder to a local disk, or make sure that only one machine ever opens it.",
    }),
  ];
}
