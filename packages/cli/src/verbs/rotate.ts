/** `talos rotate signed-prekey|one-time-prekeys|identity`: replaces a key before somebody else makes it necessary. */
import { openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { formatTime } from "../output/moments.ts";
import { publishFirst } from "../output/publication.ts";

export interface RefillChoices extends CommonChoices {
  readonly count?: number;
}

export interface RotateIdentityChoices extends CommonChoices {
  readonly migrationDays?: number;
  /** commander's word for --no-notify. */
  readonly notify: boolean;
  readonly offline?: boolean;
}

export async function rotateSignedPrekey(choices: CommonChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using client = await openAgent(choices, context);
  const rotated = await client.rotateSignedPrekey();
  output.document(rotated);
  output.line(`New signed prekey ${rotated.keyId}, good until ${formatTime(rotated.expiresAt)} (${publicationOf(rotated)}).`);
  output.line("The one before stays for messages on their way, and is then destroyed by itself.");
}

export async function refillOneTimePrekeys(choices: RefillChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using client = await openAgent(choices, context);
  const filled = await client.replenishOneTimePrekeys(choices.count === undefined ? {} : { count: choices.count });
  output.document(filled);
  output.line(`${filled.made} one-time prekeys made, ${filled.stock} in stock (${publicationOf(filled)}).`);
}

export async function rotateIdentity(choices: RotateIdentityChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  const { migrationDays, notify, offline } = choices;
  await using client = await openAgent(choices, context);
  const before = client.identityKey;
  const rotated = await client.rotateIdentity({
    notifyPeers: notify,
    ...(migrationDays === undefined ? {} : { migrationDays }),
    ...(offline === true ? { offline } : {}),
  });
  const publication = await publishFirst(client);
  output.document({ before, ...rotated, publication });
  output.line(`generate   identity key ${rotated.identityKey}`);
  output.line(`sign       event ${rotated.seq} of the log, by the new key and by ${before}`);
  output.line(
    `notify     ${rotated.notified.length} of ${rotated.notified.length + rotated.pending.length} peers have acknowledged; talos status names the others`,
  );
  output.line(`accept     messages and handshakes under the old key until ${formatTime(rotated.migrationEndsAt)}`);
  output.line(`revoke     the old private key is destroyed (${publication})`);
}

function publicationOf({ published }: { readonly published: boolean }): string {
  return published ? "published" : "not published yet; a running agent goes on by itself";
}
