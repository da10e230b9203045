// Lint rule: whatever its name calls a secret is compared by secureCompare alone; `===`, `.equals()` and Buffer.compare take
// longer the more bytes agree. Goes by names, as a linter must: it catches the slip, not the disguise.
import { type AstNode, nameOf, nodeIn, nodesIn, type Rule, unwrap } from "./ast.ts";

const SECRET = /secret|private_?key|seed|password|passphrase|vault_?key|message_?key|chain_?key|root_?key/i;
// What is about a secret and is none: its length, where it comes from, what it is called.
const ABOUT =
  /(lengths?|size|count|number|source|file|path|option|kind|type|id|ids|name|label|state|slot|policy|index|version|public_?key)$/i;
// SEED_BYTES: what a constant holds is public.
const CONSTANT = /^[A-Z][A-Z0-9_]*$/;
const COMPARISONS: readonly unknown[] = ["==", "===", "!=", "!=="];
const COMPARERS: readonly string[] = ["compare", "equals", "equalBytes", "compareBytes", "isDeepStrictEqual", "localeCompare"];

const MESSAGE = "compares a secret in time that depends on it; use secureCompare";

function isSecret(node: AstNode): boolean {
  const inner = unwrap(node);
  if (inner.type === "CallExpression") {
    // revealSecret(x), secret.toString("hex"): the result is as secret as what went in.
    const callee = nodeIn(inner, "callee");
    if (callee === undefined) return false;
    const object = callee.type === "MemberExpression" ? nodeIn(callee, "object") : undefined;
    return nameOf(callee) === "revealSecret" || (object !== undefined && isSecret(object));
  }
  const name = nameOf(inner);
  return name !== undefined && SECRET.test(name) && !ABOUT.test(name) && !CONSTANT.test(name);
}

/** Absence, a kind, a length: no bytes of the secret are looked at. */
function isHarmless(node: AstNode): boolean {
  const inner = unwrap(node);
  if (inner.type === "UnaryExpression") return true;
  if (inner.type === "Literal") return typeof inner["value"] !== "string" || inner["value"] === "";
  const name = nameOf(inner);
  return name === "undefined" || name === "length" || name === "byteLength";
}

export const secretComparison: Rule = {
  create: (context) => ({
    BinaryExpression: (node) => {
      const sides = [nodeIn(node, "left"), nodeIn(node, "right")].filter((side) => side !== undefined);
      if (!COMPARISONS.includes(node["operator"]) || sides.some(isHarmless)) return;
      if (sides.some(isSecret)) context.report({ node, message: MESSAGE });
    },
    CallExpression: (node) => {
      const callee = nodeIn(node, "callee");
      if (callee === undefined || !COMPARERS.includes(nameOf(callee) ?? "")) return;
      const object = callee.type === "MemberExpression" ? nodeIn(callee, "object") : undefined;
      const compared = [...(object === undefined ? [] : [object]), ...nodesIn(node, "arguments")];
      if (compared.some(isSecret)) context.report({ node, message: MESSAGE });
    },
  }),
};
