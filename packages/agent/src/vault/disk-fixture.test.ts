// For tests of what reaches the disk, and in which order: a file system that refuses, and a record of the calls made. Holds no test.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { DatabaseSync, StatementSync } from "node:sqlite";

type Patch = { [Name in keyof typeof fs]?: unknown };

/** The file system behaves otherwise until the answer is called. */
function begin(patch: Patch): () => void {
  const original = Object.fromEntries(Object.keys(patch).map((name) => [name, fs[name as keyof typeof fs]]));
  Object.assign(fs, patch);
  syncBuiltinESMExports();
  return () => {
    Object.assign(fs, original);
    syncBuiltinESMExports();
  };
}

/** Runs something while the file system behaves otherwise. */
export function otherwise<T>(patch: Patch, action: () => T): T {
  const end = begin(patch);
  try {
    return action();
  } finally {
    end();
  }
}

export function refuses(system: string): () => never {
  return () => {
    throw Object.assign(new Error(system), { code: system });
  };
}

/** Runs something and tells which calls it made that change, sync or close files, and which commits, in order. */
export function record(action: () => void): string[] {
  const { calls, end } = beginRecord();
  try {
    action();
  } finally {
    end();
  }
  return calls;
}

/** The same of something that takes time; nothing else may run meanwhile. */
export async function recordAsync(action: () => Promise<void>): Promise<string[]> {
  const { calls, end } = beginRecord();
  try {
    await action();
  } finally {
    end();
  }
  return calls;
}

/** Puts another function in the place of a method of SQLite's, until the answer is called. */
function replaceMethod(prototype: object, name: string, wrap: (original: (...args: unknown[]) => unknown) => unknown): () => void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
  Object.defineProperty(prototype, name, { ...descriptor, value: wrap(descriptor.value as (...args: unknown[]) => unknown) });
  return () => {
    Object.defineProperty(prototype, name, descriptor);
  };
}

function beginRecord(): { calls: string[]; end: () => void } {
  const calls: string[] = [];
  const paths = new Map<number, string>();
  const { openSync, writeSync, fsyncSync, closeSync, renameSync, unlinkSync } = fs;
  const endRun = replaceMethod(
    StatementSync.prototype,
    "run",
    (run) =>
      function runAndNote(this: StatementSync, ...values: unknown[]): unknown {
        if (this.sourceSQL === "COMMIT") calls.push("commit");
        return Reflect.apply(run, this, values);
      },
  );
  const endExec = replaceMethod(
    DatabaseSync.prototype,
    "exec",
    (exec) =>
      function execAndNote(this: DatabaseSync, sql: string): unknown {
        if (sql === "COMMIT") calls.push("commit");
        return Reflect.apply(exec, this, [sql]);
      },
  );
  const endFiles = begin({
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
  });
  const end = (): void => {
    endFiles();
    endExec();
    endRun();
  };
  return { calls, end };
}
