/**
 * Every error the system can name: one plain sentence, one hint, one exit code. `docs/errors.md` lists the same
 * table (a test keeps them equal). Codes are stable: they may be added, never renamed or given another meaning.
 * Kept sorted. Knows nothing of where an error arises.
 *
 * Exit codes: 1 failed, 2 usage, 3 wrong password or key, 4 not found, 5 refused by policy, trust or a newer instance,
 * 6 busy, 7 directory unreachable.
 */
export interface ErrorDescription {
  /** One sentence for a person; never contains input. */
  readonly message: string;
  /** What the person can do next. */
  readonly hint: string;
  readonly exitCode: 1 | 2 | 3 | 4 | 5 | 6 | 7;
}

export const ERROR_CODES = {
  ABORTED: {
    exitCode: 1,
    message: "The operation was stopped before it finished.",
    hint: "Start it again; what was committed before is kept.",
  },
  AGENT_REVOKED: {
    exitCode: 5,
    message: "The agent's identity has been revoked.",
    hint: "Nothing more is taken from it or for it; its owner makes a new agent with talos init.",
  },
  AGENT_UNKNOWN: {
    exitCode: 4,
    message: "The directory does not know this agent.",
    hint: "Check the id and the directory; the agent has to be published there first.",
  },
  AUDIT_INVALID: {
    exitCode: 5,
    message: "The audit is not what was signed.",
    hint: "Somebody changed it, or it is not whole: compare with another copy, and find out who could write to it.",
  },
  BACKEND_FAILED: {
    exitCode: 1,
    message: "The key backend could not carry out the operation.",
    hint: "Look at the reason in the details; check the device and try once more.",
  },
  BACKEND_NOT_AVAILABLE: {
    exitCode: 1,
    message: "This key backend is not available here.",
    hint: 'Use the backend "software", or install what the details name.',
  },
  BACKUP_DAMAGED: {
    exitCode: 5,
    message: "The file is no whole backup: it is damaged, cut short, or no backup at all.",
    hint: "Take another copy; talos backup verify FILE says whether one is good.",
  },
  BACKUP_EXISTS: {
    exitCode: 1,
    message: "There is a file where the backup would be written.",
    hint: "Choose another path, or replace that file with --force.",
  },
  BACKUP_FOREIGN: {
    exitCode: 5,
    message: "The backup is another agent's.",
    hint: "Take the backup of this agent.",
  },
  BACKUP_KEY_FAILED: {
    exitCode: 5,
    message: "A key in the backup does not do what it must.",
    hint: "Make a new backup at once, and verify it; keep this one for whoever looks into it.",
  },
  BACKUP_KEY_NOT_INCLUDED: {
    exitCode: 5,
    message: "A key of the agent lives in hardware and is not in the backup, and that hardware is not here.",
    hint: "Attach the hardware that holds the key, or recover with the recovery kit, which replaces it.",
  },
  BACKUP_OUTDATED: {
    exitCode: 5,
    message: "The agent's identity has moved on since the backup was made: its keys count no more.",
    hint: "Recover with the recovery kit too (--recovery-kit FILE), or from a newer backup; destroy this one afterwards.",
  },
  BACKUP_PASSWORD_REUSED: {
    exitCode: 5,
    message: "The backup's password opens the data directory too, or two ways into the backup are the same.",
    hint: "Take another one: whoever learns one of them must not have the other.",
  },
  BACKUP_TOO_LARGE: {
    exitCode: 1,
    message: "The backup would be larger than a backup may be, without any stranger in it.",
    hint: "Forget verified or blocked peers with long logs; the details name the largest. Where the audit alone is too long, the recovery kit is what brings the agent back.",
  },
  BACKUP_WRONG_PASSWORD: {
    exitCode: 3,
    message: "The password does not open the backup.",
    hint: "Take the password that was given when the backup was made, not the one of the data directory.",
  },
  BATCH_EXPIRED: {
    exitCode: 5,
    message: "The prekey batch is outside its validity.",
    hint: "Fetch it again; the peer has to come online and publish a new one.",
  },
  BATCH_INVALID: {
    exitCode: 5,
    message: "The prekey batch does not fit its statements.",
    hint: "Make the batch anew and publish it again.",
  },
  BATCH_RETIRED: {
    exitCode: 5,
    message: "The prekey batch was made under an identity key that has been rotated since.",
    hint: "Fetch it again; an agent that rotated publishes a new one by itself.",
  },
  BATCH_STALE: {
    exitCode: 5,
    message: "A newer prekey batch is published already.",
    hint: "Read the published one and make the next batch on top of it.",
  },
  BATCH_VOID: {
    exitCode: 5,
    message: "The prekey batch was made under an identity key that its agent has declared compromised, or after which it was revoked.",
    hint: "Fetch it again; the agent publishes a new one when it rotates.",
  },
  BUNDLE_INVALID: {
    exitCode: 5,
    message: "The prekey bundle does not match the peer's signed batch.",
    hint: "Fetch it again; if it happens again, do not trust this directory.",
  },
  CERTIFICATE_CONFLICT: {
    exitCode: 5,
    message: "Another instance is registered under the same generation.",
    hint: "Two copies of this agent exist; stop one, then open the other again.",
  },
  CERTIFICATE_EXPIRED: {
    exitCode: 5,
    message: "The instance certificate is outside its validity.",
    hint: "Fetch a newer one; check the clocks of both machines.",
  },
  CERTIFICATE_INVALID: {
    exitCode: 5,
    message: "The instance certificate does not belong to this agent's log.",
    hint: "Fetch it again; if it happens again, do not trust its source.",
  },
  CERTIFICATE_RETIRED: {
    exitCode: 5,
    message: "The instance certificate was made under an identity key that has been rotated since.",
    hint: "Fetch the agent's newest certificate; an agent that rotated makes one by itself.",
  },
  CERTIFICATE_UNKNOWN: {
    exitCode: 5,
    message: "The directory has no certificate for this instance.",
    hint: "Register the certificate first; an open client does it by itself.",
  },
  CERTIFICATE_VOID: {
    exitCode: 5,
    message:
      "The instance certificate was made under an identity key that its agent has declared compromised, or after which it was revoked.",
    hint: "Nothing made under that key counts any more; fetch the agent's newest certificate.",
  },
  CLIENT_CLOSED: {
    exitCode: 1,
    message: "The client is closed.",
    hint: "Open the agent again.",
  },
  CLOCK_IMPLAUSIBLE: {
    exitCode: 1,
    message: "The machine's clock cannot be right.",
    hint: "Set the clock, then try again.",
  },
  COMMIT_FAILED: {
    exitCode: 1,
    message: "The change could not be written to the data directory, and nothing was sent.",
    hint: "Check free space and that the file system is writable, then try again.",
  },
  CONFIRMATION_REQUIRED: {
    exitCode: 2,
    message: "This cannot be undone and was not confirmed.",
    hint: "Repeat the command with the confirmation that it asks for.",
  },
  COUNTER_REUSE: {
    exitCode: 5,
    message: "Two different messages claim one place of one session.",
    hint: "A copy of the peer or of its data may exist; both messages' ids are kept as evidence.",
  },
  CREDENTIAL_NOT_FOUND: {
    exitCode: 4,
    message: "The systemd credential does not exist or cannot be read.",
    hint: "Give it to the service with LoadCredential=NAME:PATH or LoadCredentialEncrypted=NAME:PATH.",
  },
  DATA_DIR_NOT_EMPTY: {
    exitCode: 1,
    message: "The data directory is not empty, and a recovery writes into an empty one only.",
    hint: "Name a folder that is empty or does not exist yet.",
  },
  DECRYPTION_FAILED: {
    exitCode: 1,
    message: "The data could not be decrypted.",
    hint: "It is damaged, forged or not meant for this key; nothing was changed.",
  },
  DELIVERY_NOT_REACHED: {
    exitCode: 7,
    message: "The message is kept in the outbox but has not got as far as asked.",
    hint: "It goes out by itself once the directory and the peer can be reached; see talos status.",
  },
  DIGEST_MISMATCH: {
    exitCode: 1,
    message: "The body and its digest differ.",
    hint: "The request was changed on its way; send it again.",
  },
  DIRECTORY_BUSY: {
    exitCode: 7,
    message: "The directory is overloaded or stopping.",
    hint: "Wait and try again; what is in the outbox is kept.",
  },
  DIRECTORY_INTERNAL: {
    exitCode: 7,
    message: "The directory failed inside.",
    hint: "Try again later; the directory's operator finds the cause in its log.",
  },
  DIRECTORY_MISBEHAVED: {
    exitCode: 5,
    message: "The directory sent an answer that breaks the protocol.",
    hint: "Nothing was changed; check the address, or use another directory.",
  },
  DIRECTORY_NOT_CONFIGURED: {
    exitCode: 2,
    message: "This agent has no directory.",
    hint: "Give one with --directory URL or the option directory.",
  },
  DIRECTORY_REFUSED: {
    exitCode: 5,
    message: "The directory refused the request.",
    hint: "Look at the reason in the details.",
  },
  DIRECTORY_UNREACHABLE: {
    exitCode: 7,
    message: "The directory cannot be reached.",
    hint: "Check its address and that it runs; what is in the outbox is kept.",
  },
  FILE_EXISTS: {
    exitCode: 1,
    message: "The file exists already and is never overwritten.",
    hint: "Choose another path.",
  },
  FILE_NOT_FOUND: {
    exitCode: 4,
    message: "The file does not exist or cannot be read.",
    hint: "Check the path and its permissions.",
  },
  FINGERPRINT_MISMATCH: {
    exitCode: 5,
    message: "The digits are not those of this agent and this peer.",
    hint: "Read them out once more; if they differ, somebody stands between you: do not trust this peer.",
  },
  GENERATION_EXHAUSTED: {
    exitCode: 5,
    message: "Another copy of this agent has the highest generation there is, and none is above it.",
    hint: "Only a new event of the identity outranks it: talos emergency-rotate, best with the recovery kit.",
  },
  GENERATION_FENCED: {
    exitCode: 5,
    message: "Another process opened this data directory since, so this one may not write any more.",
    hint: "Stop this process; the newer one carries on.",
  },
  GENERATION_REGRESSED: {
    exitCode: 5,
    message: "The message comes from an older copy of the peer than one heard before it.",
    hint: "Refused: two copies of the peer may exist; ask its operator.",
  },
  HANDSHAKE_REFUSED: {
    exitCode: 5,
    message: "The first message's handshake does not fit this agent's keys or options.",
    hint: "The sender has to fetch a fresh prekey bundle and start again.",
  },
  HEAD_UNKNOWN: {
    exitCode: 5,
    message: "The structure names a log head that is not in the agent's log.",
    hint: "Fetch the log again; if it stays so, do not trust this data.",
  },
  IDENTITY_MOVED: {
    exitCode: 5,
    message: "The identity log has moved on since it was read.",
    hint: "Fetch the log again and repeat the change on its new head.",
  },
  INSTANCE_SUPERSEDED: {
    exitCode: 5,
    message: "A newer instance of this agent is running elsewhere.",
    hint: "Stop one of them; talos takeover makes this copy the living one.",
  },
  INTERNAL: {
    exitCode: 1,
    message: "Something happened that the program did not expect.",
    hint: "This is a fault of the program; please report it.",
  },
  INVALID_ARGUMENT: {
    exitCode: 2,
    message: "An argument has a value that is not allowed.",
    hint: "See the details for which one, and talos --help for what it takes.",
  },
  KDF_PARAMETERS_REFUSED: {
    exitCode: 5,
    message: "The password hashing parameters are outside the allowed bounds.",
    hint: "The file was made by something else or tampered with; use an untouched copy.",
  },
  KEY_FILE_CORRUPT: {
    exitCode: 1,
    message: "A key file is damaged or truncated.",
    hint: "Put back an untouched copy of this file, or recover from a backup.",
  },
  KEY_FILE_MISSING: {
    exitCode: 1,
    message: "A key file that the inventory names is missing.",
    hint: "Put back the file, or recover from a backup.",
  },
  KEY_FILE_SWAPPED: {
    exitCode: 1,
    message: "A key file holds another key than its name says.",
    hint: "Put the files back under their own names, or recover from a backup.",
  },
  KEY_NOT_FOUND: {
    exitCode: 4,
    message: "There is no key with this id.",
    hint: "See talos status for the keys there are.",
  },
  LAST_SLOT: {
    exitCode: 5,
    message: "This is the last way into the vault; without it nobody could open it any more.",
    hint: "Add another one first, with talos slots add.",
  },
  LISTEN_FAILED: {
    exitCode: 1,
    message: "The server cannot listen on this address.",
    hint: "Choose another address or port, or stop what uses it.",
  },
  LOG_INVALID: {
    exitCode: 5,
    message: "The identity log does not verify.",
    hint: "Fetch it from another source; if it stays so, do not trust this agent.",
  },
  MAILBOX_FULL: {
    exitCode: 5,
    message: "The recipient's mailbox is full.",
    hint: "The message is kept and tried again later.",
  },
  MALFORMED: {
    exitCode: 1,
    message: "The data does not have the form that it must have.",
    hint: "It is damaged or made by something else; nothing was changed.",
  },
  MESSAGE_TOO_LARGE: {
    exitCode: 2,
    message: "The message is larger than 10,000,000 bytes.",
    hint: "Split it, or send a reference to it.",
  },
  NOT_YOURS: {
    exitCode: 5,
    message: "The request is about another agent's data.",
    hint: "Only the owner may do this.",
  },
  NO_PREKEYS: {
    exitCode: 5,
    message: "The directory has no valid prekeys of this agent.",
    hint: "The message waits until the peer has published new ones.",
  },
  OWNER_FOREIGN: {
    exitCode: 5,
    message: "A file of the data directory belongs to another user.",
    hint: "Give it to the user that runs the agent: chown -R USER DIRECTORY.",
  },
  PASSWORD_REQUIRED: {
    exitCode: 2,
    message: "A password is needed and none was given.",
    hint: "Use --password-file FILE, --key-file FILE, TALOS_KEY_PASSWORD, or run it on a terminal.",
  },
  PASSWORD_UNCHANGED: {
    exitCode: 5,
    message: "The new password is the same as the old one.",
    hint: "Take another one; nothing was changed.",
  },
  PAYLOAD_TOO_LARGE: {
    exitCode: 2,
    message: "The request is larger than the directory takes.",
    hint: "Send less at once.",
  },
  PEER_BLOCKED: {
    exitCode: 5,
    message: "This peer is blocked.",
    hint: "See talos peers show; nothing is sent to a blocked peer or taken from it.",
  },
  PEER_FORKED: {
    exitCode: 5,
    message: "The peer's identity log has forked.",
    hint: "Ask the peer over another channel which history is its own; then accept the one seen first, or forget the peer and add it again.",
  },
  PEER_HAS_MESSAGES: {
    exitCode: 5,
    message: "Messages to this peer have not been delivered yet.",
    hint: "Wait until they are delivered, or say that they are to be thrown away.",
  },
  PEER_HEAD_STALE: {
    exitCode: 5,
    message: "What is known of the peer's identity is too old to send under.",
    hint: "It is fetched again by itself once the directory has a fresh certificate.",
  },
  PEER_LOG_TOO_LONG: {
    exitCode: 5,
    message: "An agent that is not known here has a longer log than is verified for a stranger.",
    hint: "If you want to hear from it, add it with talos peers add; what it sent comes again.",
  },
  PEER_REVOKED: {
    exitCode: 5,
    message: "The peer has ended its identity.",
    hint: "Nothing can be sent to it any more; ask its owner which agent has taken its place.",
  },
  PEER_UNKNOWN: {
    exitCode: 4,
    message: "No agent with this name or id is known.",
    hint: "Check the id, or add the peer with talos peers add.",
  },
  PEER_UNVERIFIED: {
    exitCode: 5,
    message: "This peer's identity has not been verified, and the policy of this agent asks for that.",
    hint: "Compare the fingerprint with the peer over another channel, then talos peers verify.",
  },
  PERMISSIONS_TOO_OPEN: {
    exitCode: 5,
    message: "The permissions of the data directory are too open.",
    hint: "Run: chmod -R u=rwX,go= DIRECTORY.",
  },
  PLAN_BLOCKED: {
    exitCode: 1,
    message: "An earlier operation on the identity is not finished yet.",
    hint: "See talos status; it resumes by itself at the next open.",
  },
  PREKEY_ID_REUSED: {
    exitCode: 5,
    message: "A new prekey has an id that was used before.",
    hint: "Make new prekeys and publish them.",
  },
  PREKEY_NOT_FOUND: {
    exitCode: 1,
    message: "The prekey of this first message is not held any more.",
    hint: "The sender has to start a new session.",
  },
  PREKEY_REUSED: {
    exitCode: 5,
    message: "A one-time prekey was used a second time.",
    hint: "Refused; the sender has to start a new session.",
  },
  PREKEY_UNKNOWN: {
    exitCode: 5,
    message: "The directory does not know a prekey that the batch carries over.",
    hint: "Publish it as a new one, or leave it out.",
  },
  PROOF_NOT_POSSIBLE: {
    exitCode: 1,
    message: "There is nothing to prove about this signature, or nothing to prove it with.",
    hint: "The reason in the details says which; see talos audit show for what is on record.",
  },
  RATE_LIMITED: {
    exitCode: 5,
    message: "Too many requests in a short time.",
    hint: "Wait and try again.",
  },
  RECOVERY_KIT_DAMAGED: {
    exitCode: 1,
    message: "The recovery kit is damaged or cut short.",
    hint: "Use another copy of it; a line that was typed wrongly is named in the details.",
  },
  RECOVERY_KIT_EXISTS: {
    exitCode: 1,
    message: "There is a file where the recovery kit would be written, and a kit is never overwritten.",
    hint: "Choose another path; the file there may be a kit that an agent still needs.",
  },
  RECOVERY_KIT_FOREIGN: {
    exitCode: 5,
    message: "The recovery kit belongs to another agent.",
    hint: "Take the kit that names this agent.",
  },
  RECOVERY_KIT_IN_FORCE: {
    exitCode: 5,
    message: "The agent has a recovery kit already.",
    hint: "Prove it with talos recovery-kit check; only the kit itself can be replaced by another one, in a recovery.",
  },
  RECOVERY_KIT_NOT_IN_FORCE: {
    exitCode: 5,
    message: "The agent's identity log does not commit to a key of this recovery kit.",
    hint: "The kit was never put in force, or another one has replaced it; take the one that is in force.",
  },
  RECOVERY_KIT_PASSWORD_REUSED: {
    exitCode: 5,
    message: "The recovery kit's password opens the data directory too.",
    hint: "Take another one: whoever learns the agent's password must not have the kit's.",
  },
  RECOVERY_KIT_WRONG_PASSWORD: {
    exitCode: 3,
    message: "The password of the recovery kit is wrong.",
    hint: "Try again; the kit has a password of its own, not the agent's. Nothing was changed.",
  },
  RECOVERY_SHARES_MIXED: {
    exitCode: 1,
    message: "The shares are not of one set.",
    hint: "Take shares with the same set name; every split makes a set of its own.",
  },
  RECOVERY_SHARES_TOO_FEW: {
    exitCode: 1,
    message: "There are fewer shares than it takes.",
    hint: "The details say how many it takes; add shares of the same set.",
  },
  RECOVERY_SHARES_WRONG: {
    exitCode: 5,
    message: "The shares do not give the seed that was split.",
    hint: "One of them was made up or changed on purpose; try with others of the same set.",
  },
  RECOVERY_SHARE_DAMAGED: {
    exitCode: 1,
    message: "A share is damaged or cut short.",
    hint: "Use another copy of it, or another share; a line that was typed wrongly is named in the details.",
  },
  RECOVERY_SHARE_REPEATED: {
    exitCode: 1,
    message: "One share was given twice.",
    hint: "Give different shares; each bears its number.",
  },
  RECOVERY_UNCHECKED: {
    exitCode: 5,
    message: "The agent was recovered, and its directory has not said yet that it may act: until then nothing leaves it.",
    hint: "It goes on by itself once the directory answers; talos status says what is in the way.",
  },
  REPLAYED: {
    exitCode: 5,
    message: "This was received before and is not accepted again.",
    hint: "Nothing needs to be done.",
  },
  REPORT_NOT_FOUND: {
    exitCode: 4,
    message: "There is no report: this agent has had no emergency rotation.",
    hint: "Use talos audit review --since TIME to see what its keys did.",
  },
  REQUEST_EXPIRED: {
    exitCode: 5,
    message: "The request's time is too far from the server's.",
    hint: "Set the machine's clock, then try again.",
  },
  REQUEST_REPLAYED: {
    exitCode: 5,
    message: "The request was received before.",
    hint: "Sign a new request.",
  },
  RESCUE_NOT_NEEDED: {
    exitCode: 1,
    message: "The data directory's database is sound, so there is nothing to rescue.",
    hint: "Open the agent as usual; talos doctor says what else may be wrong.",
  },
  RESCUE_NOT_POSSIBLE: {
    exitCode: 1,
    message: "What is needed to rebuild the database is not there.",
    hint: "Put back what the details name from an untouched copy of the folder, or recover from a backup; nothing was changed.",
  },
  ROUTE_UNKNOWN: {
    exitCode: 4,
    message: "The directory has no such address.",
    hint: "Check the URL; the directory may be an older version.",
  },
  SECRET_DISPOSED: {
    exitCode: 1,
    message: "A secret was used after it had been wiped.",
    hint: "Open the agent again; if it happens again, please report it.",
  },
  SESSION_EXHAUSTED: {
    exitCode: 5,
    message: "The peer has not answered for as long as one session allows.",
    hint: "A new session is started by itself; the message goes out in it.",
  },
  SESSION_NOT_FOUND: {
    exitCode: 4,
    message: "There is no session for this message.",
    hint: "The sender has to start a new session.",
  },
  SIGNATURE_INVALID: {
    exitCode: 5,
    message: "A signature does not verify.",
    hint: "Do not use this data; fetch it again from its source.",
  },
  SIGNATURE_MISSING: {
    exitCode: 5,
    message: "The request needs a signature and has none.",
    hint: "Sign it as the protocol says.",
  },
  SLOTS_FULL: {
    exitCode: 5,
    message: "The vault has eight unlock slots already.",
    hint: "Remove one that is not needed any more: talos slots list, talos slots remove.",
  },
  SLOT_EXISTS: {
    exitCode: 5,
    message: "This password or key opens an unlock slot already.",
    hint: "Take another one, or go on with that slot: talos slots list.",
  },
  SLOT_NOT_FOUND: {
    exitCode: 4,
    message: "There is no unlock slot with this number.",
    hint: "See talos slots list.",
  },
  STORAGE_FAILED: {
    exitCode: 1,
    message: "Reading or writing the data directory failed.",
    hint: "Check the disk, free space and permissions, then try again.",
  },
  SYMLINK_REFUSED: {
    exitCode: 5,
    message: "A path of the data directory is a symbolic link.",
    hint: "Replace the link by the real file or folder.",
  },
  TOO_MANY_SKIPPED: {
    exitCode: 5,
    message: "The message is too far ahead in its chain.",
    hint: "Nothing was changed; the sender has to start a new session.",
  },
  UNKNOWN_COMMAND: {
    exitCode: 2,
    message: "There is no such command.",
    hint: "See talos --help.",
  },
  UNKNOWN_OPTION: {
    exitCode: 2,
    message: "There is no such option.",
    hint: "Check its spelling; see talos --help.",
  },
  UNSUPPORTED_ALGORITHM: {
    exitCode: 1,
    message: "The algorithm of this key or signature is not supported here.",
    hint: "Use a newer version of Talos Keys, or another key.",
  },
  UNSUPPORTED_EXTENSION: {
    exitCode: 1,
    message: "The data uses a critical extension that this version does not know.",
    hint: "Use a newer version of Talos Keys.",
  },
  UNSUPPORTED_RUNTIME: {
    exitCode: 1,
    message: "This runtime lacks something that Talos Keys needs.",
    hint: "Use Node 24.21 or newer, built with OpenSSL 3.5.",
  },
  UNSUPPORTED_SUITE: {
    exitCode: 1,
    message: "The data uses a cipher suite that this version does not know.",
    hint: "Use a newer version of Talos Keys.",
  },
  UNSUPPORTED_VERSION: {
    exitCode: 1,
    message: "The data has a format version that this version does not know.",
    hint: "Use a newer version of Talos Keys.",
  },
  VAULT_CORRUPT: {
    exitCode: 1,
    message: "The data directory's database is damaged.",
    hint: "Run talos doctor; talos doctor --rescue rebuilds the database from the key files. Nothing was deleted.",
  },
  VAULT_EXISTS: {
    exitCode: 1,
    message: "The data directory holds an agent already.",
    hint: "Choose another --data-dir, or open the agent that is there.",
  },
  VAULT_FOREIGN: {
    exitCode: 5,
    message: "The data directory belongs to another agent.",
    hint: "Check --data-dir and the expected agent id.",
  },
  VAULT_LOCKED: {
    exitCode: 6,
    message: "Another process has this data directory open.",
    hint: "Stop that process first; status and whoami work beside it.",
  },
  VAULT_NOT_FOUND: {
    exitCode: 4,
    message: "There is no agent in this data directory.",
    hint: "Check --data-dir; talos init makes a new agent.",
  },
  WEAK_PASSWORD: {
    exitCode: 5,
    message: "The password is too weak.",
    hint: "Take five random words or twenty random characters; a key file needs no password at all.",
  },
  WEAK_PUBLIC_KEY: {
    exitCode: 5,
    message: "The public key is of small order or not canonical.",
    hint: "Refused: no honest key looks like this; do not trust its source.",
  },
  WRONG_PASSWORD: {
    exitCode: 3,
    message: "The password is wrong.",
    hint: "Try again; nothing was changed.",
  },
  WRONG_UNLOCK_KEY: {
    exitCode: 3,
    message: "The key file or credential opens no unlock slot.",
    hint: "Check which one this agent was given; nothing was changed.",
  },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Whether `value` is one of the codes, for codes that come from outside. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_CODES, value);
}
