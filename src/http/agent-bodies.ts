/** Definitions of services and checks as /v1/agent takes them, made into the definitions that the agent works with. */
import { ConnectProxyConfig, ServiceAddress, Weights } from "../model/catalog.ts";
import { CheckDefinition, type ServiceDefinition } from "../model/definition.ts";
import { any, bool, type Infer, int, list, map, ptr, str, struct } from "../wire/schema.ts";
import { BodyError } from "./decode/decode-body.ts";

const { ID: _id, ...checkFields } = CheckDefinition.fields;

/** A check of its own: `ID`. */
export const CheckBody = struct("CheckBody", { ID: str, ...checkFields });

/** A check of a service: `CheckID`. */
export const ServiceCheckBody = struct("CheckBody", { CheckID: str, ...checkFields });

const serviceFields = {
  Kind: str,
  ID: str,
  Name: str,
  Tags: list(str),
  Address: str,
  TaggedAddresses: map(ServiceAddress),
  Meta: map(str),
  Port: int,
  Check: ptr(ServiceCheckBody),
  Checks: list(ptr(ServiceCheckBody)),
  Weights: ptr(Weights),
  Token: str,
  EnableTagOverride: bool,
  Proxy: ptr(ConnectProxyConfig),
};

/** The same fields and aliases as a service's; a sidecar within is refused whatever it holds. */
const SidecarBody = struct("ServiceBody", {
  ...serviceFields,
  Connect: ptr(struct("ServiceConnect", { Native: bool, SidecarService: any })),
});

export const ServiceBody = struct("ServiceBody", {
  ...serviceFields,
  Connect: ptr(struct("ServiceConnect", { Native: bool, SidecarService: ptr(SidecarBody) })),
});

const isEmptyCheck = (c: Infer<typeof ServiceCheckBody>): boolean =>
  ServiceCheckBody.json(c) === ServiceCheckBody.json(ServiceCheckBody.zero());

const toCheck = (c: Infer<typeof ServiceCheckBody>): CheckDefinition => {
  const { CheckID, ...rest } = c;
  return { ...rest, ID: CheckID };
};

export function toServiceDefinition(body: Infer<typeof ServiceBody>): ServiceDefinition {
  const sidecar = body.Connect?.SidecarService ?? null;
  return {
    ...commonDefinition(body),
    SidecarService:
      sidecar === null
        ? null
        : { ...commonDefinition(sidecar), SidecarService: sidecar.Connect?.SidecarService ?? null },
  };
}

function commonDefinition(
  body: Infer<typeof ServiceBody> | Infer<typeof SidecarBody>,
): Omit<ServiceDefinition, "SidecarService"> {
  const { Check, Checks, Connect, ...rest } = body;
  // An empty single check means none; an empty one in the list is a mistake that the agent tells.
  const checks: CheckDefinition[] = Check === null || isEmptyCheck(Check) ? [] : [toCheck(Check)];
  for (const c of Checks ?? []) {
    if (c === null)
      throw new BodyError("json: cannot unmarshal null into Go struct field of type structs.CheckType");
    checks.push(toCheck(c));
  }
  return { ...rest, Checks: checks, ConnectNative: Connect?.Native ?? false };
}
