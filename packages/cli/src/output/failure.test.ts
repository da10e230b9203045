import assert from "node:assert/strict";
import { test } from "node:test";
import { talosError } from "@talos/core";
import { reportFailure } from "./failure.ts";
import { Output } from "./output.ts";

test("a command whose working folder was taken away says so, and blames neither the file nor the program", () => {
  let written = "";
  const streams = {
    stdout: { write: (): void => undefined },
    stderr: {
      write: (text: string | Uint8Array): void => {
        written += String(text);
      },
    },
  };
  const gone = Object.assign(new Error("ENOENT: process.cwd failed"), { code: "ENOENT", syscall: "uv_cwd" });
  assert.equal(reportFailure(gone, new Output({}, streams), streams), 4);
  assert.match(written, /^talos: The folder in which this runs is not there any more\. \[FILE_NOT_FOUND\]\nhint: Change into another one/);
});

test("what an error quotes from outside cannot steer a terminal, in its message, its hint and its details", () => {
  let written = "";
  const streams = {
    stdout: { write: (): void => undefined },
    stderr: {
      write: (text: string | Uint8Array): void => {
        written += String(text);
      },
    },
  };
  const evil = "host\u001b]0;x\u0007\u202e";
  const error = talosError("VAULT_LOCKED", `Process 1 on ${evil}.`, { hint: `Ask ${evil}.`, details: { host: evil } });
  assert.equal(reportFailure(error, new Output({}, streams), streams), error.exitCode);
  const shown = "host\\u{1b}]0;x\\u{7}\\u{202e}";
  assert.equal(written, `talos: Process 1 on ${shown}. [VAULT_LOCKED] (host: ${shown})\nhint: Ask ${shown}.\n`);
});
