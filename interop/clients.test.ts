/**
 * Programs that know Consul and not us, at work against three servers of ours: the npm package `consul`, Debian's
 * python3-consul2, HAProxy's server-template over our DNS, Prometheus' service discovery. Skipped, with the reason, where one
 * is not there; interop/setup.sh brings them.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually as within } from "../src/agent/fixture.ts";
import { startTribuneCluster, type TribuneCluster } from "./lib/tribune-cluster.ts";

/** Several programs on a machine that may be slow and busy: the deadline only ends what would never come. */
const WITHIN_MS = 90_000;
const eventually = <T>(what: string, probe: () => T | Promise<T>): Promise<NonNullable<T>> =>
  within(what, probe, WITHIN_MS);

const NET = "127.13.1";
const peer = (path: string): string => fileURLToPath(new URL(`../.peers/${path}`, import.meta.url));
const NPM_CONSUL = peer("npm-consul/node_modules/consul");
const PROMETHEUS = peer("prometheus");
const PYTHON = "/usr/bin/python3";

function unless(there: boolean, what: string): string | false {
  if (!there && process.env["CI"]) throw new Error(`${what} is missing: run interop/setup.sh`);
  return there ? false : `no ${what}: run interop/setup.sh`;
}
const noNpm = unless(existsSync(NPM_CONSUL), "npm package consul in .peers");
const noPython = unless(spawnSync(PYTHON, ["-c", "import consul.std"]).status === 0, "python3-consul2");
const noHaproxy = unless(spawnSync("haproxy", ["-v"]).status === 0, "haproxy");
const noPrometheus = unless(existsSync(PROMETHEUS), ".peers/prometheus");

