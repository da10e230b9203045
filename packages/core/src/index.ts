export * from "./envelope/index.ts";
export * from "./identity/index.ts";
export * from "./instance/index.ts";
export * from "./keys/index.ts";
export * from "./prekeys/index.ts";
