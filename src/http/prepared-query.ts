/** /v1/query: prepared queries. */
import { CheckServiceNode, DCSpecificRequest } from "../model/catalog.ts";
import {
  PreparedQuery,
  PreparedQueryExecuteResponse,
  PreparedQueryExplainResponse,
  QueryDNSOptions,
  QueryTemplateOptions,
  ServiceQuery,
} from "../model/prepared-query.ts";
import { jsonString, ptr, str, struct } from "../wire/schema.ts";
import { type Call, consistencyLevel } from "./call.ts";
import { HttpError, REFUSALS } from "./errors.ts";
import { parseAtoi, parseBool } from "./query-options.ts";
import { type Answer, route } from "./routes.ts";
import { translatedHealth, translatedList } from "./translate.ts";
import { shownList } from "./views.ts";

const QueryBody = struct("PreparedQuery", {
  ID: str,
  Name: str,
  Session: str,
  Token: str,
  Template: QueryTemplateOptions,
  Service: ServiceQuery,
  DNS: QueryDNSOptions,
});
const QueriesJson = shownList(ptr(PreparedQuery));

// Tags stay nil here where they are (observed).
const ExecuteJson = struct("PreparedQueryExecuteResponse", {
  ...PreparedQueryExecuteResponse.fields,
  Nodes: shownList(CheckServiceNode),
});

async function create(c: Call): Promise<Answer> {
  const body = await c.decode(QueryBody, "Request decode failed: ");
  const query = { ...PreparedQuery.zero(), ...body };
  const id = await c.rpc("PreparedQuery.Apply", {
    Datacenter: c.datacenter,
    Op: "create",
    Query: query,
    Token: c.token,
  });
  return `{"ID":${jsonString(id)}}`;
}

async function all(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.read("PreparedQuery.List", { ...DCSpecificRequest.zero(), ...o }, { level: true });
  return QueriesJson.json(out.Queries);
}

/** "Query not found" of a server is a 404, also behind the prefix of a forwarded call. */
function notFound(error: unknown): unknown {
  return error instanceof Error && error.message.includes(REFUSALS.queryNotFound)
    ? new HttpError(404, error.message)
    : error;
}

async function get(c: Call): Promise<Answer> {
  const o = c.readOptions();
  try {
    const out = await c.read("PreparedQuery.Get", { ...o, QueryID: c.rest }, { level: true });
    return QueriesJson.json(out.Queries);
  } catch (e) {
    throw notFound(e);
  }
}

async function update(c: Call): Promise<Answer> {
  const body = c.exchange.hasBody ? await c.decode(QueryBody, "Request decode failed: ") : QueryBody.zero();
  const query = { ...PreparedQuery.zero(), ...body, ID: c.rest };
  await c.rpc("PreparedQuery.Apply", {
    Datacenter: c.datacenter,
    Op: "update",
    Query: query,
    Token: c.token,
  });
  return undefined;
}

async function remove(c: Call): Promise<Answer> {
  const query = { ...PreparedQuery.zero(), ID: c.rest };
  await c.rpc("PreparedQuery.Apply", {
    Datacenter: c.datacenter,
    Op: "delete",
    Query: query,
    Token: c.token,
  });
  return undefined;
}

const nameBefore = (c: Call, suffix: string): string => c.rest.slice(0, -suffix.length);

function request(c: Call, name: string, limit: number, connect: boolean) {
  const o = c.readOptions();
  const { config } = c.agent;
  const forwarded = c.exchange.header("x-forwarded-for");
  const ip =
    (forwarded !== undefined && forwarded !== "" ? forwarded.split(",")[0]!.trim() : "") || c.remoteIp;
  return {
    ...o,
    // Neither waits: the index of such an answer means nothing.
    MinQueryIndex: 0,
    QueryIDOrName: name,
    Limit: limit,
    Connect: connect,
    Source: {
      ...c.source,
      Ip: ip,
      ...(c.query.get("near") === "_ip" ? { Node: "_ip", Datacenter: config.datacenter } : {}),
    },
    Agent: { Datacenter: config.datacenter, Segment: "", Node: config.nodeName, Ip: "" },
  };
}

async function execute(c: Call): Promise<Answer> {
  const name = nameBefore(c, "/execute");
  let connect = false;
  let limit = 0;
  const options = request(c, name, 0, false);
  c.noMetaOnError();
  const asked = c.query.get("limit");
  if (asked !== "") {
    try {
      limit = parseAtoi(asked);
    } catch (e) {
      throw new Error(`Bad limit: ${(e as Error).message}`);
    }
  }
  const connectText = c.query.get("connect");
  if (connectText !== "") {
    try {
      connect = parseBool(connectText);
    } catch (e) {
      throw new Error(`Error parsing 'connect' value: ${(e as Error).message}`);
    }
  }
  c.metaOnError();
  try {
    const out = await c.read(
      "PreparedQuery.Execute",
      { ...options, Limit: limit, Connect: connect },
      { level: true, cache: "plain" },
    );
    return ExecuteJson.json({
      ...out,
      Nodes: translatedList(c, out.Nodes, translatedHealth),
      ConsistencyLevel: consistencyLevel(options),
    });
  } catch (e) {
    throw notFound(e);
  }
}

async function explain(c: Call): Promise<Answer> {
  const options = request(c, nameBefore(c, "/explain"), 0, false);
  c.noMetaOnError();
  try {
    const out = await c.read("PreparedQuery.Explain", options, { level: true });
    return PreparedQueryExplainResponse.json({ ...out, ConsistencyLevel: consistencyLevel(options) });
  } catch (e) {
    throw notFound(e);
  }
}

const write = { acl: "query:write", options: "dc" } as const;
const read = { acl: "query:read", options: "query" } as const;

export const preparedQueryRoutes = [
  route("GET", "/v1/query", { summary: "All prepared queries.", ...read, blocking: true }, all),
  route("POST", "/v1/query", { summary: "Makes a prepared query.", ...write, body: "PreparedQuery" }, create),
  route("GET", "/v1/query/{id}", { summary: "One prepared query.", ...read, blocking: true }, get),
  route(
    "PUT",
    "/v1/query/{id}",
    { summary: "Replaces a prepared query.", ...write, body: "PreparedQuery" },
    update,
  ),
  route("DELETE", "/v1/query/{id}", { summary: "Removes a prepared query.", ...write }, remove),
  route(
    "GET",
    "/v1/query/{id}/execute",
    {
      summary: "Answers a prepared query.",
      acl: "node:read,service:read",
      options: "query",
      params: {
        near: "Sort by distance from this node.",
        limit: "At most so many instances.",
        connect: "Mesh-capable instances.",
      },
    },
    execute,
  ),
  route(
    "GET",
    "/v1/query/{id}/explain",
    { summary: "The query after its template was filled in.", ...read },
    explain,
  ),
];
