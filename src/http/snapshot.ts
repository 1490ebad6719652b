/** /v1/snapshot: the datacenter's whole state as an archive, out and in. */
import { Readable } from "node:stream";
import type { Call } from "./call.ts";
import { type Answer, route } from "./routes.ts";

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function save(c: Call): Promise<Answer> {
  const out = await c.agent.snapshot(
    { datacenter: c.datacenter, token: c.token, allowStale: c.query.has("stale"), op: "save" },
    nothing(),
  );
  c.meta({
    Index: out.index,
    KnownLeader: out.knownLeader,
    LastContact: out.lastContact,
    ConsistencyLevel: "",
  });
  return { status: 200, type: "application/x-gzip", stream: Readable.from(out.stream) };
}

async function restore(c: Call): Promise<Answer> {
  const { req, res } = c.streams();
  if (req.headers.expect?.toLowerCase() === "100-continue") res.writeContinue();
  const out = await c.agent.snapshot(
    { datacenter: c.datacenter, token: c.token, allowStale: c.query.has("stale"), op: "restore" },
    req,
  );
  for await (const _chunk of out.stream) {
    // A restore answers with nothing; reading to the end is waiting for it.
  }
  return undefined;
}

export const snapshotRoutes = [
  route(
    "GET",
    "/v1/snapshot",
    {
      summary: "Saves the state: a gzip tar.",
      acl: "acl:write",
      options: "dc",
      streams: true,
      params: { stale: "Any server may answer." },
    },
    save,
  ),
  route(
    "PUT",
    "/v1/snapshot",
    {
      summary: "Restores a saved state.",
      acl: "acl:write",
      options: "dc",
      streams: true,
      body: "the archive",
    },
    restore,
  ),
];
