// Lint rule: what the packages throw is a TalosError with a stable code, never a bare Error that a caller cannot tell apart.
import { nameOf, nodeIn, type Rule } from "./ast.ts";

export const bareError: Rule = {
  create: (context) => ({
    NewExpression: (node) => {
      if (nameOf(nodeIn(node, "callee") ?? node) === "Error") {
        context.report({ node, message: "a bare Error has no stable code; use talosError(code)" });
      }
    },
  }),
};
