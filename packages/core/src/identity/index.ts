export * from "./event.ts";
export { decodeEventBody, type InceptionInput, type RevocationInput, type RotationInput } from "./event-codec.ts";
export * from "./log.ts";
export { logFromOwnStore } from "./own-store.ts";
export * from "./signed-event.ts";
export * from "./standing.ts";
export { chainWith, verifyLog, type LogVerdict } from "./verify-log.ts";
export { recoveryKeyAt } from "./recovery-key.ts";
