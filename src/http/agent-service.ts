/** /v1/agent/service*, check*, health: what is registered with this agent. */
import { createHash } from "node:crypto";
import type { HealthCheck, NodeService } from "../model/catalog.ts";
import { compileFilter } from "../server/filter/apply.ts";
import { checkSelectable, serviceSelectable } from "../server/filter/selectable.ts";
import { jsonString, map, str, struct } from "../wire/schema.ts";
import { CheckBody, ServiceBody, toServiceDefinition } from "./agent-bodies.ts";
import {
  AgentServiceJson,
  AgentServicesJson,
  AggregatedHealth,
  agentService,
  shownCheck,
} from "./agent-views.ts";
import { DEFINITION_BODY } from "./body-rules.ts";
import type { Call } from "./call.ts";
import { BodyError } from "./decode/decode-body.ts";
import { HttpError, plainBadRequest } from "./errors.ts";
import { parseWait } from "./query-options.ts";
import { type Answer, type Reply, route } from "./routes.ts";
import { HealthCheckView } from "./views.ts";
import { waitUntil } from "./wait.ts";

const ChecksJson = map(HealthCheckView);
const DECODE_FAILED = "Request decode failed: ";

/** Longest extra of a wait as a share of it, as servers do it: waiters do not all come back at once. */
const JITTER_FRACTION = 16;

async function services(c: Call): Promise<Answer> {
  const { local } = c.agent;
  const test = compileFilter(c.query.get("filter"), serviceSelectable);
  const out = new Map<string, ReturnType<typeof agentService>>();
  for (const [id, s] of local.services()) if (test(s)) out.set(id, agentService(s));
  return AgentServicesJson.json(out);
}

/** A stable 64-bit hash of the service as it is shown. */
export const contentHash = (s: NodeService): string =>
  createHash("sha256")
    .update(AgentServiceJson.json(agentService(s)))
    .digest("hex")
    .slice(0, 16)
    .replace(/^0+(?=.)/, "");

async function service(c: Call): Promise<Answer> {
  const { local, clock, random, config } = c.agent;
  const id = c.rest;
  const find = (): NodeService | undefined => local.service(id);
  const hashOf = (s: NodeService | undefined): string => (s === undefined ? "" : contentHash(s));
  const wanted = c.query.get("hash");
  const asked = c.query.get("wait");
  const waitMs = wanted === "" || asked === "" ? 0 : Number(parseWait(asked) / 1_000_000n);
  let found = find();
  if (wanted !== "" && found !== undefined && hashOf(found) === wanted) {
    const base = waitMs <= 0 ? config.defaultQueryTimeMs : Math.min(waitMs, config.maxQueryTimeMs);
    const limit = base + random.float() * (base / JITTER_FRACTION);
    await waitUntil(clock, local.onChange, () => hashOf(find()) !== wanted, limit, c.signal);
    found = find();
  }
  if (found === undefined) throw new HttpError(404, `unknown service ID: ${id}`);
  const hash = contentHash(found);
  c.header("X-Consul-Contenthash", hash);
  return AgentServiceJson.json(agentService(found, hash));
}

async function checks(c: Call): Promise<Answer> {
  const text = c.query.get("filter");
  const all = c.agent.local.checks();
  const out = new Map<string, HealthCheck>();
  let test: ((v: unknown) => boolean) | undefined;
  for (const [id, check] of all) {
    // Typed late, as the original: an unknown selector is an error only where there is a check.
    if (test === undefined) {
      try {
        test = compileFilter(text, checkSelectable);
      } catch (e) {
        throw new Error(
          (e as Error).message.replace(/^Failed to create boolean expression evaluator: (?=Selector )/, ""),
        );
      }
    }
    if (test(check)) out.set(id, shownCheck(check));
  }
  return ChecksJson.json(out);
}

async function register(c: Call): Promise<Answer> {
  const body = await c.decode(ServiceBody, DECODE_FAILED, DEFINITION_BODY);
  let definition: ReturnType<typeof toServiceDefinition>;
  try {
    definition = toServiceDefinition(body);
  } catch (e) {
    throw e instanceof BodyError ? plainBadRequest(`${DECODE_FAILED}${e.message}`) : e;
  }
  const replace = c.query.get("replace-existing-checks");
  await c.agent.local.addService(definition, {
    source: "remote",
    token: definition.Token || c.token,
    replaceExistingChecks: c.query.has("replace-existing-checks") && (replace === "" || replace === "true"),
  });
  return undefined;
}

