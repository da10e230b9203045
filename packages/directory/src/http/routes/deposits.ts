/** The depositor's side of a mailbox: one endpoint per kind, each with its own size. Signed by the depositor. */
import { depositAnswerToJson, parseNoQuery, talosError, type EnvelopeKind } from "@talos/core";
import type { FastifyInstance } from "fastify";
import { deposit, MAX_ITEM_BYTES } from "../../mailbox/mailbox.ts";
import { takeOctets } from "../bodies.ts";
import { agentOf, queryOf, type Endpoints } from "../endpoint.ts";
import { SIGNED } from "../openapi.ts";
import { answers, depositAnswer, didParams, octetBody } from "../schemas.ts";
import { markOf } from "../signed-hooks.ts";

const KINDS: readonly EnvelopeKind[] = ["message", "event", "notice"];

export function depositRoutes(app: FastifyInstance, { context, signed }: Endpoints): void {
  takeOctets(app);
  for (const kind of KINDS) {
    app.post(
      `/v1/mailboxes/:did/${kind}`,
      {
        ...signed,
        bodyLimit: MAX_ITEM_BYTES[kind],
        schema: {
          summary: `Deposit an item of kind ${kind}; signed by the depositor`,
          security: SIGNED,
          params: didParams,
          body: octetBody,
          response: answers(depositAnswer),
        },
      },
      async (request) => {
        parseNoQuery(queryOf(request));
        if (!(request.body instanceof Uint8Array)) throw talosError("MALFORMED", "There is nothing to deposit.");
        return depositAnswerToJson(await deposit(context, markOf(request), agentOf(request), kind, request.body));
      },
    );
  }
}
