export * from "./batch.ts";
export { batchTree, type BatchLeaf, type BatchTree, type PlacedStatement } from "./batch-tree.ts";
export * from "./bundle.ts";
export * from "./replacement.ts";
export * from "./statement.ts";
