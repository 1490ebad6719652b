/** All families, in the order in which they are played: each finds what the earlier ones have left. */
import type { Family } from "../case.ts";
import { aclDisabled } from "./acl-disabled.ts";
import { agent } from "./agent.ts";
import { agentChecks } from "./agent-checks.ts";
import { catalog } from "./catalog.ts";
import { cliAgent } from "./cli-agent.ts";
import { cliCatalog } from "./cli-catalog.ts";
import { cliFlags } from "./cli-flags.ts";
import { cliKv } from "./cli-kv.ts";
import { cliLocal } from "./cli-local.ts";
import { cliOperator } from "./cli-operator.ts";
import { config } from "./config.ts";
import { connect } from "./connect.ts";
import { coordinate } from "./coordinate.ts";
import { discoveryChain } from "./discovery-chain.ts";
import { dnsFamily } from "./dns.ts";
import { event } from "./event.ts";
import { farewell } from "./farewell.ts";
import { health } from "./health.ts";
import { internalUi } from "./internal-ui.ts";
import { kv } from "./kv.ts";
import { operator } from "./operator.ts";
import { query } from "./query.ts";
import { router } from "./router.ts";
import { session } from "./session.ts";
import { snapshot } from "./snapshot.ts";
import { status } from "./status.ts";
import { tuned } from "./tuned.ts";
import { txn } from "./txn.ts";
import { wan } from "./wan.ts";

export const families: readonly Family[] = [
  status,
  catalog,
  health,
  agent,
  agentChecks,
  kv,
  session,
  event,
  txn,
  query,
  coordinate,
  operator,
  config,
  connect,
  discoveryChain,
  internalUi,
  aclDisabled,
  router,
  wan,
  tuned,
  snapshot,
  cliKv,
  cliCatalog,
  cliAgent,
  cliOperator,
  cliLocal,
  cliFlags,
  dnsFamily,
  farewell,
];
