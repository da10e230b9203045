import assert from "node:assert/strict";
import { test } from "node:test";
import { main } from "./main.ts";

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function collector(parts: string[]): { write(text: string | Uint8Array): unknown } {
  return { write: (text) => parts.push(String(text)) };
}

async function talos(...argv: readonly string[]): Promise<Run> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const exitCode = await main(argv, { stdout: collector(stdout), stderr: collector(stderr) }, { XDG_DATA_HOME: "/nonexistent/talos-test" });
  return { exitCode, stdout: stdout.join(""), stderr: stderr.join("") };
}

test("usage errors are one line, a hint and exit code 2", async () => {
  for (const [argv, code] of [
    [["status", "--migration-day", "3"], "UNKNOWN_OPTION"],
    [["statsu"], "UNKNOWN_COMMAND"],
    [["peers", "lits"], "UNKNOWN_COMMAND"],
    [["slots", "lits"], "UNKNOWN_COMMAND"],
    [["slots", "remove"], "INVALID_ARGUMENT"],
    [["slots", "remove", "two"], "INVALID_ARGUMENT"],
    [["passwd", "--new-password", "x"], "UNKNOWN_OPTION"],
    [["send"], "INVALID_ARGUMENT"],
    [["send", "did:talos:z1", "two", "words"], "INVALID_ARGUMENT"],
    [["send", "did:talos:z1", "x", "--wait-for", "never"], "INVALID_ARGUMENT"],
    [["send", "did:talos:z1", "x", "--timeout", "soon"], "INVALID_ARGUMENT"],
    [["status", "--data-dir"], "INVALID_ARGUMENT"],
    [["directory", "serve", "--listen", "8420"], "INVALID_ARGUMENT"],
    [["backup", "make"], "UNKNOWN_COMMAND"],
    [["backup", "create", "--backup-password", "x", "--to", "y"], "UNKNOWN_OPTION"],
    [["backup", "create"], "INVALID_ARGUMENT"],
    [["backup", "verify"], "INVALID_ARGUMENT"],
    [["recover"], "INVALID_ARGUMENT"],
    [["recover", "--backup", "x", "--identity-only", "y"], "INVALID_ARGUMENT"],
    [["recover", "--identity-only", "x"], "INVALID_ARGUMENT"],
    [["recover", "--identity-only", "x", "--directory", "http://localhost", "--recovery-kit", "y"], "INVALID_ARGUMENT"],
    [["recover", "--identity-only", "x", "--directory", "http://localhost", "--former-directory-gone"], "INVALID_ARGUMENT"],
    [["recover", "--backup", "x", "--cut-after", "last"], "INVALID_ARGUMENT"],
  ] as const) {
    const { exitCode, stdout, stderr } = await talos(...argv);
    assert.equal(exitCode, 2, argv.join(" "));
    assert.equal(stdout, "", argv.join(" "));
    assert.match(stderr, new RegExp(`^talos: [^\\n]+ \\[${code}\\][^\\n]*\\nhint: [^\\n]+\\n$`), argv.join(" "));
  }
});

test("with --json a failure is one document, with code and hint", async () => {
  const { exitCode, stdout } = await talos("whoami", "--json");
  assert.equal(exitCode, 4);
  assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, "VAULT_NOT_FOUND");
});

test("help names every verb and ends well; no verb at all shows help and is a usage error", async () => {
  const help = await talos("--help");
  assert.equal(help.exitCode, 0);
  for (const verb of [
    "init",
    "whoami",
    "status",
    "send",
    "receive",
    "peers",
    "passwd",
    "slots",
    "backup",
    "recover",
    "doctor",
    "directory",
    "demo",
  ])
    assert.match(help.stdout, new RegExp(`^  ${verb}\\b`, "m"));
  const bare = await talos();
  assert.equal(bare.exitCode, 2);
  assert.match(bare.stdout, /^Usage: talos/);
});

test("an argument that holds a password has nowhere to go", async () => {
  const { exitCode, stdout, stderr } = await talos("whoami", "--password", "correct horse");
  assert.equal(exitCode, 2);
  assert.doesNotMatch(stdout + stderr, /correct horse/);
});
