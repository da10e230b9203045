/** The owner's side of a mailbox: fetch and acknowledge. Signed by the owner. */
import {
  acknowledgementsAnswerToJson,
  encodeMailboxPage,
  parseAcknowledgementsRequest,
  parseMailboxQuery,
  parseNoQuery,
} from "@talos/core";
import type { FastifyInstance, FastifyReply } from "fastify";
import { fetchMailbox } from "../../mailbox/mailbox.ts";
import { holdUntilAnswered, takeJson } from "../bodies.ts";
import { agentOf, queryOf, type Endpoints } from "../endpoint.ts";
import { SIGNED } from "../openapi.ts";
import { acknowledgementsAnswer, acknowledgementsBody, answers, cborAnswer, didParams, fetchQuery } from "../schemas.ts";
import { checkStillNewest, ownersMark } from "../signed-hooks.ts";

/** 256 ids of 16 bytes in base64url. */
const MAX_ACKNOWLEDGEMENTS_BODY_BYTES = 8_192;

export function mailboxRoutes(app: FastifyInstance, { context, budget, signed }: Endpoints): void {
  takeJson(app);

  app.get(
    "/v1/mailboxes/:did",
    {
      ...signed,
      schema: {
        summary: "The oldest items of a mailbox; signed by its owner",
        security: SIGNED,
        params: didParams,
        querystring: fetchQuery,
        response: answers(cborAnswer),
      },
    },
    async (request, reply) => {
      const wanted = parseMailboxQuery(queryOf(request));
      const mark = ownersMark(request, agentOf(request));
      const page = await fetchMailbox(context, mark, {
        ...wanted,
        gone: () => disconnection(reply),
        askAgain: () => checkStillNewest(request),
      });
      const bytes = page.items.reduce((sum, { item }) => sum + item.length, 0);
      holdUntilAnswered(reply, budget.take(bytes));
      return reply.type("application/cbor").send(Buffer.from(encodeMailboxPage(page).buffer));
    },
  );

  app.post(
    "/v1/mailboxes/:did/acknowledgements",
    {
      ...signed,
      bodyLimit: MAX_ACKNOWLEDGEMENTS_BODY_BYTES,
      schema: {
        summary: "Acknowledge items, which then are gone; signed by the owner",
        security: SIGNED,
        params: didParams,
        body: acknowledgementsBody,
        response: answers(acknowledgementsAnswer),
      },
    },
    async (request) => {
      parseNoQuery(queryOf(request));
      const mark = ownersMark(request, agentOf(request));
      const { envelopeIds } = parseAcknowledgementsRequest(request.body);
      const acknowledged = await context.store.acknowledge(mark, envelopeIds, context.now());
      return acknowledgementsAnswerToJson({ acknowledged });
    },
  );
}

function disconnection(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  holdUntilAnswered(reply, () => controller.abort());
  return controller.signal;
}
