export * from "./agent-id.ts";
export * from "./directory-url.ts";
export * from "./heads.ts";
export * from "./key-state.ts";
export * from "./labels.ts";
export * from "./public-key.ts";
export * from "./signed.ts";
export * from "./time.ts";
