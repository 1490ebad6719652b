/**
 * The four-host tutorial (Consul 0.6.4, 2016), command for command, with real Apache, dnsmasq, dig and curl: s1 is the server, c1 to c3
 * are clients. What the tutorial does by systemd is done by starting the program; everything else is typed as printed.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Host, type HostProcess, Hosts, hostsUnavailable } from "./lib/hosts.ts";

const EXECUTABLE = fileURLToPath(new URL("../build/tribune", import.meta.url));
const CLIENTS = ["c1", "c2", "c3"] as const;
const ADDRESSES = {
  s1: "192.168.33.11",
  c1: "192.168.33.21",
  c2: "192.168.33.22",
  c3: "192.168.33.23",
} as const;

/** web.json as the tutorial prints it: a comma is missing after the port. */
const WEB_JSON_PRINTED = `{
  "service": {
    "name": "web",
    "port": 80
    "check": {
      "script": "curl localhost:80 > /dev/null 2>&1",
      "interval": "15s"
    }
  }
}
`;
const WEB_JSON = WEB_JSON_PRINTED.replace('"port": 80\n', '"port": 80,\n');

const skip = hostsUnavailable();
if (skip !== undefined && process.env["CI"] !== undefined)
  throw new Error(`CI must run the tutorial: ${skip}`);

let hosts: Hosts;
let s1: Host;
const agents = new Map<string, HostProcess>();

before(async () => {
  if (skip !== undefined) return;
  hosts = await Hosts.create(
    Object.entries(ADDRESSES).map(([name, address]) => ({ name, address })),
    { files: new Map([[EXECUTABLE, "/tmp/download/consul"]]) },
  );
  s1 = hosts.host("s1");
});
after(async () => {
  await hosts?.destroy();
});

/** Each step stands on the ones before: after a failure the rest would only repeat it, slowly. */
let failed: string | undefined;
const step = (name: string, run: () => Promise<void>): void => {
  test(name, { skip: skip ?? false }, async (t) => {
    if (failed !== undefined) return t.skip(`"${failed}" failed before`);
    failed = name;
    await run();
    failed = undefined;
  });
};

/** Starts an agent in the foreground, as the tutorial does in a terminal. */
function agent(name: keyof typeof ADDRESSES, command: string): HostProcess {
  const process = hosts.host(name).start(`exec ${command}`);
  agents.set(name, process);
  return process;
}

const writeFile = (path: string, text: string): string => `cat > ${path} <<'END-OF-FILE'\n${text}END-OF-FILE`;
const addressesIn = (dig: string): string[] => [...dig.matchAll(/IN\tA\t(\S+)$/gm)].map((m) => m[1]!).sort();
const allClients = CLIENTS.map((c) => ADDRESSES[c]);

step("install: the executable alone, named consul, says its version", async () => {
  for (const name of ["s1", ...CLIENTS]) {
    const installed = await hosts
      .host(name)
      .run("cd /tmp/download && install consul /usr/local/sbin && rm consul && cd / && consul -v");
    assert.equal(installed.code, 0, installed.stderr);
    assert.match(installed.stdout, /Consul-compatible/);
    assert.match(installed.stdout, /^Consul v\d+\.\d+\.\d+/m);
    assert.match(installed.stdout, /^Consul Protocol: 3 \(Understands back to: 1\)$/m);
  }
});