let cluster: TribuneCluster;
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "interop-clients-"));
  cluster = await startTribuneCluster(NET);
});
after(async () => {
  await cluster?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** PUT of JSON to the agent at `ip`, which must take it. */
async function put(ip: string, path: string, body?: unknown): Promise<void> {
  const reply = await fetch(`http://${ip}:8500${path}`, {
    method: "PUT",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.equal(reply.status, 200, `PUT ${path}: ${await reply.text()}`);
}

/** A program of the test, ended with it; its output is shown when something is not as it should be. */
function run(
  t: { after(fn: () => void): void },
  command: string,
  args: readonly string[],
): { output(): string } {
  const child: ChildProcess = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  const keep = (bytes: Buffer): void => {
    printed += bytes.toString();
  };
  child.stdout!.on("data", keep);
  child.stderr!.on("data", keep);
  t.after(() => child.kill("SIGKILL"));
  return { output: () => printed };
}

// The package's own shapes, as far as they are used here.
interface NpmConsul {
  readonly kv: {
    get(key: string | Record<string, unknown>): Promise<unknown>;
    set(key: string | Record<string, unknown>, value?: string): Promise<boolean>;
    keys(key: string): Promise<readonly string[]>;
    del(key: string | Record<string, unknown>): Promise<boolean>;
  };
  readonly agent: {
    readonly service: Record<
      "register" | "deregister" | "list" | "maintenance",
      (o?: unknown) => Promise<unknown>
    >;
    readonly check: Record<
      "register" | "deregister" | "pass" | "warn" | "fail" | "list",
      (o?: unknown) => Promise<unknown>
    >;
    members(): Promise<readonly { readonly Name: string }[]>;
    self(): Promise<{ readonly Config: { readonly NodeName: string } }>;
  };
  readonly catalog: {
    readonly service: {
      list(): Promise<Record<string, unknown>>;
      nodes(name: string): Promise<readonly Record<string, unknown>[]>;
    };
    readonly node: {
      list(): Promise<readonly unknown[]>;
      services(name: string): Promise<{ readonly Services: object }>;
    };
    datacenters(): Promise<readonly string[]>;
    register(o: unknown): Promise<unknown>;
    deregister(o: unknown): Promise<unknown>;
  };
  readonly health: {
    service(o: unknown): Promise<readonly Record<string, unknown>[]>;
    state(s: string): Promise<readonly unknown[]>;
  };
  readonly session: {
    create(o: unknown): Promise<{ readonly ID: string }>;
    destroy(id: string): Promise<unknown>;
    renew(id: string): Promise<readonly { readonly TTL: string }[]>;
    get(id: string): Promise<{ readonly Name: string }>;
    list(): Promise<readonly { readonly ID: string }[]>;
    node(name: string): Promise<readonly { readonly ID: string }[]>;
  };
  readonly event: {
    fire(name: string, payload: string): Promise<{ readonly ID: string }>;
    list(name: string): Promise<readonly { readonly ID: string; readonly Payload: unknown }[]>;
  };
  readonly query: Record<
    "create" | "execute" | "destroy" | "list" | "get",
    (o?: unknown) => Promise<Record<string, unknown>>
  >;
  readonly transaction: { create(o: unknown): Promise<{ readonly Results: readonly unknown[] }> };
  readonly status: { leader(): Promise<string>; peers(): Promise<readonly string[]> };
  watch(o: unknown): {
    on(name: "change", heard: (data: never) => void): void;
    on(name: "error", heard: (error: Error) => void): void;
    end(): void;
  };
}
type Entry = { readonly Value: string; readonly ModifyIndex: number; readonly Session?: string } | undefined;

const npmConsul = (ip: string): NpmConsul => {
  const Consul = createRequire(import.meta.url)(NPM_CONSUL) as new (o: unknown) => NpmConsul;
  return new Consul({ host: ip, port: 8500 });
};

test("npm consul: keys, cas, locks, transactions, a watch", { skip: noNpm }, async () => {
  const [here, there] = [npmConsul(`${NET}.1`), npmConsul(`${NET}.2`)];
  assert.equal(await here.kv.set("npm/a", "one"), true);
  const entry = (await there.kv.get("npm/a")) as Entry;
  assert.equal(entry?.Value, "one");
  assert.equal(await here.kv.set({ key: "npm/a", value: "two", cas: entry?.ModifyIndex }), true);
  // The package makes undefined of a body that is `false`, from the original too.
  assert.equal(await here.kv.set({ key: "npm/a", value: "late", cas: entry?.ModifyIndex }), undefined);
  assert.equal(await there.kv.get("npm/none"), undefined);

  const heard: (string | undefined)[] = [];
  const watch = there.watch({ method: there.kv.get.bind(there.kv), options: { key: "npm/a", wait: "20s" } });
  watch.on("change", (data: Entry) => heard.push(data?.Value));
  watch.on("error", (error) => assert.fail(error));
  await eventually("the watch starts", () => heard.length === 1);
  await here.kv.set("npm/a", "three");
  await eventually("the watch hears the change", () => heard.length === 2);
  assert.deepEqual(heard, ["two", "three"]);
  watch.end();

  const { ID } = await here.session.create({ name: "npm", ttl: "900s", lockdelay: "0s", behavior: "delete" });
  assert.equal((await there.session.get(ID)).Name, "npm");
  assert.equal((await here.session.renew(ID))[0]?.TTL, "900s");
  assert.ok((await there.session.list()).some((s) => s.ID === ID));
  assert.ok((await there.session.node("t1")).some((s) => s.ID === ID));
  assert.equal(await here.kv.set({ key: "npm/lock", value: "held", acquire: ID }), true);
  const other = await there.session.create({ lockdelay: "0s" });
  assert.equal(await there.kv.set({ key: "npm/lock", value: "stolen", acquire: other.ID }), undefined);
  assert.equal(((await there.kv.get("npm/lock")) as Entry)?.Session, ID);
  await here.session.destroy(ID);
  assert.equal(await there.kv.get("npm/lock"), undefined, "behaviour delete");
  await there.session.destroy(other.ID);

  const value = Buffer.from("t").toString("base64");
  const done = await here.transaction.create([
    { KV: { Verb: "set", Key: "npm/t", Value: value } },
    { KV: { Verb: "get", Key: "npm/t" } },
  ]);
  assert.equal(done.Results.length, 2);
  assert.deepEqual(await there.kv.keys("npm/"), ["npm/a", "npm/t"]);
  await here.kv.del({ key: "npm/", recurse: true });
  assert.equal(await there.kv.get({ key: "npm/", recurse: true }), undefined);
});

test("npm consul: services, checks, health watch, catalog, events, queries", { skip: noNpm }, async () => {
  const [here, there] = [npmConsul(`${NET}.1`), npmConsul(`${NET}.3`)];
  await here.agent.service.register({
    name: "npm-web",
    id: "npm-web-1",
    address: "10.0.0.8",
    port: 8080,
    tags: ["v1"],
    meta: { team: "b" },
    check: { ttl: "900s", notes: "by hand" },
  });
  await here.agent.check.pass({ id: "service:npm-web-1", note: "all well" });
  const sizes: number[] = [];
  const watch = there.watch({
    method: there.health.service.bind(there.health),
    options: { service: "npm-web", passing: true, wait: "20s" },
  });
  watch.on("change", (data: readonly unknown[]) => sizes.push(data.length));
  watch.on("error", (error) => assert.fail(error));
  await eventually("the service is passing", () => sizes.at(-1) === 1);
  await here.agent.check.fail("service:npm-web-1");
  await eventually("and is gone when its check fails", () => sizes.at(-1) === 0);
  await here.agent.check.pass("service:npm-web-1");
  await eventually("and comes back", () => sizes.at(-1) === 1);
  watch.end();
  const [found] = await there.health.service("npm-web");
  assert.deepEqual((found!["Service"] as Record<string, unknown>)["Meta"], { team: "b" });
  assert.ok("npm-web" in (await there.catalog.service.list()));
  assert.equal((await there.catalog.service.nodes("npm-web"))[0]?.["ServicePort"], 8080);
  assert.ok("npm-web-1" in (await there.catalog.node.services("t1")).Services);
  assert.equal((await there.catalog.node.list()).length, 3);
  assert.deepEqual(await there.catalog.datacenters(), ["dc1"]);
  assert.ok("npm-web-1" in ((await here.agent.service.list()) as object));
  assert.equal((await here.agent.self()).Config.NodeName, "t1");
  await eventually("all members", async () => {
    const names = (await here.agent.members()).map((m) => m.Name).sort();
    return names.join() === "t1,t2,t3";
  });

  await here.catalog.register({
    node: "npm-outside",
    address: "10.9.9.8",
    service: { service: "npm-db", port: 5432 },
  });
  assert.equal((await there.catalog.service.nodes("npm-db"))[0]?.["Address"], "10.9.9.8");
  await here.catalog.deregister({ node: "npm-outside" });
  assert.deepEqual(await there.catalog.service.nodes("npm-db"), []);

  const query = await here.query.create({ name: "npm-q", service: { service: "npm-web", tags: ["v1"] } });
  assert.equal(((await there.query.execute("npm-q"))["Nodes"] as unknown[]).length, 1);
  await here.query.destroy(query["ID"]);

  const event = await here.event.fire("npm-deploy", "42");
  const arrived = await eventually("the event arrives", async () =>
    (await there.event.list("npm-deploy")).find((e) => e.ID === event.ID),
  );
  assert.equal(String(arrived.Payload), "42");
  assert.match(await there.status.leader(), /^127\.13\.1\.[123]:8300$/);
  assert.equal((await there.status.peers()).length, 3);
  await here.agent.service.deregister("npm-web-1");
  await eventually("and gone", async () => (await there.health.service("npm-web")).length === 0);
});

test("python3-consul2", { skip: noPython }, async (t) => {
  const script = fileURLToPath(new URL("clients/consul2.py", import.meta.url));
  const child = spawn(PYTHON, [script, `${NET}.1`, `${NET}.2`], { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const code = await new Promise((resolve) => child.once("close", resolve));
  for (const line of (await out).trim().split("\n")) t.diagnostic(line);
  assert.equal(code, 0, await err);
});

test("HAProxy: server-template on our SRV answers follows registrations", { skip: noHaproxy }, async (t) => {
  const served = new Map<string, number>();
  const backends: Server[] = [];
  t.after(() => {
    for (const b of backends) b.close();
  });
  const register = async (n: number): Promise<void> => {
    const ip = `${NET}.${10 + n}`;
    const server = createServer((_, res) => {
      served.set(ip, (served.get(ip) ?? 0) + 1);
      res.end(ip);
    });
    await new Promise<void>((resolve) => server.listen(9000 + n, ip, () => resolve()));
    backends.push(server);
    await put(`${NET}.${n}`, "/v1/agent/service/register", {
      ID: `shop-${n}`,
      Name: "shop",
      Address: ip,
      Port: 9000 + n,
      Check: { HTTP: `http://${ip}:${9000 + n}/`, Interval: "500ms", Timeout: "2s" },
    });
  };
  await register(1);
  await register(2);
  const config = join(folder, "haproxy.cfg");
  writeFileSync(
    config,
    `global
  maxconn 200
  stats socket ${join(folder, "haproxy.sock")} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
resolvers tribune
  nameserver t1 ${NET}.1:8600
  nameserver t2 ${NET}.2:8600
  accepted_payload_size 8192
  resolve_retries 3
  timeout resolve 300ms
  timeout retry 300ms
  hold valid 500ms
  hold nx 500ms
  hold obsolete 500ms
frontend in
  bind ${NET}.9:8080
  default_backend shop
backend shop
  balance roundrobin
  server-template shop 5 _shop._tcp.service.consul resolvers tribune resolve-prefer ipv4 init-addr none check inter 500ms
listen stats
  bind ${NET}.9:8404
  stats enable
  stats uri /
  stats show-legends
`,
  );
  const haproxy = run(t, "haproxy", ["-db", "-f", config]);
  const up = async (): Promise<readonly string[]> => {
    const csv = await fetch(`http://${NET}.9:8404/;csv`)
      .then((r) => r.text())
      .catch(() => "");
    const rows = csv.split("\n").map((line) => line.split(","));
    const at = (name: string): number => rows[0]!.indexOf(name);
    return rows
      .filter((r) => r[0] === "shop" && r[1]?.startsWith("shop") && r[at("status")] === "UP")
      .map((r) => r[at("addr")] ?? "")
      .sort();
  };
  const upIs = (what: string, ns: readonly number[]): Promise<unknown> =>
    eventually(what, async () => {
      const found = await up();
      const wanted = ns.map((n) => `${NET}.${10 + n}:${9000 + n}`);
      return found.length === wanted.length && wanted.every((w, i) => found[i] === w);
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}; up are ${(await up()).join(" ")}\n${haproxy.output()}`);
    });
  /** Its own checks may take a server out for a moment on a busy machine: what twelve requests in a row reach comes to be `ns`. */
  const answeredBy = (...ns: readonly number[]): Promise<unknown> => {
    let from = new Set<string>();
    return eventually(`answers of ${ns.join(", ")}`, async () => {
      from = new Set();
      for (let i = 0; i < 12; i++) from.add(await (await fetch(`http://${NET}.9:8080/`)).text());
      return [...from].sort().join() === ns.map((n) => `${NET}.${10 + n}`).join();
    }).catch((error: Error) => {
      throw new Error(`${error.message}; answers came from ${[...from].join(" ")}\n${haproxy.output()}`);
    });
  };

  await upIs("both servers are up", [1, 2]);
  await answeredBy(1, 2);
  await register(3);
  await upIs("a third comes", [1, 2, 3]);
  await answeredBy(1, 2, 3);
  await put(`${NET}.2`, "/v1/agent/service/deregister/shop-2");
  await upIs("the second goes", [1, 3]);
  await answeredBy(1, 3);
  // Its check fails: DNS leaves it out as if it were not there.
  await put(`${NET}.3`, "/v1/agent/service/maintenance/shop-3?enable=true&reason=upgrade");
  await upIs("maintenance takes the third out", [1]);
  for (const n of [1, 3]) await put(`${NET}.${n}`, `/v1/agent/service/deregister/shop-${n}`);
});

interface PrometheusTarget {
  readonly discoveredLabels: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
}

test("Prometheus: consul_sd_configs finds targets with their labels and follows changes", {
  skip: noPrometheus,
}, async (t) => {
  // One address each: Prometheus makes one target of those that differ in discovered labels alone.
  for (const n of [1, 2, 3]) {
    const backend = createServer((_, res) => res.end("up_and_running 1\n"));
    await new Promise<void>((resolve) => backend.listen(9100, `${NET}.${20 + n}`, () => resolve()));
    t.after(() => backend.close());
  }
  const register = (n: number, extra: object): Promise<void> =>
    put(`${NET}.${n}`, "/v1/agent/service/register", {
      ID: `exporter-${n}`,
      Name: "exporter",
      Address: `${NET}.${20 + n}`,
      Port: 9100,
      ...extra,
    });
  await register(1, { Tags: ["prod", "http"], Meta: { metrics_path: "/m", "team-name": "core" } });
  await register(2, { Tags: ["test"] });
  const config = join(folder, "prometheus.yml");
  writeFileSync(
    config,
    `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: all
    consul_sd_configs: [{ server: "${NET}.3:8500", refresh_interval: 1s }]
    relabel_configs:
      - { source_labels: [__meta_consul_service], regex: exporter, action: keep }
      - { source_labels: [__meta_consul_service_metadata_team_name], target_label: team }
  - job_name: prod
    consul_sd_configs: [{ server: "${NET}.2:8500", services: [exporter], tags: [prod], refresh_interval: 1s }]
`,
  );
  const at = `${NET}.30:9090`;
  const prometheus = run(t, PROMETHEUS, [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "prometheus")}`,
    `--web.listen-address=${at}`,
  ]);
  const targets = async (job: string): Promise<readonly PrometheusTarget[]> => {
    const reply = await fetch(`http://${at}/api/v1/targets?state=active`)
      .then((r) => r.json() as Promise<{ data: { activeTargets: readonly PrometheusTarget[] } }>)
      .catch(() => undefined);
    return (reply?.data.activeTargets ?? [])
      .filter((target) => target.labels["job"] === job)
      .sort((a, b) =>
        a.discoveredLabels["__meta_consul_service_id"]! < b.discoveredLabels["__meta_consul_service_id"]!
          ? -1
          : 1,
      );
  };
  const count = (job: string, n: number): Promise<readonly PrometheusTarget[]> =>
    eventually(`${n} targets of job ${job}`, async () => {
      const found = await targets(job);
      return found.length === n ? found : undefined;
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${prometheus.output()}`);
    });

  const [first, second] = await count("all", 2);
  const labels = first!.discoveredLabels;
  assert.equal(labels["__address__"], `${NET}.21:9100`);
  assert.equal(labels["__meta_consul_address"], `${NET}.1`);
  assert.equal(labels["__meta_consul_dc"], "dc1");
  assert.equal(labels["__meta_consul_node"], "t1");
  assert.equal(labels["__meta_consul_service"], "exporter");
  assert.equal(labels["__meta_consul_service_address"], `${NET}.21`);
  assert.equal(labels["__meta_consul_service_id"], "exporter-1");
  assert.equal(labels["__meta_consul_service_port"], "9100");
  assert.equal(labels["__meta_consul_tags"], ",prod,http,");
  assert.equal(labels["__meta_consul_service_metadata_metrics_path"], "/m");
  assert.equal(labels["__meta_consul_tagged_address_lan"], `${NET}.1`);
  assert.equal(labels["__meta_consul_tagged_address_wan"], `${NET}.1`);
  assert.equal(first!.labels["team"], "core");
  assert.equal(second!.discoveredLabels["__meta_consul_node"], "t2");
  assert.equal((await count("prod", 1))[0]!.discoveredLabels["__meta_consul_service_id"], "exporter-1");
  await eventually("it is scraped", async () => (await targets("prod"))[0]?.health === "up");

  await register(3, { Tags: ["prod"] });
  await count("all", 3);
  await count("prod", 2);
  await register(1, { Tags: ["retired"] });
  assert.equal((await count("prod", 1))[0]!.discoveredLabels["__meta_consul_node"], "t3");
  for (const n of [1, 2, 3]) await put(`${NET}.${n}`, `/v1/agent/service/deregister/exporter-${n}`);
  await count("all", 0);
});
