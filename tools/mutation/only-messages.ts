/**
 * Leaves out mutants that change nothing but the words for people: the text of an error, the message of a finding. What
 * a program can tell apart (codes, details, hints) stays in. Loaded by Stryker as a plugin; knows its syntax trees alone.
 */
interface Node {
  readonly type: string;
  readonly name?: string;
  readonly key?: Node;
  readonly value?: unknown;
  readonly id?: Node;
  readonly init?: Node;
  readonly callee?: Node;
  readonly arguments?: readonly Node[];
}

interface Path {
  readonly node: Node;
  readonly parent?: Node;
}

function shouldIgnore({ node, parent }: Path): string | undefined {
  if (parent === undefined) return undefined;
  const isErrorText = parent.type === "CallExpression" && parent.callee?.name === "talosError" && parent.arguments?.[1] === node;
  const isMessage = (parent.key ?? parent.id)?.name === "message" && (parent.value ?? parent.init) === node;
  return isErrorText || isMessage ? "words for people" : undefined;
}

export const strykerPlugins: readonly object[] = [{ kind: "Ignore", name: "only-messages", value: { shouldIgnore } }];
