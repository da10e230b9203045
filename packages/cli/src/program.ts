/**
 * The command's grammar: verbs, arguments and options. What a verb does stands in `verbs/`, loaded when it is called,
 * so that `talos --help` starts as fast as a bare Node.
 */
import { Command, Option } from "commander";
import type { CommonChoices } from "./command-context.ts";
import { addAuditCommands, addSignatureCommands } from "./grammar/audit.ts";
import { addBackupCommands } from "./grammar/backup.ts";
import { addEmergencyCommands } from "./grammar/emergency.ts";
import {
  ALLOW_WEAK_PASSWORD,
  collect,
  common,
  group,
  KIT_PASSWORD_FILE,
  outputOptions,
  secondsOption,
  type Dispatch,
} from "./grammar/parts.ts";
import { addPeerCommands } from "./grammar/peers.ts";
import { addRecoverCommand } from "./grammar/recover.ts";
import { addKitCommands } from "./grammar/recovery-kit.ts";
import { addRotationCommands } from "./grammar/rotation.ts";

export function buildProgram(dispatch: Dispatch): Command {
  const program = new Command("talos")
    .description("Keys and end-to-end encrypted messages for autonomous agents")
    .helpCommand(false)
    .showHelpAfterError(false)
    .addHelpText(
      "after",
      "\nPasswords come from --password-file, TALOS_KEY_PASSWORD, the systemd credential talos-key-password or a prompt; never from an\nargument. A key file (--key-file) or a systemd credential (--credential, or talos-unlock-key) opens an agent without a password.\nExit codes: 0 done, 1 failed, 2 usage, 3 wrong password, 4 not found, 5 refused, 6 busy, 7 directory unreachable;\nof doctor: 10 warnings, 11 errors, 12 the agent cannot be opened; of backup verify: 10 keep it, 11 destroy it.",
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

  addPeerCommands(program, dispatch);

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

  addRotationCommands(program, dispatch);
  addEmergencyCommands(program, dispatch);
  addKitCommands(program, dispatch);
  addBackupCommands(program, dispatch);
  addRecoverCommand(program, dispatch);
  addAuditCommands(program, dispatch);
  addSignatureCommands(program, dispatch);

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