step("s1: the server starts, with the tutorial's banner and log", async () => {
  const p = agent("s1", "consul agent -server -bootstrap-expect 1 -data-dir /tmp/consul -bind 192.168.33.11");
  await p.waitFor(/cluster leadership acquired/);
  await p.waitFor(/Synced service 'consul'/);
  const banner = p.output.split("Log data will now stream")[0]!;
  const lines = [
    "==> WARNING: BootstrapExpect Mode is specified as 1; this is the same as Bootstrap mode.",
    "==> WARNING: Bootstrap mode enabled! Do not enable unless necessary",
    "==> Starting Consul agent...",
    "==> Starting Consul agent RPC...",
    "==> Consul agent running!",
    "         Node name: 's1'",
    "        Datacenter: 'dc1'",
    "            Server: true (bootstrap: true)",
    "       Client Addr: 127.0.0.1 (HTTP: 8500, HTTPS: -1, DNS: 8600, RPC: 8400)",
    "      Cluster Addr: 192.168.33.11 (LAN: 8301, WAN: 8302)",
    "    Gossip encrypt: false, RPC-TLS: false, TLS-Incoming: false",
    "             Atlas: <disabled>",
  ];
  let at = -1;
  for (const line of lines) {
    const next = banner.indexOf(`${line}\n`, at + 1);
    assert.ok(next > at, `banner line ${JSON.stringify(line)} missing or out of order in\n${banner}`);
    at = next;
  }
  for (const line of [
    "[INFO] serf: EventMemberJoin: s1 192.168.33.11",
    "[INFO] serf: EventMemberJoin: s1.dc1 192.168.33.11",
    "[INFO] raft: Node at 192.168.33.11:8300 [Follower] entering Follower state",
    "[INFO] consul: adding LAN server s1 (Addr: 192.168.33.11:8300) (DC: dc1)",
    "[INFO] consul: adding WAN server s1.dc1 (Addr: 192.168.33.11:8300) (DC: dc1)",
    "[WARN] raft: Heartbeat timeout reached, starting election",
    "[INFO] raft: Node at 192.168.33.11:8300 [Candidate] entering Candidate state",
    "[INFO] raft: Election won. Tally: 1",
    "[INFO] raft: Node at 192.168.33.11:8300 [Leader] entering Leader state",
    "[INFO] consul: cluster leadership acquired",
    "[INFO] consul: New leader elected: s1",
    "[INFO] raft: Disabling EnableSingleNode (bootstrap)",
    "[INFO] consul: member 's1' joined, marking health alive",
    "[INFO] agent: Synced service 'consul'",
  ])
    await p.waitFor(
      new RegExp(`^    \\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d ${RegExp.escape(line)}$`, "m"),
    );
});

step("s1: members shows the server", async () => {
  const { stdout, code } = await s1.run("consul members");
  assert.equal(code, 0);
  const [head, row, ...rest] = stdout.trimEnd().split("\n");
  assert.equal(head, "Node  Address             Status  Type    Build  Protocol  DC");
  assert.match(row!, /^s1 {4}192\.168\.33\.11:8301 {2}alive {3}server {2}\d+\.\d+\.\d+ {2}2 {9}dc1$/);
  assert.deepEqual(rest, []);
});

step("s1: catalog nodes over HTTP", async () => {
  const { stdout } = await s1.until("curl -s http://127.0.0.1:8500/v1/catalog/nodes", (r) =>
    r.stdout.includes('"wan"'),
  );
  const [node, ...rest] = JSON.parse(stdout);
  assert.deepEqual(rest, []);
  assert.equal(node.Node, "s1");
  assert.equal(node.Address, "192.168.33.11");
  assert.equal(node.TaggedAddresses.wan, "192.168.33.11");
  assert.ok(node.CreateIndex > 0 && node.ModifyIndex >= node.CreateIndex);
});

step("s1: dig finds the node", async () => {
  const { stdout } = await s1.run("dig @127.0.0.1 -p 8600 s1.node.consul");
  assert.match(stdout, /status: NOERROR/);
  assert.match(stdout, /;; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0,/);
  assert.match(stdout, /;; WARNING: recursion requested but not available/);
  assert.match(stdout, /^s1\.node\.consul\.\t+0\tIN\tA\t192\.168\.33\.11$/m);
});

step("c1 to c3: clients start and join", async () => {
  for (const c of CLIENTS) {
    const p = agent(c, `consul agent -data-dir /tmp/consul -bind ${ADDRESSES[c]} -join 192.168.33.11`);
    await p.waitFor(/Log data will now stream/);
    const banner = p.output.split("Log data will now stream")[0]!;
    for (const line of [
      "==> Starting Consul agent...",
      "==> Starting Consul agent RPC...",
      "==> Joining cluster...",
      "    Join completed. Synced with 1 initial agents",
      "==> Consul agent running!",
      `         Node name: '${c}'`,
      "            Server: false (bootstrap: false)",
      `      Cluster Addr: ${ADDRESSES[c]} (LAN: 8301, WAN: 8302)`,
    ])
      assert.ok(banner.includes(`${line}\n`), `banner line ${JSON.stringify(line)} missing in\n${banner}`);
    for (const line of [
      `[INFO] serf: EventMemberJoin: ${c} ${ADDRESSES[c]}`,
      "[INFO] agent: (LAN) joining: [192.168.33.11]",
      "[INFO] serf: EventMemberJoin: s1 192.168.33.11",
      "[INFO] agent: (LAN) joined: 1 Err: <nil>",
      "[INFO] consul: adding server s1 (Addr: 192.168.33.11:8300) (DC: dc1)",
      "[INFO] agent: Synced node info",
    ])
      await p.waitFor(new RegExp(RegExp.escape(line)));
  }
});

