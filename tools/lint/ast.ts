// The little that our lint rules need to know of a syntax tree; oxlint publishes no types for it.
// Knows no rule.

/** A node of the ESTree that oxlint hands to a rule. */
export interface AstNode {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface RuleContext {
  report(finding: { node: AstNode; message: string }): void;
}

/** A rule in ESLint's shape: one visitor per kind of node. */
export interface Rule {
  create(context: RuleContext): Record<string, (node: AstNode) => void>;
}

function isNode(value: unknown): value is AstNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

export function nodeIn(node: AstNode, field: string): AstNode | undefined {
  const value = node[field];
  return isNode(value) ? value : undefined;
}

export function nodesIn(node: AstNode, field: string): AstNode[] {
  const value = node[field];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** The expression inside `x!`, `x as T`, `(x)`, `a?.b`, `await x`. */
export function unwrap(node: AstNode): AstNode {
  const inner = ["TSNonNullExpression", "TSAsExpression", "TSSatisfiesExpression", "ParenthesizedExpression", "ChainExpression"];
  const next = inner.includes(node.type)
    ? nodeIn(node, "expression")
    : node.type === "AwaitExpression"
      ? nodeIn(node, "argument")
      : undefined;
  return next === undefined ? node : unwrap(next);
}

/** The name of an identifier, or of the property that a member expression ends in. */
export function nameOf(node: AstNode): string | undefined {
  const named = node.type === "MemberExpression" && node["computed"] !== true ? nodeIn(node, "property") : node;
  const isName = named?.type === "Identifier" || named?.type === "PrivateIdentifier";
  return isName && typeof named["name"] === "string" ? named["name"] : undefined;
}

/** The text of a string literal, or the last piece of a template. */
export function lastText(node: AstNode): string | undefined {
  if (node.type === "Literal") return typeof node["value"] === "string" ? node["value"] : undefined;
  if (node.type !== "TemplateLiteral") return undefined;
  const raw = nodesIn(node, "quasis").at(-1)?.["value"];
  return typeof raw === "object" && raw !== null && "cooked" in raw && typeof raw.cooked === "string" ? raw.cooked : undefined;
}
