/** What GET /openapi.json says about the whole; the endpoints describe themselves by their schemas. */
import type { FastifyDynamicSwaggerOptions } from "@fastify/swagger";

/** The `security` of a signed endpoint. */
export const SIGNED: { [name: string]: string[] }[] = [{ messageSignature: [] }];

export const OPENAPI: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: "3.1.0",
    info: {
      title: "Talos directory",
      description:
        "Identity logs, instance certificates, prekey batches and mailboxes. The directory can delay or drop, never read or forge.",
      version: "1",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    components: {
      securitySchemes: {
        messageSignature: {
          type: "http",
          scheme: "signature",
          description:
            "HTTP message signature (RFC 9421), label talos, by the instance key of the agent's registered certificate, over @method, @authority, @path, @query and content-digest.",
        },
      },
    },
  },
};