step("s1: members shows all four", async () => {
  const { stdout } = await s1.until("consul members", (r) => (r.stdout.match(/alive/g) ?? []).length === 4);
  const rows = stdout.trimEnd().split("\n");
  assert.equal(rows[0], "Node  Address             Status  Type    Build  Protocol  DC");
  assert.deepEqual(
    rows.slice(1).map((r) => r.split(/ +/).slice(0, 4).join(" ")),
    [
      "c1 192.168.33.21:8301 alive client",
      "c2 192.168.33.22:8301 alive client",
      "c3 192.168.33.23:8301 alive client",
      "s1 192.168.33.11:8301 alive server",
    ],
  );
});

step("s1 and c2: exec hostname runs everywhere", async () => {
  for (const from of ["s1", "c2"]) {
    // It waits two seconds for a first answer: a busy machine may need another try.
    const { stdout, code, stderr } = await hosts
      .host(from)
      .until("consul exec hostname", (r) => r.stdout.includes("4 / 4 node(s)"));
    assert.equal(code, 0, stderr);
    const lines = stdout.trimEnd().split("\n");
    for (const name of ["s1", ...CLIENTS]) {
      assert.ok(lines.includes(`    ${name}: ${name}`), stdout);
      assert.ok(
        lines.some((l) => l.trimEnd() === `    ${name}:`),
        stdout,
      );
      assert.ok(lines.includes(`==> ${name}: finished with exit code 0`), stdout);
    }
    assert.equal(lines.at(-1), "4 / 4 node(s) completed / acknowledged");
  }
});

step("c1 to c3: Apache answers with the host's name", async () => {
  for (const c of CLIENTS) {
    const host = hosts.host(c);
    await host.run('sh -c "hostname > /var/www/html/index.html"');
    // systemctl restart httpd
    const started = await host.run("mkdir -p /run/apache2 /var/log/apache2 /run/lock && apache2ctl start");
    assert.equal(started.code, 0, started.stderr);
    const { stdout } = await host.until("curl -s http://127.0.0.1", (r) => r.code === 0);
    assert.equal(stdout, `${c}\n`);
  }
});

step("c1: Ctrl + C leaves gracefully", async () => {
  for (const c of CLIENTS) {
    const p = agents.get(c)!;
    p.signal("SIGINT");
    assert.equal(await p.exited(), 0, p.output);
  }
  await s1.until("consul members", (r) => (r.stdout.match(/left/g) ?? []).length === 3);
});

step("c1: web.json as printed misses a comma, and the agent says so", async () => {
  const c1 = hosts.host("c1");
  await c1.run(`mkdir /etc/consul.d && ${writeFile("/etc/consul.d/web.json", WEB_JSON_PRINTED)}`);
  const { stdout, stderr, code } = await c1.run(
    "consul agent -data-dir /tmp/consul -config-dir /etc/consul.d -bind 192.168.33.21 -join 192.168.33.11",
  );
  const text = stdout + stderr;
  assert.equal(code, 1, text);
  assert.match(text, /\/etc\/consul\.d\/web\.json/);
  assert.match(text, /comma/);
  assert.match(text, /web\.json:\d+:\d+/);
  assert.match(text, /"port": 80/);
  assert.match(text, /^\s*(\d+ )?[|\s]*\^/m);
  console.log(text);
});

step("c1 to c3: with the comma, the service and its check come up", async () => {
  for (const c of CLIENTS) {
    const host = hosts.host(c);
    await host.run(`mkdir -p /etc/consul.d && ${writeFile("/etc/consul.d/web.json", WEB_JSON)}`);
    const p = agent(
      c,
      `consul agent -data-dir /tmp/consul -config-dir /etc/consul.d -bind ${ADDRESSES[c]} -join 192.168.33.11`,
    );
    await p.waitFor(/\[INFO\] agent: Synced service 'web'/);
  }
  // A check that passes before the service is first synced goes with it, without a line of its own.
  for (const c of CLIENTS)
    await s1.until(`curl -s http://127.0.0.1:8500/v1/health/node/${c}`, (r) =>
      /"CheckID": ?"service:web"[^}]*"Status": ?"passing"/.test(r.stdout),
    );
});

