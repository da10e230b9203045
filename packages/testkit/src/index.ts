export * from "./directory/index.ts";
export * from "./outside-vectors.ts";
export { findSecrets, type FoundSecret, type RecordedSecret } from "./crypto/find-secrets.ts";
export { recordingCrypto, type RecordingCrypto, type RecordingCryptoOptions } from "./crypto/recording-crypto.ts";
export { scriptedCrypto, type RecordedEncapsulation, type ScriptedCrypto, type ScriptedCryptoOptions } from "./crypto/scripted-crypto.ts";
export { answerSession, beginSession, ProtocolAgent, type HeldPrekey, type ProtocolAgentOptions } from "./protocol/protocol-agent.ts";
export { Party, type SealOptions } from "./protocol/party.ts";
