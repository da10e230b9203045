/** Logs and certificates: resolve, publish, register. These certify themselves and need no signature of the request. */
import {
  agentAnswerToJson,
  certificateAnswerToJson,
  eventsAnswerToJson,
  parseAgentQuery,
  parseCertificateRequest,
  parseEventsRequest,
  parseNoQuery,
} from "@talos/core";
import type { FastifyInstance } from "fastify";
import { readAfter } from "../../log/known-log.ts";
import { publishEvents } from "../../log/publish-events.ts";
import { registerCertificate } from "../../log/register-certificate.ts";
import { holdUntilAnswered, takeJson } from "../bodies.ts";
import { agentOf, queryOf, type Endpoints } from "../endpoint.ts";
import { agentAnswer, agentQuery, answers, certificateAnswer, certificateBody, didParams, eventsAnswer, eventsBody } from "../schemas.ts";

/** 100 events of 4,096 bytes in base64url. */
const MAX_EVENTS_BODY_BYTES = 600_000;
const MAX_CERTIFICATE_BODY_BYTES = 8_192;

export function agentRoutes(app: FastifyInstance, { context, budget }: Endpoints): void {
  takeJson(app);
  const limited = { config: { rateLimit: {} } };

  app.get(
    "/v1/agents/:did",
    {
      schema: {
        summary: "An agent's log and newest certificate",
        params: didParams,
        querystring: agentQuery,
        response: answers(agentAnswer),
      },
    },
    async (request, reply) => {
      const { events, certificate } = await readAfter(context, agentOf(request), parseAgentQuery(queryOf(request)));
      // A log may have 10,000 events.
      holdUntilAnswered(reply, budget.take(events.reduce((sum, { wire }) => sum + wire.length, 0)));
      return agentAnswerToJson({ log: events.map(({ wire }) => wire), certificate: certificate?.wire ?? null, time: context.now() });
    },
  );

  app.post(
    "/v1/agents/:did/events",
    {
      ...limited,
      bodyLimit: MAX_EVENTS_BODY_BYTES,
      schema: { summary: "Publish identity events", params: didParams, body: eventsBody, response: answers(eventsAnswer) },
    },
    async (request) => {
      parseNoQuery(queryOf(request));
      const { events } = parseEventsRequest(request.body);
      return eventsAnswerToJson({ head: await publishEvents(context, agentOf(request), events) });
    },
  );

  app.put(
    "/v1/agents/:did/certificate",
    {
      ...limited,
      bodyLimit: MAX_CERTIFICATE_BODY_BYTES,
      schema: {
        summary: "Register an instance certificate",
        params: didParams,
        body: certificateBody,
        response: answers(certificateAnswer),
      },
    },
    async (request) => {
      parseNoQuery(queryOf(request));
      const { certificate } = parseCertificateRequest(request.body);
      return certificateAnswerToJson(await registerCertificate(context, agentOf(request), certificate));
    },
  );
}
