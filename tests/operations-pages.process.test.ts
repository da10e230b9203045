// The pages for operators: every command in their `sh` blocks is typed, page by page, into one shell per page. A comment `# exit N` says
// that a command is to end with that code; all others end with 0.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PAGES = fileURLToPath(new URL("../docs/operations/", import.meta.url));
const COMMAND = fileURLToPath(new URL("../packages/cli/bin/talos.js", import.meta.url));

function commandsOf(page: string): string[] {
  return [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) => (block ?? "").split("\n").filter((line) => line.trim() !== ""));
}

/** Each command is checked by itself, so that the one that ended otherwise is named. */
function scriptOf(commands: readonly string[]): string {
  return commands
    .map((line) => {
      const expected = /# exit (?<code>\d+)/.exec(line)?.groups?.["code"] ?? "0";
      const said = JSON.stringify(line).replaceAll("$", "\\$").replaceAll("`", "\\`");
      return `${line}\nstatus=$?; [ $status -eq ${expected} ] || { echo "ended with $status: "${said} >&2; exit 99; }`;
    })
    .join("\n");
}

for (const name of readdirSync(PAGES).filter((file) => file.endsWith(".md"))) {
  test(`every command of docs/operations/${name} ends as the page says`, () => {
    const folder = mkdtempSync(join(tmpdir(), "talos-operations-"));
    try {
      const bin = join(folder, "bin");
      mkdirSync(bin);
      writeFileSync(join(bin, "talos"), `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`);
      chmodSync(join(bin, "talos"), 0o755);
      const { PATH = "", HOME = folder } = process.env;
      const env = { PATH: `${bin}:${PATH}`, HOME, LANG: "C.UTF-8" };
      const setUp = [
        "umask 077",
        // The operator's own, in which everything a page talks about is at home.
        "talos directory serve --listen 127.0.0.1:0 --json > directory.json &",
        "DIRECTORY_PROCESS=$!; trap 'kill $DIRECTORY_PROCESS' EXIT",
        "until grep -q '\"url\"' directory.json; do sleep 0.05; done",
        `export DIRECTORY=$(sed -n 's/.*"url": *"\\([^"]*\\)".*/\\1/p' directory.json)`,
        "head -c 24 /dev/urandom | base64 > alice.password",
        "talos init alice --data-dir ./alice --password-file alice.password --quiet > /dev/null",
      ];
      const commands = commandsOf(readFileSync(join(PAGES, name), "utf8"));
      assert.ok(commands.length > 0, "the page has commands");
      const { status, stdout, stderr } = spawnSync("bash", ["-c", ["set -e", ...setUp, "set +e", scriptOf(commands)].join("\n")], {
        cwd: folder,
        env,
        encoding: "utf8",
        timeout: 240_000,
      });
      assert.equal(status, 0, `${stdout.slice(-2000)}\n${stderr.slice(-2000)}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
