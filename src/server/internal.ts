/** Internal.*: user events, and the dumps that the web page shows. */
import { gatewayServiceDump, nodeDump, nodeInfo, serviceDump } from "../state/internal.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { errorText, InvalidRequestError } from "./errors.ts";
import { filterList } from "./filter/apply.ts";
import { checkServiceNodeSelectable, nodeInfoSelectable } from "./filter/selectable.ts";
import { orNil } from "./nil.ts";
import { multiErrorText } from "./registration.ts";

/** Serf names of user events that agents fire. */
export const USER_EVENT_PREFIX = "consul:event:";

export function internalEndpoints(core: ServerCore) {
  return {
    "Internal.EventFire": (request) => {
      const meta = core.queryMeta();
      try {
        core.lan.userEvent(`${USER_EVENT_PREFIX}${request.Name}`, request.Payload ?? new Uint8Array(), {
          coalesce: false,
        });
      } catch (error) {
        throw new InvalidRequestError(
          multiErrorText([`error broadcasting event to segment "": ${errorText(error)}`]),
        );
      }
      return meta;
    },
    "Internal.NodeInfo": (request, call) =>
      core.read(
        request,
        call,
        (view) => nodeInfo(view, request.Node),
        (all) => ({ Dump: orNil(all) }),
      ),
    "Internal.NodeDump": (request, call) =>
      core.read(request, call, nodeDump, (all) => ({
        Dump: filterList(request.Filter, nodeInfoSelectable, orNil(all)),
      })),
    "Internal.ServiceDump": (request, call) =>
      core.read(
        request,
        call,
        (view) => serviceDump(view, request.UseServiceKind ? request.ServiceKind : undefined),
        (all) => ({ Nodes: filterList(request.Filter, checkServiceNodeSelectable, orNil(all)) }),
      ),
    "Internal.GatewayServiceDump": (request, call) => {
      if (request.ServiceName === "") throw new InvalidRequestError("Must provide gateway name");
      return core.read(
        request,
        call,
        (view) => gatewayServiceDump(view, request.ServiceName),
        (all) => ({ Dump: orNil(all) }),
      );
    },
  } satisfies Partial<Handlers>;
}