async function deregister(c: Call): Promise<Answer> {
  if (c.rest === "") throw new HttpError(500, "ServiceID missing");
  // An unknown one is fine: it is not registered, which is what was asked for.
  if (c.agent.local.service(c.rest) !== undefined) await c.agent.local.removeService(c.rest);
  return undefined;
}

/** `enable=` of the maintenance endpoints. */
export function enableParameter(c: Call): boolean {
  if (!c.query.has("enable")) throw plainBadRequest("Missing value for enable");
  const raw = c.query.get("enable");
  if (/^(1|t|T|TRUE|true|True)$/.test(raw)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(raw)) return false;
  throw plainBadRequest(`Invalid value for enable: ${JSON.stringify(raw)}`);
}

async function maintenance(c: Call): Promise<Answer> {
  if (c.rest === "") throw plainBadRequest("Missing service ID");
  const enable = enableParameter(c);
  const { local } = c.agent;
  if (local.service(c.rest) === undefined)
    throw new HttpError(404, `No service registered with ID ${jsonString(c.rest)}`);
  if (enable) await local.enableServiceMaintenance(c.rest, c.query.get("reason"), c.token);
  else await local.disableServiceMaintenance(c.rest);
  return undefined;
}

async function registerCheck(c: Call): Promise<Answer> {
  const definition = await c.decode(CheckBody, DECODE_FAILED, DEFINITION_BODY);
  if (definition.Name === "") throw plainBadRequest("Missing check name");
  if (definition.Status !== "" && !["passing", "warning", "critical"].includes(definition.Status))
    throw plainBadRequest("Bad check status");
  await c.agent.local.addCheck(definition, { source: "remote", token: definition.Token || c.token });
  return undefined;
}

async function deregisterCheck(c: Call): Promise<Answer> {
  if (c.rest === "") throw new HttpError(500, "CheckID missing");
  if (c.agent.local.check(c.rest) !== undefined) await c.agent.local.removeCheck(c.rest);
  return undefined;
}

const ttl =
  (status: string) =>
  (c: Call): Answer => {
    c.agent.local.updateTtlCheck(c.rest, status, c.query.get("note"));
    return undefined;
  };

const CheckUpdateBody = struct("checkUpdate", { Status: str, Output: str });

async function updateCheck(c: Call): Promise<Answer> {
  const { Status, Output } = await c.decode(CheckUpdateBody, DECODE_FAILED);
  if (!["passing", "warning", "critical"].includes(Status))
    throw plainBadRequest(`Invalid check status: '${Status}'`);
  c.agent.local.updateTtlCheck(c.rest, Status, Output);
  return undefined;
}

interface ServiceHealth {
  readonly status: string;
  readonly service: NodeService;
  readonly checks: readonly HealthCheck[];
}

const WEIGHT: Readonly<Record<string, number>> = { passing: 0, warning: 1, critical: 2, maintenance: 3 };
const HEALTH_CODES: Readonly<Record<string, number>> = {
  passing: 200,
  warning: 429,
  critical: 503,
  maintenance: 503,
};

/** The worst of the service's checks and of the node's. */
function healthOf(c: Call, service: NodeService): ServiceHealth {
  const checks: HealthCheck[] = [];
  let worst = "passing";
  for (const check of c.agent.local.checks().values()) {
    if (check.ServiceID !== "" && check.ServiceID !== service.ID) continue;
    checks.push(shownCheck(check));
    const inMaintenance =
      check.CheckID === "_node_maintenance" || check.CheckID.startsWith("_service_maintenance:");
    const status = inMaintenance ? "maintenance" : check.Status;
    if ((WEIGHT[status] ?? 2) > WEIGHT[worst]!) worst = status in WEIGHT ? status : "critical";
  }
  return { status: worst, service, checks };
}

const wantsText = (c: Call): boolean =>
  c.query.get("format") === "text" || (c.exchange.header("accept") ?? "").startsWith("text/plain");

const shownHealth = (h: ServiceHealth): string =>
  AggregatedHealth.json({ AggregatedStatus: h.status, Service: agentService(h.service), Checks: h.checks });

const text = (status: number, body: string): Reply => ({ status, type: "text/plain", body });

async function healthById(c: Call): Promise<Answer> {
  if (c.rest === "") throw new HttpError(500, "Bad request: Missing serviceID");
  const service = c.agent.local.service(c.rest);
  if (service === undefined) {
    const said = `ServiceId ${c.rest} not found`;
    c.header("X-Consul-Reason", said);
    const body = wantsText(c)
      ? jsonString(said)
      : '{"AggregatedStatus":"critical","Service":null,"Checks":null}';
    return { status: 404, type: "application/json", body };
  }
  const h = healthOf(c, service);
  c.header("X-Consul-Reason", h.status);
  const code = HEALTH_CODES[h.status]!;
  return wantsText(c)
    ? text(code, h.status)
    : { status: code, type: "application/json", body: shownHealth(h) };
}

