/** GET /v1/status, GET /openapi.json. */
import { parseNoQuery, statusAnswerToJson } from "@talos/core";
import type { FastifyInstance } from "fastify";
import { queryOf, type Endpoints } from "../endpoint.ts";
import { answers, statusAnswer } from "../schemas.ts";

export function statusRoutes(app: FastifyInstance, { context }: Endpoints): void {
  app.get("/v1/status", { schema: { summary: "What this is, and its clock", response: answers(statusAnswer) } }, async (request) => {
    parseNoQuery(queryOf(request));
    return statusAnswerToJson({ time: context.now() });
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
