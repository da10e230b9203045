// Our own lint rules, as the plugin that oxlint.config.ts loads under the name `talos`.
import type { Rule } from "./ast.ts";
import { bareError } from "./bare-error.ts";
import { databaseFiles } from "./database-files.ts";
import { secretComparison } from "./secret-comparison.ts";

interface Plugin {
  readonly meta: { readonly name: string };
  readonly rules: Readonly<Record<string, Rule>>;
}

const plugin: Plugin = {
  meta: { name: "talos" },
  rules: { "bare-error": bareError, "database-files": databaseFiles, "secret-comparison": secretComparison },
};

export default plugin;
