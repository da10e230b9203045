export * from "./accept.ts";
export * from "./header.ts";
export * from "./initiate.ts";
export * from "./secrets.ts";
export * from "./transcript.ts";
