/** Every method's handler, family by family: a method of the table that none has would not compile. */
import { aclEndpoints } from "./acl.ts";
import { catalogEndpoints } from "./catalog.ts";
import { configEntryEndpoints } from "./config-entry.ts";
import { connectEndpoints } from "./connect-ca.ts";
import { coordinateEndpoints } from "./coordinate.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { federationEndpoints } from "./federation.ts";
import { healthEndpoints } from "./health.ts";
import { intentionEndpoints } from "./intention.ts";
import { internalEndpoints } from "./internal.ts";
import { keyringEndpoints } from "./keyring.ts";
import { kvEndpoints } from "./kv.ts";
import { operatorEndpoints } from "./operator.ts";
import { preparedQueryEndpoints } from "./prepared-query.ts";
import { sessionEndpoints } from "./session.ts";
import { statusEndpoints } from "./status.ts";
import { txnEndpoints } from "./txn.ts";

export const createHandlers = (core: ServerCore): Handlers => ({
  ...statusEndpoints(core),
  ...catalogEndpoints(core),
  ...healthEndpoints(core),
  ...kvEndpoints(core),
  ...sessionEndpoints(core),
  ...txnEndpoints(core),
  ...coordinateEndpoints(core),
  ...preparedQueryEndpoints(core),
  ...internalEndpoints(core),
  ...keyringEndpoints(core),
  ...operatorEndpoints(core),
  ...aclEndpoints(core),
  ...configEntryEndpoints(core),
  ...connectEndpoints(core),
  ...intentionEndpoints(core),
  ...federationEndpoints(core),
});
