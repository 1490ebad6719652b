import assert from "node:assert/strict";
import { test } from "node:test";
import type { MethodScope } from "../model/methods.ts";
import { seededRandom } from "../ports/random.ts";
import { RpcConnectionError, RpcRemoteError } from "../rpc/errors.ts";
import { mayRetry, type Route, type Routed, type RoutingState, retryDelayMs, route } from "./forwarding.ts";

const leader: RoutingState = {
  datacenter: "dc1",
  isLeader: true,
  leaving: false,
  knownLeader: false,
  hadLeader: true,
};
const follower: RoutingState = { ...leader, isLeader: false, knownLeader: true };
const lost: RoutingState = { ...follower, knownLeader: false };
const fresh: RoutingState = { ...lost, hadLeader: false };

const cases: readonly {
  name: string;
  scope: MethodScope;
  request: Routed;
  state: RoutingState;
  wanted: Route;
}[] = [
  {
    name: "a local method never leaves",
    scope: "local",
    request: { Datacenter: "dc2" },
    state: lost,
    wanted: { kind: "local" },
  },
  {
    name: "the leader answers",
    scope: "leader",
    request: { Datacenter: "dc1" },
    state: leader,
    wanted: { kind: "local" },
  },
  {
    name: "a follower sends on",
    scope: "leader",
    request: { Datacenter: "dc1" },
    state: follower,
    wanted: { kind: "leader" },
  },
  {
    name: "without a leader it holds",
    scope: "leader",
    request: { Datacenter: "dc1" },
    state: lost,
    wanted: { kind: "hold" },
  },
  {
    name: "another datacenter comes first",
    scope: "leader",
    request: { Datacenter: "dc2", AllowStale: true },
    state: follower,
    wanted: { kind: "datacenter", datacenter: "dc2" },
  },
  {
    name: "an empty datacenter is foreign",
    scope: "leader",
    request: { Datacenter: "" },
    state: leader,
    wanted: { kind: "datacenter", datacenter: "" },
  },
  {
    name: "but ours to Status",
    scope: "dc",
    request: { Datacenter: "" },
    state: lost,
    wanted: { kind: "local" },
  },
  {
    name: "Status goes to the datacenter, not the leader",
    scope: "dc",
    request: { Datacenter: "dc1" },
    state: follower,
    wanted: { kind: "local" },
  },
  {
    name: "Status of another datacenter",
    scope: "dc",
    request: { Datacenter: "dc2" },
    state: follower,
    wanted: { kind: "datacenter", datacenter: "dc2" },
  },
  {
    name: "a stale read stays",
    scope: "leader",
    request: { Datacenter: "dc1", AllowStale: true },
    state: lost,
    wanted: { kind: "local" },
  },
  {
    name: "a stale read where no leader was ever heard holds",
    scope: "leader",
    request: { Datacenter: "dc1", AllowStale: true },
    state: fresh,
    wanted: { kind: "hold" },
  },
  {
    name: "a leaving server refuses at once",
    scope: "leader",
    request: { Datacenter: "dc1" },
    state: { ...follower, leaving: true },
    wanted: { kind: "no-leader" },
  },
  {
    name: "primary methods go by their rewritten datacenter",
    scope: "primary",
    request: { Datacenter: "dc1" },
    state: leader,
    wanted: { kind: "local" },
  },
];
for (const { name, scope, request, state, wanted } of cases)
  test(`route: ${name}`, () => assert.deepEqual(route(scope, request, state), wanted));

const retries: readonly [string, unknown, boolean, boolean][] = [
  ["no leader, write", new Error("rpc error making call: No cluster leader"), false, true],
  ["refused connection, write", new RpcConnectionError("dial", "connection refused"), false, true],
  ["broken call, write", new RpcConnectionError("call", "rpc error making call: EOF"), false, false],
  ["broken call, read", new RpcConnectionError("call", "rpc error making call: EOF"), true, true],
  ["stream closed there, read", new RpcRemoteError("stream closed"), true, true],
  ["stream closed there, write", new RpcRemoteError("stream closed"), false, false],
  ["any other text", new RpcRemoteError("Must provide key"), true, false],
];
for (const [name, error, read, wanted] of retries)
  test(`mayRetry: ${name}`, () => assert.equal(mayRetry(error, read), wanted));

test("retries pause below a sixteenth of the hold time", () => {
  const random = seededRandom(7);
  for (let i = 0; i < 100; i++) assert.ok(retryDelayMs(random, 7000) < 437.5);
});
