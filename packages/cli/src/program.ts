/**
 * The command's grammar: verbs, arguments and options. What a verb does stands in `verbs/`, loaded when it is called,
 * so that `talos --help` starts as fast as a bare Node.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import type { CommonChoices, Verb } from "./command-context.ts";

/** Runs a verb with its choices: `main` supplies output, signals and exit codes. */
export type Dispatch = <Choices extends CommonChoices>(verb: Verb<Choices>, choices: Choices) => Promise<void>;

const ALLOW_WEAK_PASSWORD = ["--allow-weak-password", "take a password that can be guessed, for a trial"] as const;
const KIT_PASSWORD_FILE = [
  "--recovery-kit-password-file <path>",
  "file that holds the kit's own password (else TALOS_RECOVERY_KIT_PASSWORD, or a prompt)",
] as const;

export function buildProgram(dispatch: Dispatch): Command {
  const program = new Command("talos")
    .description("Keys and end-to-end encrypted messages for autonomous agents")
    .helpCommand(false)
    .showHelpAfterError(false)
    .addHelpText(
      "after",
      "\nPasswords come from --password-file, TALOS_KEY_PASSWORD, the systemd credential talos-key-password or a prompt; never from an\nargument. A key file (--key-file) or a systemd credential (--credential, or talos-unlock-key) opens an agent without a password.\nExit codes: 0 done, 1 failed, 2 usage, 3 wrong password, 4 not found, 5 refused, 6 busy, 7 directory unreachable;\nof doctor: 10 warnings, 11 errors, 12 the agent cannot be opened.",
    );

  common(
    program
      .command("init")
      .argument("<name>", "name of the agent, for people")
      .description("make an agent: its identity, its keys, its data directory"),
  )
    .option("--directory <url>", "home directory of the agent, http(s)://host[:port]")
    .option("--recovery-kit <file>", "make a recovery kit there: it takes the identity back after theft or loss (asked for on a terminal)")
    .option("--no-recovery-kit", "make none")
    .option(...KIT_PASSWORD_FILE)
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (name: string, choices: CommonChoices) => {
      const { init } = await import("./verbs/init.ts");
      await dispatch(init, { ...choices, name });
    });

  common(program.command("whoami").description("the agent's id, address and identity key")).action(async (choices: CommonChoices) => {
    const { whoami } = await import("./verbs/whoami.ts");
    await dispatch(whoami, choices);
  });

  common(
    program.command("status").description("the key table, stock of prekeys, sessions, outbox; reads only, works beside a running agent"),
  ).action(async (choices: CommonChoices) => {
    const { status } = await import("./verbs/status.ts");
    await dispatch(status, choices);
  });

  common(
    program
      .command("send")
      .argument("<peer>", "did:talos:z...[@host[:port]]")
      .argument("[text]", "the message; without it and without --file, standard input")
      .description("send a message or a file"),
  )
    .option("--file <path>", "send this file's bytes")
    .option("--content-type <type>", "media type of the body")
    .addOption(new Option("--sign <key>", "key that signs the message").choices(["instance", "identity", "none"]))
    .addOption(
      new Option("--wait-for <state>", "fail (exit 7) where the message has not got as far in time").choices(["deposited", "delivered"]),
    )
    .addOption(secondsOption("--timeout <seconds>", "how long to try before leaving it to the outbox", 10))
    .action(async (peer: string, text: string | undefined, choices: CommonChoices) => {
      const { send } = await import("./verbs/send.ts");
      await dispatch(send, { ...choices, peer, text });
    });

  common(program.command("receive").description("read waiting messages, acknowledge them, and end; or go on with --follow"))
    .option("--follow", "go on until stopped; with --json a document a line")
    .option("--output-dir <path>", "write each body to a file there, named by message id")
    .addOption(secondsOption("--wait <seconds>", "how long to wait for a first message", 0))
    .action(async (choices: CommonChoices) => {
      const { receive } = await import("./verbs/receive.ts");
      await dispatch(receive, choices);
    });

  const peers = group(program, "peers", "the agents that this agent knows");
  common(peers.command("list").description("all known agents")).action(async (choices: CommonChoices) => {
    const { listPeers } = await import("./verbs/peers.ts");
    await dispatch(listPeers, choices);
  });
  common(peers.command("show").argument("<peer>", "agent id, address or name").description("what is known of one agent")).action(
    async (peer: string, choices: CommonChoices) => {
      const { showPeer } = await import("./verbs/peers.ts");
      await dispatch(showPeer, { ...choices, peer });
    },
  );
  common(
    peers
      .command("add")
      .argument("<peer>", "did:talos:z...[@host[:port]]")
      .description("fetch and remember an agent before the first message"),
  )
    .option("--name <name>", "name for people, known only here")
    .action(async (peer: string, choices: CommonChoices) => {
      const { addPeer } = await import("./verbs/peers.ts");
      await dispatch(addPeer, { ...choices, peer });
    });

  common(
    program
      .command("passwd")
      .description("change the password; the old one comes from the usual sources or a prompt, copies made before still open with it"),
  )
    .option("--new-password-file <path>", "file that holds the new password (else TALOS_NEW_KEY_PASSWORD, or a prompt)")
    .option("--rekey", "make a new vault key too and seal everything anew; all other ways in end")
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (choices: CommonChoices) => {
      const { passwd } = await import("./verbs/passwd.ts");
      await dispatch(passwd, choices);
    });

  const slots = group(program, "slots", "the ways into the data directory: passwords, key files, systemd credentials, up to 8");
  common(slots.command("list").description("all of them; reads only, works beside a running agent")).action(
    async (choices: CommonChoices) => {
      const { listSlots } = await import("./verbs/slots.ts");
      await dispatch(listSlots, choices);
    },
  );
  common(slots.command("add").description("add a password (asked for unless given), a key file or a systemd credential"))
    .option("--new-password-file <path>", "file that holds the password to add (else TALOS_NEW_KEY_PASSWORD, or a prompt)")
    .option("--new-key-file <path>", "key file to add, 32 to 1024 random bytes, 0600")
    .option("--generate", "make the new key file, of 32 random bytes")
    .option("--new-credential <name>", "systemd credential to add, 32 to 1024 random bytes")
    .option("--label <text>", "a name for people, at most 64 bytes")
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (choices: CommonChoices) => {
      const { addSlot } = await import("./verbs/slots.ts");
      await dispatch(addSlot, choices);
    });
  common(slots.command("remove").argument("<number>", "as slots list shows it").description("take one away; the last one stays")).action(
    async (number: string, choices: CommonChoices) => {
      const { removeSlot } = await import("./verbs/slots.ts");
      await dispatch(removeSlot, { ...choices, number });
    },
  );

  addAuditCommands(program, dispatch);
  addSignatureCommands(program, dispatch);

  const kit = group(program, "recovery-kit", "the kit that takes an identity back after theft or loss");
  common(
    kit
      .command("create")
      .argument("<file>", "where it is written, best on another medium")
      .description("give a kit to an agent that has none; one event of its identity"),
  )
    .option(...KIT_PASSWORD_FILE)
    .option("--offline", "make the event without the directory; another copy of the agent could then make one in its place")
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (file: string, choices: CommonChoices) => {
      const { createKit } = await import("./verbs/recovery-kit.ts");
      await dispatch(createKit, { ...choices, file });
    });
  common(
    kit.command("check").argument("<file>").description("prove that a kit opens and is the one in force; works beside a running agent"),
  )
    .option(...KIT_PASSWORD_FILE)
    .action(async (file: string, choices: CommonChoices) => {
      const { checkKit } = await import("./verbs/recovery-kit.ts");
      await dispatch(checkKit, { ...choices, file });
    });
  outputOptions(kit.command("split").argument("<file>").description("make shares of a kit, any few of which give it back"))
    .addOption(countOption("--shares <number>", "how many are made, 2 to 255", 5))
    .addOption(countOption("--threshold <number>", "how many give the kit back", 3))
    .option("--output-dir <path>", "folder for the shares", ".")
    .option(...KIT_PASSWORD_FILE)
    .action(async (file: string, choices: CommonChoices & { shares: number; threshold: number; outputDir: string }) => {
      const { splitKit } = await import("./verbs/recovery-kit.ts");
      await dispatch(splitKit, { ...choices, file });
    });
  outputOptions(
    kit.command("join").argument("<shares...>", "files of shares").description("make a kit of shares again, under a new password"),
  )
    .option("--output <file>", "where the kit is written")
    .option(...KIT_PASSWORD_FILE)
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (files: readonly string[], choices: CommonChoices) => {
      const { joinShares } = await import("./verbs/recovery-kit.ts");
      await dispatch(joinShares, { ...choices, files });
    });

  common(program.command("doctor").description("examine a data directory; reads only, works beside a running agent and on a broken folder"))
    .option("--rescue", "rebuild a destroyed state.db from the key files and metadata.json")
    .option("--directory <url>", "with --rescue: home directory of the agent (else the one in metadata.json)")
    .action(async (choices: CommonChoices & { rescue?: boolean; directory?: string }) => {
      const { doctor } = await import("./verbs/doctor.ts");
      await dispatch(doctor, choices);
    });

  const directory = group(program, "directory", "the untrusted server between agents");
  outputOptions(directory.command("serve").description("serve a directory until stopped"))
    .option("--listen <host:port>", "address to listen on; port 0 takes a free one", "127.0.0.1:8420")
    .option("--store <store>", "sqlite:PATH", "sqlite:talos-directory.db")
    .option("--public-authority <host[:port]>", "name under which agents reach it, behind a proxy; repeatable", collect, [])
    .action(async (choices: CommonChoices) => {
      const { serveDirectory } = await import("./verbs/directory-serve.ts");
      await dispatch(serveDirectory, choices);
    });
  outputOptions(
    directory.command("stock").description("what a directory's database holds: agents, prekeys in stock, mailboxes; reads only"),
  )
    .option("--store <store>", "sqlite:PATH", "sqlite:talos-directory.db")
    .action(async (choices: CommonChoices) => {
      const { directoryStock } = await import("./verbs/directory-stock.ts");
      await dispatch(directoryStock, choices);
    });

  outputOptions(program.command("demo").description("two agents and a directory, in processes of their own, from start to end"))
    .option("--file <path>", "send this file instead of a made one")
    .option("--keep", "leave the folder and say where it is")
    .action(async (choices: CommonChoices) => {
      const { demo } = await import("./verbs/demo.ts");
      await dispatch(demo, choices);
    });

  return program;
}

