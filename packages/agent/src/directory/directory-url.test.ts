import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { parseDirectoryUrl, urlOfAuthority } from "./directory-url.ts";

test("one directory has one spelling", () => {
  assert.equal(parseDirectoryUrl("http://LOCALHOST:8420/"), "http://localhost:8420");
  assert.equal(parseDirectoryUrl("https://dir.example:443"), "https://dir.example");
  for (const text of ["", "dir.example", "http://a/b", "http://a?x=1", "http://a#f", "file:///x", "http://u:p@a"]) {
    assert.throws(
      () => parseDirectoryUrl(text),
      (error) => isTalosError(error, "INVALID_ARGUMENT"),
      text,
    );
  }
});

test("the host of an address becomes https, unless it is loopback or already known", () => {
  assert.equal(urlOfAuthority("dir.example", []), "https://dir.example");
  assert.equal(urlOfAuthority("127.0.0.1:8420", []), "http://127.0.0.1:8420");
  assert.equal(urlOfAuthority("[::1]:8420", []), "http://[::1]:8420");
  assert.equal(urlOfAuthority("dir.intern:8420", ["http://dir.intern:8420"]), "http://dir.intern:8420");
});