step("s1: dig finds three instances, A and SRV", async () => {
  const a = await s1.until(
    "dig @127.0.0.1 -p 8600 web.service.consul",
    (r) => addressesIn(r.stdout).length === 3,
  );
  assert.match(a.stdout, /;; flags: qr aa rd; QUERY: 1, ANSWER: 3, AUTHORITY: 0,/);
  assert.match(a.stdout, /^web\.service\.consul\.\t0\tIN\tA\t/m);
  assert.deepEqual(addressesIn(a.stdout), allClients);
  const { stdout } = await s1.run("dig @127.0.0.1 -p 8600 web.service.consul SRV");
  assert.match(stdout, /ANSWER: 3, AUTHORITY: 0, ADDITIONAL: [34]$/m);
  for (const c of CLIENTS) {
    assert.match(
      stdout,
      new RegExp(`^web\\.service\\.consul\\.\\t0\\tIN\\tSRV\\t1 1 80 ${c}\\.node\\.dc1\\.consul\\.$`, "m"),
    );
    assert.match(
      stdout,
      new RegExp(`^${c}\\.node\\.dc1\\.consul\\.\\t0\\tIN\\tA\\t${RegExp.escape(ADDRESSES[c])}$`, "m"),
    );
  }
});

step("s1: dnsmasq forwards the domain, and names work without a port", async () => {
  await s1.run("sh -c \"echo 'server=/consul/127.0.0.1#8600' >> /etc/dnsmasq.conf\"");
  await s1.run("sh -c \"echo 'strict-order' >> /etc/dnsmasq.conf\"");
  await s1.run("echo 'nameserver 127.0.0.1' > /etc/resolv.conf");
  // systemctl start dnsmasq
  s1.start("exec dnsmasq --keep-in-foreground --user=root");
  const { stdout } = await s1.until("dig web.service.consul", (r) => addressesIn(r.stdout).length === 3);
  assert.match(stdout, /;; flags: qr (aa )?rd ra;/);
});

step("s1: curl by name reaches every host", async () => {
  const seen = new Set<string>();
  for (let i = 0; i < 60 && seen.size < 3; i++) {
    const { stdout, code } = await s1.run("curl -s http://web.service.consul");
    assert.equal(code, 0);
    seen.add(stdout.trim());
  }
  assert.deepEqual([...seen].sort(), [...CLIENTS]);
});

const without = (c: (typeof CLIENTS)[number]): string[] => allClients.filter((a) => a !== ADDRESSES[c]);
const digUntil = (want: readonly string[], timeoutMs = 180_000): Promise<unknown> =>
  s1.until(
    "dig @127.0.0.1 -p 8600 web.service.consul",
    (r) => addressesIn(r.stdout).join() === want.join(),
    timeoutMs,
  );

step("c2: Apache dies, its address leaves DNS, and returns with it", async () => {
  await hosts.host("c2").run("apache2ctl stop");
  await digUntil(without("c2"));
  // What is still stopping is no server yet that could be started.
  await hosts.host("c2").until("apache2ctl start; sleep 0.2; curl -sf http://127.0.0.1", (r) => r.code === 0);
  await digUntil(allClients);
});

step("c3: kill -9 of the agent: the node fails, leaves DNS, and returns when restarted", async () => {
  agents.get("c3")!.signal("SIGKILL");
  await agents.get("c3")!.exited();
  await s1.until("consul members", (r) => /^c3 .* failed /m.test(r.stdout), 180_000);
  await digUntil(without("c3"));
  const p = agent(
    "c3",
    "consul agent -data-dir /tmp/consul -config-dir /etc/consul.d -bind 192.168.33.23 -join 192.168.33.11",
  );
  await p.waitFor(/Log data will now stream/);
  await s1.until("consul members", (r) => /^c3 .* alive /m.test(r.stdout), 180_000);
  await digUntil(allClients);
});

step("c1: the network cable is pulled and put back", async () => {
  hosts.setLink("c1", false);
  await s1.until("consul members", (r) => /^c1 .* failed /m.test(r.stdout), 180_000);
  await digUntil(without("c1"));
  hosts.setLink("c1", true);
  await s1.until("consul members", (r) => /^c1 .* alive /m.test(r.stdout), 180_000);
  await digUntil(allClients);
});