function addAuditCommands(program: Command, dispatch: Dispatch): void {
  const audit = group(program, "audit", "what happened to the agent and its keys: on record, signed, and checkable by anybody");
  common(audit.command("show").description("the entries, oldest first; reads only, works beside a running agent"))
    .option("--after <entry>", "only entries after that one")
    .option("--limit <count>", "at most so many (default: 1000)")
    .action(async (choices: CommonChoices) => {
      const { showAudit } = await import("./verbs/audit.ts");
      await dispatch(showAudit, choices);
    });
  common(
    audit
      .command("verify")
      .argument("[file]", "an export, from anywhere; without it the agent's own record")
      .description("whether it is what was signed: exit 0, or 5"),
  )
    .option("--agent <did>", "with a file: whose it has to be")
    .action(async (file: string | undefined, choices: CommonChoices) => {
      const { verifyAudit } = await import("./verbs/audit.ts");
      await dispatch(verifyAudit, { ...choices, file });
    });
  common(audit.command("export").description("a copy in JSON Lines that anybody can check with talos audit verify FILE"))
    .option("--out <path>", "a new file (default: standard output)")
    .option("--renew", "open the agent and have a fresh certificate cover the newest entries first")
    .action(async (choices: CommonChoices) => {
      const { exportAudit } = await import("./verbs/audit.ts");
      await dispatch(exportAudit, choices);
    });
  common(audit.command("review").description("what the keys did since some day, sorted for a person"))
    .requiredOption("--since <time>", "2026-11-24, 2026-11-24T15:37Z, or how long ago: 90m, 12h, 7d, 2w")
    .action(async (choices: CommonChoices & { since: string }) => {
      const { reviewAudit } = await import("./verbs/audit.ts");
      await dispatch(reviewAudit, choices);
    });
  common(
    audit
      .command("prove")
      .argument("<file>", "a signature that this agent made")
      .description("print the proof that it was on record when its key ended"),
  ).action(async (signature: string, choices: CommonChoices) => {
    const { proveSignature } = await import("./verbs/audit.ts");
    await dispatch(proveSignature, { ...choices, signature });
  });
}

