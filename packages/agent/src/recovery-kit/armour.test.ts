import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decodeUtf8, isTalosError, nodeCrypto, utf8 } from "@talos/core";
import { armour, unarmour } from "./armour.ts";
import { damagedKit } from "./kit-record.ts";

const TITLE = "A BLOCK";

function read(text: Uint8Array): { preamble: string; content: Uint8Array } {
  const { preamble, content } = unarmour(TITLE, text, nodeCrypto, damagedKit);
  return { preamble: decodeUtf8(preamble), content };
}

function lineOf(text: string): unknown {
  let line: unknown;
  assert.throws(
    () => read(utf8(text)),
    (error) => {
      assert.ok(isTalosError(error, "RECOVERY_KIT_DAMAGED"));
      line = error.details["line"];
      return true;
    },
  );
  return line;
}

test("bytes of every length come back, with the text above them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom("", "one line\n", "two\n\nlines, ümlaut\n"), (content, preamble) => {
      const text = new Uint8Array([...utf8(preamble), ...armour(TITLE, content, nodeCrypto)]);
      const back = read(text);
      assert.deepEqual(back.content, content);
      assert.equal(back.preamble, preamble);
    }),
  );
});

test("the form: numbered lines, groups of five, a check at the end", () => {
  const text = decodeUtf8(
    armour(
      TITLE,
      Uint8Array.from({ length: 30 }, (_, i) => i),
      nodeCrypto,
    ),
  );
  assert.match(
    text,
    /^-----BEGIN A BLOCK-----\n01  ([A-Z2-7]{5} ){8} [A-Z2-7]{4}\n02  [A-Z2-7]{5} [A-Z2-7]{3}  [A-Z2-7]{4}\n-----END A BLOCK-----\n$/,
  );
});

test("a slip is named with its line, whichever character it is", () => {
  const text = decodeUtf8(
    armour(
      TITLE,
      Uint8Array.from({ length: 60 }, (_, i) => i),
      nodeCrypto,
    ),
  );
  const lines = text.split("\n");
  for (const [number, line] of lines.slice(1, -2).entries()) {
    for (let at = 0; at < line.length; at++) {
      const other = line[at] === "A" ? "B" : "A";
      const slip = lines.toSpliced(number + 1, 1, line.slice(0, at) + other + line.slice(at + 1));
      assert.equal(lineOf(slip.join("\n")), number + 1, `line ${number + 1}, character ${at}`);
    }
  }
});

test("lines that are swapped, left out, doubled or run together are refused", () => {
  const [begin = "", one = "", two = "", three = "", end = ""] = decodeUtf8(armour(TITLE, new Uint8Array(60), nodeCrypto)).split("\n");
  for (const lines of [
    [begin, two, one, three, end],
    [begin, one, three, end],
    [begin, one, two, two, three, end],
    [begin, one, three, two, end],
    [begin, `${one}${two}`, three, end],
    [begin, one, two, three],
    [one, two, three, end],
    [begin, one, "", two, three, end],
    [begin, one, two, three, end, ""],
    [begin, one, two, three, end, "more"],
    [begin, ` ${one}`, two, three, end],
    [begin, one.toLowerCase(), two, three, end],
  ]) {
    assert.throws(
      () => read(utf8(`${lines.join("\n")}\n`)),
      (error) => isTalosError(error, "RECOVERY_KIT_DAMAGED"),
    );
  }
});

test("line ends of another system are taken, if all are", () => {
  const text = `above\n${decodeUtf8(armour(TITLE, new Uint8Array(60), nodeCrypto))}`;
  const { preamble, content } = read(utf8(text.replaceAll("\n", "\r\n")));
  assert.deepEqual([preamble, content.length], ["above\n", 60]);
  const begin = text.indexOf("-----BEGIN");
  const mixed = text.slice(0, begin) + text.slice(begin).replace("\n", "\r\n");
  assert.equal(lineOf(mixed), undefined);
});
