// For tests of what reaches the disk, and in which order: a file system that refuses, and a record of the calls made. Holds no test.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { StatementSync } from "node:sqlite";

type Patch = { [Name in keyof typeof fs]?: unknown };

/** Runs something while the file system behaves otherwise. */
export function otherwise<T>(patch: Patch, action: () => T): T {
  const original = Object.fromEntries(Object.keys(patch).map((name) => [name, fs[name as keyof typeof fs]]));
  Object.assign(fs, patch);
  syncBuiltinESMExports();
  try {
    return action();
  } finally {
    Object.assign(fs, original);
    syncBuiltinESMExports();
  }
}

export function refuses(system: string): () => never {
  return () => {
    throw Object.assign(new Error(system), { code: system });
  };
}

/** Runs something and tells which calls it made that change, sync or close files, and which commits, in order. */
export function record(action: () => void): string[] {
  const calls: string[] = [];
  const paths = new Map<number, string>();
  const { openSync, writeSync, fsyncSync, closeSync, renameSync, unlinkSync } = fs;
  const descriptor = Object.getOwnPropertyDescriptor(StatementSync.prototype, "run") ?? {};
  const run: unknown = descriptor.value;
  const runAndNote = function (this: StatementSync, ...values: unknown[]): unknown {
    if (this.sourceSQL === "COMMIT") calls.push("commit");
    return Reflect.apply(run as () => unknown, this, values);
  };
  Object.defineProperty(StatementSync.prototype, "run", { ...descriptor, value: runAndNote });
  try {
    otherwise(
      {
        openSync: (path: string, ...rest: [string, number?]) => {
          const file = openSync(path, ...rest);
          paths.set(file, path);
          calls.push(`open ${path} ${rest[0]}`);
          return file;
        },
        writeSync: (file: number, ...rest: [Uint8Array, number]) => {
          calls.push(`write ${paths.get(file)}`);
          return writeSync(file, ...rest);
        },
        fsyncSync: (file: number) => {
          calls.push(`sync ${paths.get(file)}`);
          fsyncSync(file);
        },
        closeSync: (file: number) => {
          calls.push(`close ${paths.get(file)}`);
          closeSync(file);
        },
        renameSync: (from: string, to: string) => {
          calls.push(`rename ${from} ${to}`);
          renameSync(from, to);
        },
        unlinkSync: (path: string) => {
          calls.push(`unlink ${path}`);
          unlinkSync(path);
        },
      },
      action,
    );
  } finally {
    Object.defineProperty(StatementSync.prototype, "run", descriptor);
  }
  return calls;
}