function addSignatureCommands(program: Command, dispatch: Dispatch): void {
  const namespace = ["--namespace <name>", "what it is for, 1 to 64 visible characters: it counts there and nowhere else"] as const;
  common(
    program
      .command("sign")
      .argument("[file]", "what to sign; without it, standard input")
      .description("sign with the identity key, on record; prints the signature as one line"),
  )
    .requiredOption(...namespace)
    .action(async (file: string | undefined, choices: CommonChoices & { namespace: string }) => {
      const { sign } = await import("./verbs/sign.ts");
      await dispatch(sign, { ...choices, file });
    });
  common(
    program
      .command("verify")
      .argument("[file]", "what was signed; without it, standard input")
      .description("what a signature is worth: exit 0 where it is good, else 5"),
  )
    .requiredOption(...namespace)
    .requiredOption("--signature <file>", "the signature")
    .option("--proof <file>", "proof that it was on record when its key ended (talos audit prove)")
    .option("--signer <did>", "who has to have made it; with @host[:port] the log is asked for there")
    .option("--log <file>", "the signer's log: a JSON list, a metadata.json or an audit export; needs no agent")
    .option("--directory <url>", "a directory that has the signer's log; needs no agent")
    .option("--remember", "open the agent, ask the directories, and put on record here what is valid")
    .action(async (file: string | undefined, choices: CommonChoices & { namespace: string; signature: string }) => {
      const { verify } = await import("./verbs/verify.ts");
      await dispatch(verify, { ...choices, file });
    });
}

/** Options of commands that touch an agent. */
function common(command: Command): Command {
  return outputOptions(command)
    .option("--data-dir <path>", "the agent's data directory (default: TALOS_DATA_DIR, else $XDG_DATA_HOME/talos/NAME)")
    .option("--password-file <path>", "file that holds the password; one trailing newline is dropped")
    .option("--key-file <path>", "file of 32 to 1024 random bytes that opens the agent instead of a password")
    .option("--credential <name>", "systemd credential of 32 to 1024 random bytes that opens the agent instead of a password");
}

function outputOptions(command: Command): Command {
  return command.option("--json", "print one JSON document").option("--quiet", "no remarks on standard error");
}

function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).helpCommand(false);
}

function secondsOption(flags: string, description: string, fallback: number): Option {
  return new Option(flags, description).default(fallback).argParser(parseSeconds);
}

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

function countOption(flags: string, description: string, fallback: number): Option {
  return new Option(flags, description).default(fallback).argParser(parseCount);
}

function parseCount(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError("It takes a whole number.");
  return Number(text);
}

function parseSeconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("It takes a whole number of seconds.");
  return Number(text);
}
