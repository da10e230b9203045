// What the linter checks. The layers stand in tools/lint/layers.ts, our own rules in tools/lint/.
import { defineConfig, type OxlintOverride } from "oxlint";
import { LAYERS } from "./tools/lint/layers.ts";

const TESTS = ["**/*.test.ts", "packages/testkit/**", "tests/**", "tools/**", "bench/**", "examples/**", "*.config.ts"];

// Core takes time and randomness as arguments, and does nothing later.
const AMBIENT = ["Date", "performance", "crypto", "fetch", "console", "setTimeout", "setInterval", "setImmediate", "queueMicrotask"];
const BACK_DOOR = { object: "process", property: "getBuiltinModule", message: "an import that the layers do not see" };

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "node"],
  jsPlugins: ["./tools/lint/plugin.ts"],
  ignorePatterns: ["**/node_modules/**", "**/dist/**", "build/**"],
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: "error" },
  categories: { correctness: "error", suspicious: "error" },
  rules: {
    // A brand is put on by an assertion, after the check that earns it.
    "typescript/no-unsafe-type-assertion": "off",
    // Takes Fastify, which awaits its handlers, for Express, which does not.
    "oxc/no-async-endpoint-handlers": "off",
    // Sorting in place what was made a line before is fine.
    "unicorn/no-array-sort": "off",
    "unicorn/no-array-reverse": "off",
    "typescript/require-array-sort-compare": ["error", { ignoreStringArrays: true }],
    // A helper beside its only user reads better, also where it captures nothing.
    "unicorn/consistent-function-scoping": "off",
    // tsc knows that a switch over a union returns in each case; this rule does not.
    "typescript/consistent-return": "off",
    // A thread has no origin.
    "unicorn/require-post-message-target-origin": "off",
    "eslint/no-underscore-dangle": ["error", { allow: ["_handle"] }],
    "eslint/eqeqeq": "error",
    "eslint/no-var": "error",
    "eslint/prefer-const": "error",
    "import/no-cycle": ["error", { ignoreTypes: false }],
    "import/no-default-export": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": [
      "error",
      { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: ["test", "it", "describe", "suite"] }] },
    ],
    "typescript/no-misused-promises": "error",
    "typescript/only-throw-error": "error",
    "typescript/switch-exhaustiveness-check": "error",
    "unicorn/filename-case": ["error", { case: "kebabCase" }],
    "talos/bare-error": "error",
    "talos/database-files": "error",
    "talos/secret-comparison": "error",
  },
  overrides: [
    ...LAYERS.toReversed().map(({ files, restrictions }): OxlintOverride => ({
      files: [...files],
      rules: { "eslint/no-restricted-imports": ["error", { patterns: [...restrictions] }] },
    })),
    {
      files: ["packages/core/src/**"],
      rules: { "eslint/no-restricted-globals": ["error", ...AMBIENT], "eslint/no-restricted-properties": ["error", BACK_DOOR] },
    },
    { files: ["packages/core/src/primitives/**"], rules: { "eslint/no-restricted-properties": "off" } },
    {
      files: TESTS,
      rules: {
        "eslint/no-restricted-globals": "off",
        "eslint/no-restricted-properties": "off",
        "eslint/no-restricted-imports": "off",
        "talos/bare-error": "off",
        "talos/secret-comparison": "off",
      },
    },
    { files: ["*.config.ts", "tools/lint/plugin.ts"], rules: { "import/no-default-export": "off" } },
  ],
});
