// Lint rule: nothing opens `lock` or `state.db` through node:fs. POSIX drops a process's locks on a file as soon as the process
// closes any descriptor of it, so one fs.readFile of the lock lets a second process in. Only SQLite opens these files.
// Creating a file that must not exist yet ("wx") is allowed: nobody can hold a lock on it.
import { type AstNode, lastText, nameOf, nodeIn, nodesIn, type Rule, unwrap } from "./ast.ts";

const OPENERS = /^(open|openAsBlob|readFile|writeFile|appendFile|copyFile|cp|truncate|createReadStream|createWriteStream)(Sync)?$/;
const GUARDED_FILE = /(^|[\\/])(lock|state\.db)(-wal|-shm|-journal)?$/;
const GUARDED_NAME = /^(lock|state_?db|state_?database)(_?(file|path|name))*$/i;
const FS_MODULE = /^(node:)?fs(\/promises)?$/;

/** What an expression says of the path it makes, as far as can be read: join(folder, "lock"), `${folder}/lock`, lockPath. */
function isGuarded(node: AstNode, constants: ReadonlyMap<string, AstNode>, seen: ReadonlySet<AstNode> = new Set()): boolean {
  const inner = unwrap(node);
  if (seen.has(inner)) return false;
  const looked = new Set([...seen, inner]);
  const text = lastText(inner);
  if (text !== undefined) return GUARDED_FILE.test(text);
  if (inner.type === "BinaryExpression") {
    const right = nodeIn(inner, "right");
    return right !== undefined && isGuarded(right, constants, looked);
  }
  if (inner.type === "CallExpression" || inner.type === "NewExpression") {
    const last = nodesIn(inner, "arguments").at(-1);
    return last !== undefined && isGuarded(last, constants, looked);
  }
  const name = nameOf(inner);
  if (name === undefined) return false;
  const value = inner.type === "Identifier" ? constants.get(name) : undefined;
  return GUARDED_NAME.test(name) || (value !== undefined && isGuarded(value, constants, looked));
}

function createsOnly(call: AstNode): boolean {
  return nodesIn(call, "arguments")
    .slice(1)
    .some((argument) => /^[wa]x\+?$/.test(lastText(argument) ?? ""));
}

export const databaseFiles: Rule = {
  create: (context) => {
    const fromFs = new Set<string>();
    const constants = new Map<string, AstNode>();
    const calls: AstNode[] = [];
    return {
      ImportDeclaration: (node) => {
        if (!FS_MODULE.test(lastText(nodeIn(node, "source") ?? node) ?? "")) return;
        for (const specifier of nodesIn(node, "specifiers")) fromFs.add(nameOf(nodeIn(specifier, "local") ?? specifier) ?? "");
      },
      VariableDeclarator: (node) => {
        const name = nameOf(nodeIn(node, "id") ?? node);
        const value = nodeIn(node, "init");
        if (name !== undefined && value !== undefined) constants.set(name, value);
      },
      CallExpression: (node) => {
        calls.push(node);
      },
      "Program:exit": () => {
        for (const call of calls) {
          const callee = nodeIn(call, "callee");
          const target = callee?.type === "MemberExpression" ? nodeIn(callee, "object") : callee;
          if (callee === undefined || target === undefined || !fromFs.has(nameOf(target) ?? "")) continue;
          if (!OPENERS.test(nameOf(callee) ?? "") || createsOnly(call)) continue;
          if (
            nodesIn(call, "arguments")
              .slice(0, 2)
              .some((argument) => isGuarded(argument, constants))
          ) {
            context.report({
              node: call,
              message: "opens lock or state.db through node:fs, which drops the vault's lock; only SQLite may",
            });
          }
        }
      },
    };
  },
};
