/** Prekeys: replace the batch, look at the stock, claim a bundle. All signed. */
import { bundleToJson, parseClaimRequest, parseNoQuery, parsePrekeysRequest, prekeysAnswerToJson, prekeyStockToJson } from "@talos/core";
import type { FastifyInstance } from "fastify";
import { claim } from "../../prekeys/claim.ts";
import { replaceBatch } from "../../prekeys/replace-batch.ts";
import { takeJson } from "../bodies.ts";
import { agentOf, queryOf, type Endpoints } from "../endpoint.ts";
import { SIGNED } from "../openapi.ts";
import { answers, batchAnswer, claimAnswer, claimBody, didParams, prekeysBody, stockAnswer } from "../schemas.ts";
import { markOf, ownersMark } from "../signed-hooks.ts";

/** 1,001 statements of 2,048 bytes in base64url, and the batch. */
const MAX_PREKEYS_BODY_BYTES = 3_000_000;
const MAX_CLAIM_BODY_BYTES = 64;

export function prekeyRoutes(app: FastifyInstance, { context, signed }: Endpoints): void {
  takeJson(app);

  app.put(
    "/v1/agents/:did/prekeys",
    {
      ...signed,
      bodyLimit: MAX_PREKEYS_BODY_BYTES,
      schema: {
        summary: "Replace the prekey batch; signed by the agent",
        security: SIGNED,
        params: didParams,
        body: prekeysBody,
        response: answers(batchAnswer),
      },
    },
    async (request) => {
      parseNoQuery(queryOf(request));
      const mark = ownersMark(request, agentOf(request));
      return prekeysAnswerToJson(await replaceBatch(context, mark, parsePrekeysRequest(request.body)));
    },
  );

  app.get(
    "/v1/agents/:did/prekeys",
    {
      ...signed,
      schema: { summary: "The stock of prekeys; signed by the agent", security: SIGNED, params: didParams, response: answers(stockAnswer) },
    },
    async (request) => {
      parseNoQuery(queryOf(request));
      const mark = ownersMark(request, agentOf(request));
      const { oneTimePrekeys, batch, claimed } = await context.store.readPrekeyStock(mark, context.now());
      return prekeyStockToJson({ oneTimePrekeys, root: batch?.root ?? null, to: batch?.to ?? null, claimed });
    },
  );

  app.post(
    "/v1/agents/:did/claims",
    {
      ...signed,
      bodyLimit: MAX_CLAIM_BODY_BYTES,
      schema: {
        summary: "Claim a prekey bundle; signed by the claimer",
        security: SIGNED,
        params: didParams,
        body: claimBody,
        response: answers(claimAnswer),
      },
    },
    async (request) => {
      parseNoQuery(queryOf(request));
      parseClaimRequest(request.body);
      return bundleToJson(await claim(context, markOf(request), agentOf(request)));
    },
  );
}
