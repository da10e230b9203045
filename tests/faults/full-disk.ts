/** A file system of 2 MB, in memory, for one process: mounted in a mount namespace of its own, so that nothing is left behind. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FullDiskReport } from "./full-disk-child.ts";

const CHILD: string = join(import.meta.dirname, "full-disk-child.ts");

/** As an ordinary user by a user namespace; as root also where those are forbidden. */
const NAMESPACES = ["-Urm", "-m"] as const;

/** The value for a test's `skip`: why no file system can be mounted here, else false. */
export function absentMounts(): string | false {
  return namespace() === undefined && "no tmpfs can be mounted here: run as root, or allow user namespaces (unshare -Urm)";
}

/** @throws Error where the process failed */
export function fillDisk(): FullDiskReport {
  const { status, stdout, stderr } = inMount(namespace() ?? "-m", `exec ${process.execPath} ${CHILD} "$0"`);
  if (status !== 0) throw new Error(`the process on the small disk failed: ${stderr}`);
  return JSON.parse(stdout) as FullDiskReport;
}

function namespace(): (typeof NAMESPACES)[number] | undefined {
  return NAMESPACES.find((flags) => inMount(flags, "true").status === 0);
}

function inMount(flags: string, command: string): { status: number | null; stdout: string; stderr: string } {
  const disk = mkdtempSync(join(tmpdir(), "talos-disk-"));
  try {
    const script = `mount -t tmpfs -o size=2m,mode=700 tmpfs "$0" && ${command}`;
    return spawnSync("unshare", [flags, "sh", "-c", script, disk], { encoding: "utf8" });
  } finally {
    rmSync(disk, { recursive: true, force: true });
  }
}