async function healthByName(c: Call): Promise<Answer> {
  if (c.rest === "") throw new HttpError(500, "Bad request: Missing service Name");
  const found = [...c.agent.local.services().values()]
    .filter((s) => s.Service === c.rest)
    .map((s) => healthOf(c, s));
  if (found.length === 0) {
    const said = `ServiceName ${c.rest} Not Found`;
    c.header("X-Consul-Reason", said);
    return wantsText(c) ? text(404, said) : { status: 404, type: "application/json", body: "[]" };
  }
  const worst = found.reduce((a, b) => (WEIGHT[b.status]! > WEIGHT[a.status]! ? b : a)).status;
  c.header("X-Consul-Reason", worst);
  const code = HEALTH_CODES[worst]!;
  return wantsText(c)
    ? text(code, worst)
    : { status: code, type: "application/json", body: `[${found.map(shownHealth).join(",")}]` };
}

const write = { acl: "service:write", namespaced: true } as const;
const checkWrite = { acl: "service:write,node:write", namespaced: true } as const;
/** The verbs that 0.6 clients send as GET. */
const verb = { ...checkWrite, alsoGet: true } as const;
const note = { note: "Text kept as the check's output." };

export const agentServiceRoutes = [
  route(
    "GET",
    "/v1/agent/services",
    { summary: "This agent's services by ID.", acl: "service:read", filter: true, namespaced: true },
    services,
  ),
  route(
    "GET",
    "/v1/agent/service/{id}",
    {
      summary: "One service of this agent.",
      acl: "service:read",
      namespaced: true,
      params: { hash: "Wait until the content's hash is another.", wait: "Longest wait." },
    },
    service,
  ),
  route(
    "GET",
    "/v1/agent/checks",
    { summary: "This agent's checks by ID.", acl: "service:read,node:read", filter: true, namespaced: true },
    checks,
  ),
  route(
    "GET",
    "/v1/agent/health/service/id/{id}",
    {
      summary: "Health of one service of this agent.",
      acl: "service:read",
      namespaced: true,
      params: { format: "`text` for the status alone." },
    },
    healthById,
  ),
  route(
    "GET",
    "/v1/agent/health/service/name/{name}",
    {
      summary: "Health of this agent's services of a name.",
      acl: "service:read",
      namespaced: true,
      params: { format: "`text` for the status alone." },
    },
    healthByName,
  ),
  route(
    "PUT",
    "/v1/agent/service/register",
    {
      summary: "Registers a service with this agent.",
      ...write,
      body: "ServiceDefinition",
      params: { "replace-existing-checks": "Drop checks that the body does not name." },
    },
    register,
  ),
  route(
    "PUT",
    "/v1/agent/service/deregister/{id}",
    { summary: "Removes a service from this agent.", ...write, alsoGet: true },
    deregister,
  ),
  route(
    "PUT",
    "/v1/agent/service/maintenance/{id}",
    {
      summary: "Takes a service out of answers, or back.",
      ...write,
      params: { enable: "true or false.", reason: "Shown with the check." },
    },
    maintenance,
  ),
  route(
    "PUT",
    "/v1/agent/check/register",
    { summary: "Registers a check with this agent.", ...checkWrite, body: "CheckDefinition" },
    registerCheck,
  ),
  route(
    "PUT",
    "/v1/agent/check/deregister/{id}",
    { summary: "Removes a check from this agent.", ...verb },
    deregisterCheck,
  ),
  route(
    "PUT",
    "/v1/agent/check/pass/{id}",
    { summary: "Marks a TTL check as passing.", ...verb, params: note },
    ttl("passing"),
  ),
  route(
    "PUT",
    "/v1/agent/check/warn/{id}",
    { summary: "Marks a TTL check as warning.", ...verb, params: note },
    ttl("warning"),
  ),
  route(
    "PUT",
    "/v1/agent/check/fail/{id}",
    { summary: "Marks a TTL check as critical.", ...verb, params: note },
    ttl("critical"),
  ),
  route(
    "PUT",
    "/v1/agent/check/update/{id}",
    { summary: "Sets status and output of a TTL check.", ...checkWrite, body: "{Status, Output}" },
    updateCheck,
  ),
];
