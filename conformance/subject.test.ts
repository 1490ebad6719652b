import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "../src/cli/commands.ts";
import { apiRoutes } from "../src/http/api.ts";
import { get, put } from "./case.ts";
import { COMMANDS_OF_THE_ORIGINAL } from "./cases/cli-flags.ts";
import { families } from "./cases/families.ts";
import {
  DNS_ALWAYS_REFUSED,
  dnsForm,
  dnsForms,
  endpointName,
  playedSubjects,
  stepSubjects,
} from "./subject.ts";

const played = playedSubjects(families);

function judge(subject: string): { readonly good: number; readonly bad: number } {
  const mine = played.filter((p) => p.subject === subject);
  const good = mine.filter((p) => p.good).length;
  return { good, bad: mine.length - good };
}

/** Routes that the original has not, or that do nothing but refuse in a world without ACLs and mesh; both are tested elsewhere. */
const OWN = /\/v1\/openapi\.json|\/operator\/(raft\/transfer-leader|usage|autopilot\/state)/;
const CLOSED =
  /\/v1\/acl\/|\/v1\/internal\/acl\/|\/v1\/agent\/token\/|\/connect\/(ca\/|authorize)|\/v1\/discovery-chain\/|\/debug\/pprof/;
/** What a world cannot do well with one server: it would be without any. */
const NEVER_WELL: ReadonlySet<string> = new Set(["DELETE /v1/operator/raft/peer"]);

test("every endpoint is asked with good and with bad input", () => {
  const missing: string[] = [];
  for (const route of apiRoutes) {
    const name = endpointName(route);
    if (OWN.test(name)) continue;
    const { good, bad } = judge(name);
    if (bad === 0) missing.push(`${name}: never refused`);
    if (good === 0 && !CLOSED.test(name) && !NEVER_WELL.has(name)) missing.push(`${name}: never well`);
  }
  assert.deepEqual(missing, []);
});

test("every parameter of an endpoint is given at least once", () => {
  const given = new Map<string, Set<string>>();
  for (const f of families)
    for (const step of f.cases.flatMap((c) => c.steps)) {
      if (step.kind !== "http") continue;
      for (const subject of stepSubjects(step)) {
        const names = given.get(subject) ?? new Set();
        for (const name of new URLSearchParams(step.path.split("?")[1] ?? "").keys()) names.add(name);
        given.set(subject, names);
      }
    }
  const missing = apiRoutes
    .filter((r) => !OWN.test(r.pattern) && !CLOSED.test(endpointName(r)))
    .flatMap((r) =>
      Object.keys(r.params ?? {})
        .filter((name) => !given.get(endpointName(r))?.has(name))
        .map((name) => `${endpointName(r)}: ${name}`),
    );
  assert.deepEqual(missing, []);
});

test("every command ends well once and badly once", () => {
  const missing: string[] = [];
  for (const [name, entry] of Object.entries(COMMANDS)) {
    if (!COMMANDS_OF_THE_ORIGINAL.has(name) || entry.hidden) continue;
    const { good, bad } = judge(name);
    if (good === 0) missing.push(`${name}: never well`);
    if (bad === 0) missing.push(`${name}: never badly`);
  }
  assert.deepEqual(missing, []);
});

test("every form of DNS question is answered once and refused once", () => {
  const missing: string[] = [];
  for (const form of dnsForms) {
    const { good, bad } = judge(form);
    if (good === 0 && !DNS_ALWAYS_REFUSED.has(form)) missing.push(`${form}: never answered`);
    if (bad === 0) missing.push(`${form}: never refused`);
  }
  assert.deepEqual(missing, []);
});

for (const [name, form] of [
  ["N1.NODE.Consul.", "<node>.node[.<dc>]"],
  ["web.service.dc1.consul.", "<service>.service[.<dc>]"],
  ["v1.web.service.consul.", "<tag>.<service>.service[.<dc>]"],
  ["_web._tcp.service.consul.", "_<service>._<tag>.service[.<dc>]"],
  ["_web._tcp.consul.", "_<service>._<tag>.service[.<dc>]"],
  ["0a010001.addr.dc1.consul.", "<hex address>.addr[.<dc>]"],
  ["1.0.1.10.in-addr.arpa.", "<reversed IPv4>.in-addr.arpa"],
  ["consul.", "the domain itself"],
  ["foo.consul.", "other names of the domain"],
  ["example.com.", "names elsewhere"],
] as const)
  test(`${name} is a question of the form ${form}`, () => assert.equal(dnsForm(name), form));

test("a step is about its endpoint; with a method that the path does not take, about all of the path", () => {
  const about = (c: ReturnType<typeof get>): readonly string[] => stepSubjects(c.steps[0]!);
  assert.deepEqual(about(get("/v1/kv/a/b?raw")), ["GET /v1/kv/{key}"]);
  assert.deepEqual(about(put("/v1/query/x/execute")), ["GET /v1/query/{id}/execute"]);
  assert.deepEqual(about(put("/v1/catalog/nodes")), ["GET /v1/catalog/nodes"]);
  assert.deepEqual(about(get("/v1/nope")), []);
});
