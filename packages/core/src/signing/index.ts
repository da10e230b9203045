export * from "./judge-signature.ts";
export * from "./signature-proof.ts";
export * from "./user-signature.ts";
