export * from "./envelope.ts";
export * from "./frame.ts";
export * from "./message-signature.ts";
export * from "./notice.ts";
export * from "./padding.ts";
export * from "./proof.ts";
