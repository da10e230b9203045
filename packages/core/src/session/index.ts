export * from "./codec.ts";
export * from "./establish.ts";
export * from "./generations.ts";
export * from "./open.ts";
export * from "./seal.ts";
export * from "./session.ts";
