/** Internal.KeyringOperation: lists and changes gossip keys in this datacenter's pools, and through one server in all others. */
import type { KeyResponse, SerfPool } from "../gossip/contract.ts";
import type { KeyringRequest, KeyringResponse } from "../model/coordinate.ts";
import type { ServerCore } from "./core.ts";
import type { Call, Handlers } from "./dispatcher.ts";
import { errorText, InvalidRequestError } from "./errors.ts";

const OPERATIONS = ["list", "install", "use", "remove"] as const;
type KeyOperation = (typeof OPERATIONS)[number];
const isOperation = (text: string): text is KeyOperation => (OPERATIONS as readonly string[]).includes(text);

/** What went wrong in a pool, "" for nothing. */
function poolError(r: KeyResponse): string {
  if (r.numErr !== 0) return `${r.numErr}/${r.numNodes} nodes reported failure`;
  if (r.numResp !== r.numNodes) return `${r.numResp}/${r.numNodes} nodes reported success`;
  return "";
}

export function keyringEndpoints(core: ServerCore) {
  async function inPool(
    pool: SerfPool,
    operation: KeyOperation,
    request: KeyringRequest,
    WAN: boolean,
  ): Promise<KeyringResponse> {
    const base = { WAN, Datacenter: core.options.datacenter, Segment: "" };
    try {
      const r = await pool.keyOperation(operation, request.Key, request.RelayFactor);
      return {
        ...base,
        Messages: r.messages,
        Keys: r.keys,
        PrimaryKeys: r.primaryKeys,
        NumNodes: r.numNodes,
        Error: poolError(r),
      };
    } catch (error) {
      return { ...base, Messages: null, Keys: null, PrimaryKeys: null, NumNodes: 0, Error: errorText(error) };
    }
  }

  /** The other datacenters answer for themselves; one that cannot be reached fails the whole. */
  async function elsewhere(
    request: KeyringRequest,
    call: Call,
  ): Promise<readonly (KeyringResponse | null)[]> {
    const others = core.datacenters().filter((dc) => dc !== core.options.datacenter);
    const replies = await Promise.all(
      others.map((Datacenter) =>
        core.callDatacenter(
          Datacenter,
          "Internal.KeyringOperation",
          { ...request, Datacenter, Forwarded: true },
          call,
        ),
      ),
    );
    return replies.flatMap((r) => r.Responses ?? []);
  }

  return {
    "Internal.KeyringOperation": async (request, call) => {
      const { Operation: operation } = request;
      if (!isOperation(operation))
        throw new InvalidRequestError(`unknown keyring operation ${JSON.stringify(operation)}`);
      if (request.LocalOnly && operation !== "list")
        throw new InvalidRequestError("argument error: LocalOnly can only be used for List operations");
      const responses: (KeyringResponse | null)[] = [];
      const everywhere = !request.Forwarded && !request.LocalOnly && core.wan !== undefined;
      if (everywhere) responses.push(await inPool(core.wan!, operation, request, true));
      responses.push(await inPool(core.lan, operation, request, false));
      if (everywhere) responses.push(...(await elsewhere(request, call)));
      return { Responses: responses, Index: 0, LastContact: 0n, KnownLeader: false, ConsistencyLevel: "" };
    },
  } satisfies Partial<Handlers>;
}
