export * from "./agent-bodies.ts";
export * from "./error-body.ts";
export { JsonReader, type JsonValue } from "./json-reader.ts";
export * from "./mailbox-bodies.ts";
export * from "./prekey-bodies.ts";
export * from "./query.ts";
export * from "./signed-request.ts";
