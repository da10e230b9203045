// That the library sees every call which changes the folder, also SQLite's: what it traced is what the kernel was asked for.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { absentDiskFaults, diskFaultEnvironment, parseTrace, type DiskSubject } from "@talos/testkit/disk-faults";
import { stopDirectories } from "./agents/directory-holder.ts";
import { agentSubject } from "./agents/subject.ts";
import { vaultSubject } from "./vault-subject.ts";

/** What the kernel calls it, and what the trace does. */
const KINDS: Readonly<Record<string, string>> = {
  write: "write",
  pwrite64: "write",
  writev: "write",
  pwritev: "write",
  pwritev2: "write",
  ftruncate: "truncate",
  truncate: "truncate",
  fsync: "sync",
  fdatasync: "sync",
  sync_file_range: "sync",
  rename: "rename",
  renameat: "rename",
  renameat2: "rename",
  unlink: "unlink",
  unlinkat: "unlink",
  mkdir: "mkdir",
  mkdirat: "mkdir",
  rmdir: "rmdir",
  chmod: "chmod",
  fchmod: "chmod",
  fchmodat: "chmod",
  link: "link",
  linkat: "link",
  symlink: "link",
  symlinkat: "link",
  copy_file_range: "unseen",
  sendfile: "unseen",
  fallocate: "unseen",
  io_uring_enter: "unseen",
};

function absentTracer(): string | false {
  return spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0
    ? false
    : "strace is absent, or may not trace: apt-get install strace";
}

const CASES: readonly (readonly [string, DiskSubject, string, string, number])[] = [
  ["a vault", vaultSubject, "vault-child.ts", "change-password-rekey", 80],
  ["copies of a backup and its record", agentSubject, "agents/child.ts", "export", 20],
  ["a restoration that is tried", agentSubject, "agents/child.ts", "verify-backup", 80],
];

for (const [what, subject, child, name, atLeast] of CASES) {
  test(`no call that changes the folder escapes the library: ${what}`, { skip: absentDiskFaults() || absentTracer() }, async () => {
    await using _ = { [Symbol.asyncDispose]: stopDirectories };
    await compare(subject, child, name, atLeast);
  });
}

async function compare(subject: DiskSubject, child: string, name: string, atLeast: number): Promise<void> {
  const work = realpathSync(mkdtempSync(join(tmpdir(), "talos-seen-")));
  const traceFile = `${work}.trace`;
  const kernelFile = `${work}.strace`;
  try {
    const dataDir = join(work, "data");
    mkdirSync(dataDir, { mode: 0o700 });
    const operation = subject.operations.find((one) => one.name === name);
    await operation?.prepare(dataDir);
    const task = JSON.stringify({ task: "trace", operation: operation?.name, dataDir });
    const { LD_PRELOAD, ...env } = diskFaultEnvironment(work, traceFile);
    const flags = [
      "-f",
      "-y",
      "-s",
      "0",
      "-e",
      `trace=${Object.keys(KINDS)
        .map((call) => `?${call}`)
        .join(",")}`,
      "-E",
      `LD_PRELOAD=${LD_PRELOAD}`,
    ];
    const program = [process.execPath, "--single-threaded", join(import.meta.dirname, child), task];
    const { status, stderr } = spawnSync("strace", [...flags, "-o", kernelFile, ...program], { env, encoding: "utf8" });
    assert.equal(status, 0, stderr);

    const asked = readFileSync(kernelFile, "utf8")
      .split("\n")
      .filter((line) => line.includes(`${work}/`) && !line.includes(" = -1 "))
      .map((line) => (line.includes("AT_REMOVEDIR") ? "rmdir" : (KINDS[/^\d+\s+(\w+)\(/.exec(line)?.[1] ?? ""] ?? line)));
    const seen = parseTrace(new Uint8Array(readFileSync(traceFile))).map(({ kind }) => kind);
    const counted = (kinds: readonly string[]): Record<string, number> => {
      const wanted = kinds.filter((kind) => kind !== "create" && kind !== "mark").sort();
      return Object.fromEntries([...new Set(wanted)].map((kind) => [kind, wanted.filter((one) => one === kind).length]));
    };
    assert.deepEqual(counted(seen), counted(asked));
    assert.ok(seen.length > atLeast, `${seen.length}`);
  } finally {
    for (const path of [work, traceFile, kernelFile]) rmSync(path, { recursive: true, force: true });
  }
}
