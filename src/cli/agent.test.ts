/** The program itself: a server and a client as processes of their own, and the commands against them. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type CliResult, cli } from "./testing.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const SERVER = "127.8.2.1";
const CLIENT = "127.8.2.2";
const DEADLINE_MS = 100_000;
const folder = mkdtempSync(join(tmpdir(), "tribune-cli-"));

/** An agent process and all that it has written. */
class Program {
  output = "";
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(words: readonly string[]) {
    this.child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN, ...words], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on("data", (chunk: Buffer) => {
        this.output += chunk.toString("utf8");
      });
    this.ended = new Promise((resolve) => this.child.on("close", (code) => resolve(code)));
  }

  waitFor(pattern: RegExp): Promise<void> {
    return until(
      () => pattern.test(this.output),
      () => `${pattern} in\n${this.output}`,
    );
  }
}

async function until(done: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await done())) {
    if (Date.now() > deadline) assert.fail(`waited ${DEADLINE_MS} ms for ${what()}`);
    await delay(30);
  }
}

const ask = (words: string, stdin = "", address = SERVER) =>
  cli(words.split(" "), { env: { CONSUL_HTTP_ADDR: `${address}:8500`, SHELL: "/bin/sh" }, stdin });

/** Runs a command on the nodes; again, with more time for their answers, while `done` is not satisfied. */
async function execUntil(
  run: (wait: string) => Promise<CliResult>,
  done: (r: CliResult) => boolean,
): Promise<CliResult> {
  for (const wait of ["600ms", "2s", "6s"]) {
    const r = await run(wait);
    if (done(r)) return r;
  }
  return run("20s");
}

let server: Program;
let client: Program;

before(async () => {
  server = new Program(
    `agent -server -bootstrap-expect 1 -data-dir ${folder}/s1 -bind ${SERVER} -client ${SERVER} -node s1 -pid-file ${folder}/pid`.split(
      " ",
    ),
  );
  await server.waitFor(/Synced service 'consul'/);
  writeFileSync(
    join(folder, "web.json"),
    '{"service": {"name": "web", "port": 80, "tags": ["a"], "check": {"script": "true", "interval": "15s"}}}',
  );
  client = new Program(
    `agent -data-dir ${folder}/c1 -bind ${CLIENT} -client ${CLIENT} -node c1 -join ${SERVER} -config-file ${folder}/web.json`.split(
      " ",
    ),
  );
  await client.waitFor(/Synced service 'web'/);
});

after(async () => {
  for (const program of [client, server]) program?.child.kill("SIGKILL");
  await Promise.all([client?.ended, server?.ended]);
  rmSync(folder, { recursive: true, force: true });
});

test("agent: the banner of a server", () => {
  assert.equal(
    server.output.split("==> Log data")[0],
    `==> WARNING: BootstrapExpect Mode is specified as 1; this is the same as Bootstrap mode.
==> WARNING: Bootstrap mode enabled! Do not enable unless necessary
==> Starting Consul agent...
==> Starting Consul agent RPC...
==> Consul agent running!
         Node name: 's1'
        Datacenter: 'dc1'
            Server: true (bootstrap: true)
       Client Addr: ${SERVER} (HTTP: 8500, HTTPS: -1, DNS: 8600, RPC: 8400)
      Cluster Addr: ${SERVER} (LAN: 8301, WAN: 8302)
    Gossip encrypt: false, RPC-TLS: false, TLS-Incoming: false
             Atlas: <disabled>
       Remote exec: on (HTTP on loopback only)
     Script checks: from files: on, by API: on (HTTP on loopback only)

`,
  );
  assert.match(server.output, /\n==> Log data will now stream in as it occurs:\n\n {4}\d{4}\/\d\d\/\d\d /);
});

test("agent: the banner of a client that joins", () => {
  assert.ok(
    client.output.startsWith(
      "==> Starting Consul agent...\n==> Starting Consul agent RPC...\n==> Joining cluster...\n    Join completed. Synced with 1 initial agents\n==> Consul agent running!\n         Node name: 'c1'\n",
    ),
    client.output,
  );
  assert.match(client.output, /\[INFO\] agent: \(LAN\) joined: 1 Err: <nil>\n/);
  assert.ok(!/\] agent: Join completed/.test(client.output), "said once");
});

test("members: the tutorial's columns", async () => {
  const r = await ask("members");
  assert.deepEqual(r, {
    code: 0,
    stderr: "",
    stdout: `Node  Address         Status  Type    Build  Protocol  DC
c1    ${CLIENT}:8301  alive   client  1.8.7  2         dc1
s1    ${SERVER}:8301  alive   server  1.8.7  2         dc1
`,
  });
  const rpc = await cli(["members", `-rpc-addr=${CLIENT}:8400`]);
  assert.deepEqual(rpc, r);
  const byEnv = await cli(["members"], { env: { CONSUL_RPC_ADDR: `${SERVER}:8400` } });
  assert.deepEqual(byEnv, r);
});

test("members: status, details, nothing found", async () => {
  assert.deepEqual(await ask("members -status=left"), { code: 2, stdout: "", stderr: "" });
  assert.match((await ask("members -status=al.ve")).stdout, /s1/);
  assert.match(
    (await ask("members -status=(")).stderr,
    /^Failed to compile status regexp: error parsing regexp: missing closing \)/,
  );
  assert.match(
    (await ask("members -detailed")).stdout,
    /^Node {2}Address {9}Status {2}Tags\nc1 .* alive {3}acls=0,build=1\.8\.7:.*,segment=<default>,.*\ns1 .*,segment=<all>,/,
  );
  assert.match(
    (await ask("members -wan")).stdout,
    /\ns1\.dc1 {2}127\.8\.2\.1:8302 {2}alive {3}server {2}1\.8\.7 {2}2 {9}dc1\n$/,
  );
});

test("exec: on every node, as the tutorial shows it", async () => {
  const r = await execUntil(
    (wait) => ask(`exec -wait=${wait} echo hello`),
    ({ stdout }) => stdout.includes("2 / 2 node(s)"),
  );
  assert.equal(r.code, 0);
  const lines = r.stdout.trimEnd().split("\n");
  assert.equal(lines.pop(), "2 / 2 node(s) completed / acknowledged");
  for (const node of ["s1", "c1"])
    assert.deepEqual(
      lines.filter((l) => l.includes(node)),
      [`    ${node}: hello`, `    ${node}:`, `==> ${node}: finished with exit code 0`],
    );
});

test("exec: filters, exit codes, script from standard input, no shell", async () => {
  const all = ({ stdout }: CliResult): boolean => stdout.includes("1 / 1 node(s)");
  const failed = await execUntil((wait) => ask(`exec -wait=${wait} -node=^c exit 3`), all);
  assert.deepEqual(
    [failed.code, failed.stdout],
    [2, "==> c1: finished with exit code 3\n1 / 1 node(s) completed / acknowledged\n"],
  );
  const lines =
    "    c1: one\n    c1: two\n    c1:\n==> c1: finished with exit code 0\n1 / 1 node(s) completed / acknowledged\n";
  const script = await execUntil(
    (wait) => ask(`exec -wait=${wait} -service=^web$ -tag=a -`, "echo one\necho two >&2\n"),
    // Written half a second apart, the lines come in two pieces.
    ({ stdout }) => stdout === lines,
  );
  assert.equal(script.stdout, lines);
  const argv = await execUntil(
    (wait) =>
      cli(["exec", `-wait=${wait}`, "-node=s1", "-shell=false", "echo", "a  b", "$HOME"], {
        env: { CONSUL_HTTP_ADDR: `${CLIENT}:8500` },
      }),
    all,
  );
  assert.match(argv.stdout, /^ {4}s1: a {2}b \$HOME\n/);
  const nobody = await ask("exec -wait=300ms -node=nope true");
  assert.deepEqual([nobody.code, nobody.stdout], [0, "0 / 0 node(s) completed / acknowledged\n"]);
  assert.match(nobody.stderr, /No node took the command/);
});

test("exec: refusals", async () => {
  assert.match((await ask("exec")).stderr, /^Must specify a command to execute\n\nUsage: tribune exec/);
  assert.equal((await ask("exec -tag=x true")).stderr, "Cannot provide tag filter without service filter.\n");
  assert.equal(
    (await ask("exec -shell=false -")).stderr,
    "Cannot configure -shell=false when reading from stdin\n",
  );
});

test("kv: put, get, cas, lists, export, import, delete", async () => {
  const key = "cli/test";
  assert.equal((await ask(`kv put ${key} 1`)).stdout, `Success! Data written to: ${key}\n`);
  assert.equal((await ask(`kv get ${key}`)).stdout, "1\n");
  assert.equal((await ask(`kv put ${key} -`, "from stdin")).code, 0);
  assert.equal((await ask(`kv get /${key}`)).stdout, "from stdin\n");
  assert.equal((await ask(`kv get -base64 ${key}`)).stdout, "ZnJvbSBzdGRpbg==\n");
  assert.deepEqual(await ask("kv get cli/none"), {
    code: 1,
    stdout: "",
    stderr: "Error! No key exists at: cli/none\n",
  });
  const detailed = (await ask(`kv get -detailed ${key}`)).stdout;
  assert.match(
    detailed,
    /^CreateIndex {6}\d+\nFlags {12}0\nKey {14}cli\/test\nLockIndex {8}0\nModifyIndex {6}\d+\nSession {10}-\nValue {12}from stdin\n$/,
  );
  const index = /ModifyIndex +(\d+)/.exec(detailed)![1];
  assert.equal(
    (await ask(`kv put -cas -modify-index=1 ${key} x`)).stderr,
    `Error! Did not write to ${key}: CAS failed\n`,
  );
  assert.equal(
    (await ask(`kv put -cas -modify-index=${index} -flags=18446744073709551615 ${key} x`)).code,
    0,
  );
  assert.match((await ask(`kv get -detailed ${key}`)).stdout, /Flags {12}18446744073709551615\n/);
  assert.equal(
    (await ask(`kv put -base64 ${key}2 !!`)).stderr,
    "Error! Cannot base 64 decode data: illegal base64 data at input byte 0\n",
  );
  assert.equal(
    (await ask("kv put /a 1")).stderr,
    "Error! Failed writing data: Invalid key. Key must not begin with a '/': /a\n",
  );
  const exported = (await ask("kv export cli")).stdout;
  assert.equal(
    exported,
    `[\n\t{\n\t\t"key": "${key}",\n\t\t"flags": 18446744073709551615,\n\t\t"value": "eA=="\n\t}\n]\n`,
  );
  assert.equal((await ask("kv import -prefix=copy/ -", exported)).stdout, `Imported: copy/${key}\n`);
  assert.equal((await ask("kv get -recurse copy/")).stdout, `copy/${key}:x\n`);
  assert.equal((await ask("kv get -keys cli/")).stdout, `${key}\n`);
  assert.equal((await ask("kv delete -recurse copy/")).stdout, "Success! Deleted keys with prefix: copy/\n");
  assert.equal((await ask(`kv delete ${key}`)).stdout, `Success! Deleted key: ${key}\n`);
});

test("catalog", async () => {
  assert.equal((await ask("catalog datacenters")).stdout, "dc1\n");
  assert.equal((await ask("catalog services -tags")).stdout, "consul      \nweb         a\n");
  assert.equal((await ask("catalog services -node=c1")).stdout, "web\n");
  assert.match(
    (await ask("catalog nodes -service=web")).stdout,
    /^Node {2}ID {8}Address {4}DC\nc1 {4}[0-9a-f]{8} {2}127\.8\.2\.2 {2}dc1\n$/,
  );
  const none = await ask("catalog nodes -service=nope");
  assert.deepEqual(
    [none.code, none.stderr],
    [0, "No nodes match the given query - try expanding your search.\n"],
  );
});

test("lock: child, exit codes, semaphore, exclusion", async () => {
  const r = await ask("lock -verbose cli/lock exit 3");
  assert.deepEqual([r.code, r.stderr], [0, "Error running handler: exit status 3\n"]);
  assert.match(
    r.stdout,
    /^Setting up lock at path: cli\/lock\/\.lock\nAttempting lock acquisition\nStarting handler\nChild terminated, releasing lock\nCleanup succeeded\n$/,
  );
  assert.equal((await ask("lock -child-exit-code -n=2 cli/sem exit 3")).code, 2);
  for (const [words, text] of [
    ["lock cli/lock kill -9 $$", "Error running handler: signal: killed\n"],
    [
      "lock -shell=false cli/lock nosuchprogram",
      'Error starting handler: exec: "nosuchprogram": executable file not found in $PATH\n',
    ],
    [
      "lock -shell=false cli/lock ./none",
      "Error starting handler: fork/exec ./none: no such file or directory\n",
    ],
  ] as const)
    assert.deepEqual(await ask(words), { code: 0, stdout: "", stderr: text });
  assert.match(
    (await ask("lock -verbose /cli//lock/ true")).stdout,
    /^Setting up lock at path: cli\/lock\/\.lock\n/,
  );
  const order = join(folder, "order");
  await Promise.all(
    [1, 2, 3].map((n) =>
      ask(`lock cli/mutex echo start ${n} >> ${order}; sleep 0.1; echo end ${n} >> ${order}`),
    ),
  );
  const { readFileSync } = await import("node:fs");
  const lines = readFileSync(order, "utf8").trim().split("\n");
  assert.equal(lines.length, 6);
  for (let i = 0; i < 6; i += 2)
    assert.equal(lines[i]!.replace("start", "end"), lines[i + 1], lines.join(", "));
});

test("watch: once, and a handler at each change", async () => {
  assert.match((await ask("watch -type=nodes")).stdout, /^\[\n {4}\{\n {8}"ID": "/);
  assert.equal((await ask("watch -type=key -key=cli/none")).stdout, "null\n");
  const seen = join(folder, "seen");
  const stop = new AbortController();
  const run = cli(
    ["watch", "-type=key", "-key=cli/watched", `cat >> ${seen}; echo $CONSUL_INDEX >> ${seen}`],
    {
      env: { ...process.env, CONSUL_HTTP_ADDR: `${SERVER}:8500` },
      interrupt: stop.signal,
    },
  );
  const { existsSync, readFileSync } = await import("node:fs");
  const text = (): string => (existsSync(seen) ? readFileSync(seen, "utf8") : "");
  await until(
    () => /^null\n\d+\n$/.test(text()),
    () => `first run, have ${text()}`,
  );
  await ask("kv put cli/watched 2");
  await until(
    // Handlers find the session of a pair that has none, too.
    () => /"Flags":0,"Value":"Mg==","Session":""\}\n\d+\n$/.test(text()),
    () => `second run, have ${text()}`,
  );
  stop.abort();
  assert.equal((await run).code, 0);
  const failing = await ask("watch -type=key -key=cli/watched exit 4");
  assert.deepEqual([failing.code, failing.stderr], [1, "Error executing handler: exit status 4\n"]);
  const absent = await ask("watch -type=nodes -shell=false nosuchprogram");
  assert.deepEqual(
    [absent.code, absent.stderr],
    [1, 'Error starting handler: exec: "nosuchprogram": executable file not found in $PATH\n'],
  );
});

test("watch: refusals", async () => {
  assert.match((await ask("watch")).stderr, /^Watch type must be specified\n\nUsage/);
  assert.equal((await ask("watch -type=x")).stderr, "Unsupported watch type: x\n");
  assert.equal((await ask("watch -type=key")).stderr, "Must specify a single key to watch\n");
  assert.equal((await ask("watch -type=nodes -service=x")).stderr, "Invalid parameters: [service]\n");
});

test("maint, event, info, rtt, operator, keyring", async () => {
  assert.equal(
    (await ask("maint -enable -reason=upgrade", "", CLIENT)).stdout,
    "Node maintenance is now enabled\n",
  );
  assert.equal((await ask("maint", "", CLIENT)).stdout, "Node:\n  Name:   c1\n  Reason: upgrade\n\n");
  assert.equal((await ask("maint -disable", "", CLIENT)).stdout, "Node maintenance is now disabled\n");
  assert.equal(
    (await ask("maint -enable -service=nope")).stderr,
    'Error enabling service maintenance: Unexpected response code: 404 (No service registered with ID "nope")\n',
  );
  assert.match((await ask("event -name=x payload")).stdout, /^Event ID: [0-9a-f-]{36}\n$/);
  const info = await ask("info");
  assert.match(info.stdout, /^agent:\n\tcheck_monitors = \d+\n/);
  assert.match(info.stdout, /\nraft:\n[\s\S]*\tstate = Leader\n/);
  assert.match((await cli(["info", `-rpc-addr=${SERVER}:8400`])).stdout, /\nserf_lan:\n/);
  assert.match(
    (await ask("operator raft list-peers")).stdout,
    /^Node {2}ID {36}Address {9}State {3}Voter {2}RaftProtocol\ns1 .* leader {2}true {3}3\n$/,
  );
  assert.match(
    (await ask("operator autopilot get-config")).stdout,
    /^CleanupDeadServers = true\nLastContactThreshold = 200ms\n/,
  );
  assert.equal((await ask("operator autopilot set-config -min-quorum=3")).stdout, "Configuration updated!\n");
  const ring = await ask("keyring -list");
  assert.deepEqual([ring.code, ring.stdout], [1, "==> Gathering installed encryption keys...\n"]);
  assert.match(ring.stderr, /Keyring is empty \(encryption not enabled\)/);
});

test("snapshot: save, inspect, restore, a damaged file", async () => {
  const file = join(folder, "s.snap");
  assert.match((await ask(`snapshot save ${file}`)).stdout, /^Saved and verified snapshot to index \d+\n$/);
  assert.match(
    (await ask(`snapshot inspect ${file}`)).stdout,
    /^ID {11}\S+\nSize {9}\d+\nIndex {8}\d+\nTerm {9}\d+\nVersion {6}1\n\n$/,
  );
  assert.equal((await ask(`snapshot restore ${file}`)).stdout, "Restored snapshot\n");
  const { readFileSync } = await import("node:fs");
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, bytes.length - 30));
  assert.match(
    (await ask(`snapshot inspect ${file}`)).stderr,
    /^Error verifying snapshot: failed to read snapshot file: failed reading snapshot: unexpected EOF\n$/,
  );
  assert.equal(
    (await ask("snapshot inspect /nonexist")).stderr,
    "Error opening snapshot file: open /nonexist: no such file or directory\n",
  );
});

test("services and config entries from files", async () => {
  const file = join(folder, "svc.hcl");
  writeFileSync(file, 'service { name = "svc" port = 7 check { args = ["true"] interval = "10s" } }');
  assert.equal((await ask(`services register ${file}`)).stdout, "Registered service: svc\n");
  await until(
    async () => (await ask("catalog services")).stdout.includes("svc\n"),
    () => "svc in the catalog",
  );
  assert.equal((await ask(`services deregister ${file}`)).stdout, "Deregistered service: svc\n");
  writeFileSync(file, 'service { name = "svc" prt = 7 }');
  assert.match(
    (await ask(`services register ${file}`)).stderr,
    /invalid config key service\.prt[\s\S]*did you mean "port"\?/,
  );
  assert.equal(
    (await ask("config write -", 'kind = "service-defaults"\nname = "web"\nprotocol = "http"')).stdout,
    "Config entry written: service-defaults/web\n",
  );
  assert.match((await ask("config read -kind=service-defaults -name=web")).stdout, /"Protocol": "http"/);
  assert.equal((await ask("config list -kind=service-defaults")).stdout, "web\n");
  assert.equal(
    (await ask("config delete -kind=service-defaults -name=web")).stdout,
    "Config entry deleted: service-defaults/web\n",
  );
});

test("intention: create, replace, get, match, check, list, delete", async () => {
  const said = async (words: string): Promise<readonly [number, string]> => {
    const r = await ask(`intention ${words}`);
    return [r.code, r.stdout + r.stderr];
  };
  assert.deepEqual(await said("create -deny -meta a=b web db"), [0, "Created: web => db (deny)\n"]);
  assert.match(
    (await said("create web db"))[1],
    /^Error creating intention "web => db \(allow\)": Unexpected response code: 500 \(duplicate intention found/,
  );
  assert.deepEqual(await said("check web db"), [1, "Denied\n"]);
  assert.deepEqual(await said("check web"), [
    2,
    "Error: command requires exactly two arguments: src and dst\n",
  ]);
  assert.deepEqual(await said("create -replace web db"), [0, ""]);
  assert.deepEqual(await said("check web db"), [0, "Allowed\n"]);
  assert.deepEqual(await said("match db"), [0, "web => db (allow)\n"]);
  assert.match(
    (await said("get web db"))[1],
    /^Source: {7}web\nDestination: {2}db\nAction: {7}allow\nID: {11}[0-9a-f-]{36}\nCreated At: {3}\w+day, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d \S+\n$/,
  );
  assert.match(
    (await said("list"))[1],
    /^ID +Source +Action +Destination +Precedence\n\S+ +web +allow +db +9\n$/,
  );
  assert.deepEqual(await said("delete web db"), [0, "Intention deleted.\n"]);
  assert.deepEqual(await said("get web db"), [
    1,
    'Error: Intention with source "web" and destination "db" not found.\n',
  ]);
  assert.deepEqual(await said("create a/b/c db"), [
    1,
    "Error: Invalid intention source: target can contain at most one '/'\n",
  ]);
});

test("connect expose: an ingress gateway's entry and an intention", async () => {
  const expose = "connect expose -service web -ingress-gateway igw -port 8888";
  assert.equal(
    (await ask(expose)).stdout,
    'Successfully updated config entry for ingress service "igw"\nSuccessfully set up intention for "igw" -> "web"\n',
  );
  assert.equal(
    (await ask(expose)).stdout,
    'Updating service definition for "web" on listener with port 8888\nSuccessfully updated config entry for ingress service "igw"\nIntention already exists for "igw" -> "web"\n',
  );
  assert.match((await ask(`${expose} -protocol http`)).stderr, /conflicting protocol "tcp"/);
  assert.equal((await ask("config delete -kind ingress-gateway -name igw")).code, 0);
  assert.equal((await ask("intention delete igw web")).code, 0);
});

test("operator: usage of the catalog, autopilot's state", async () => {
  const usage = (await ask("operator usage instances -all-datacenters")).stdout;
  assert.match(usage, /^Billable Service Instances Total: \d+\n\nNodes\nNodes\n2\n/);
  assert.match(usage, /\nmesh-gateway +0\n/);
  interface State {
    readonly Leader: string;
    readonly Servers: Readonly<Record<string, { readonly Name: string; readonly Status: string }>>;
  }
  // Autopilot looks at the servers every two seconds.
  let state: State | undefined;
  await until(
    async () => {
      state = JSON.parse((await ask("operator autopilot state -format json")).stdout) as State;
      return state.Leader !== "";
    },
    () => "autopilot's first look at its server",
  );
  const { Name, Status } = state!.Servers[state!.Leader]!;
  assert.deepEqual([Name, Status], ["s1", "leader"]);
  assert.match(
    (await ask("operator autopilot state")).stdout,
    /^Healthy: +\w+\n[\s\S]*\n {6}Status: +leader\n/,
  );
  for (const words of ["operator usage instances", "operator autopilot state"])
    assert.match((await ask(`${words} -datacenter dc9`)).stderr, /500 \(No path to datacenter\)/);
});

test("acl: while access control is off", async () => {
  for (const [words, text] of [
    ["acl bootstrap", "Failed ACL bootstrapping"],
    ["acl policy list", "Failed to retrieve the policy list"],
    ["acl token create -policy-name p", "Failed to create new token"],
    ["acl set-agent-token agent x", 'Failed to set ACL token "agent"'],
    ["logout", "Error destroying token"],
  ] as const)
    assert.deepEqual(await ask(words), {
      code: 1,
      stdout: "",
      stderr: `${text}: Unexpected response code: 401 (ACL support disabled)\n`,
    });
});

test("a client's datacenter reaches every request", async () => {
  const r = await ask(`snapshot save -datacenter dc9 ${folder}/never.snap`);
  assert.deepEqual(
    [r.code, r.stderr],
    [1, "Error saving snapshot: Unexpected response code: 500 (No path to datacenter)\n"],
  );
});

test("monitor: lines of the level asked for, until interrupted", async () => {
  for (const more of [[], [`-rpc-addr=${SERVER}:8400`]]) {
    const stop = new AbortController();
    let shown = "";
    const run = cli(["monitor", "-log-level=debug", ...more], {
      env: { CONSUL_HTTP_ADDR: `${SERVER}:8500` },
      interrupt: stop.signal,
      onOut: (text) => {
        shown += text;
      },
    });
    await until(
      async () => (await ask("event -name=wake")).code === 0 && shown.includes("\n"),
      () => "a line of the log",
    );
    stop.abort();
    const r = await run;
    assert.equal(r.code, 0);
    assert.match(r.stdout, /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[[A-Z]+\] /);
  }
  assert.match(
    (await ask("monitor -log-level=x")).stderr,
    /^Error starting monitor: Unexpected response code: 400/,
  );
});

test("reload: a broken file is refused with its place, a good one applied", async () => {
  const good = '{"service": {"name": "web", "port": 81}}';
  writeFileSync(join(folder, "web.json"), '{"service": {"name": "web" "port": 81}}');
  const refused = await ask("reload", "", CLIENT);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /^Error reloading: Unexpected response code: 500 \(failed to parse .*web\.json: invalid character '"' after object key:value pair\n[\s\S]*web\.json:1:27\n[\s\S]*did you forget a comma after "name": "web"\?/,
  );
  writeFileSync(join(folder, "web.json"), good);
  assert.deepEqual(await ask("reload", "", CLIENT), {
    code: 0,
    stdout: "Configuration reload triggered\n",
    stderr: "",
  });
});

test("join and force-leave: failures", async () => {
  const join_ = await ask("join 127.8.2.99");
  assert.equal(join_.code, 1);
  assert.match(
    join_.stderr,
    /^Error joining address '127\.8\.2\.99': Unexpected response code: 500 \(1 error occurred:\n\t\* Failed to join 127\.8\.2\.99: dial tcp 127\.8\.2\.99:8301: connect: connection refused\n\n\)\nFailed to join any nodes\.\n$/,
  );
  assert.match((await ask("join")).stderr, /^At least one address to join must be specified\.\n\nUsage/);
  assert.equal((await ask(`join ${CLIENT}`)).stdout, "Successfully joined cluster by contacting 1 nodes.\n");
  assert.equal(
    (await ask("force-leave nope")).stderr,
    "Error force leaving: Unexpected response code: 500 (agent: No node found with name 'nope')\n",
  );
});

test("no agent there", async () => {
  const r = await cli(["members"], { env: { CONSUL_HTTP_ADDR: "127.8.2.200:8500" } });
  assert.deepEqual(r, {
    code: 1,
    stdout: "",
    stderr:
      'Error retrieving members: Get "http://127.8.2.200:8500/v1/agent/members?segment=_all": dial tcp 127.8.2.200:8500: connect: connection refused\n',
  });
  assert.equal(
    (await cli(["info", "-http-addr=ftp://x"])).stderr,
    "Error connecting to Consul agent: Unknown protocol scheme: ftp\n",
  );
});

test("agent: starts that fail say what, why and what to do", async () => {
  const broken = join(folder, "broken.json");
  writeFileSync(broken, '{\n  "server": true\n  "ui": true\n}');
  const config = new Program(["agent", "-config-file", broken]);
  assert.equal(await config.ended, 1);
  assert.match(
    config.output,
    /^==> failed to parse .*broken\.json: invalid character '"' after object key:value pair\n {4}.*broken\.json:2:17\n {4}2 \| {3}"server": true\n/,
  );
  const clash = new Program(
    `agent -data-dir ${folder}/x -bind 127.8.2.3 -client ${SERVER} -node x`.split(" "),
  );
  assert.equal(await clash.ended, 1);
  assert.match(
    clash.output,
    /==> Error starting agent: Error starting HTTP: .*127\.8\.2\.1:8500.*address already in use; another program .* -http-port or -client\n/,
  );
  const lonely = new Program(
    `agent -data-dir ${folder}/y -bind 127.8.2.4 -client 127.8.2.4 -node y -join 127.8.2.99`.split(" "),
  );
  assert.equal(await lonely.ended, 1);
  assert.match(
    lonely.output,
    /==> Error starting agent: .*\n.*Failed to join 127\.8\.2\.99: dial tcp 127\.8\.2\.99:8301: connect: connection refused/,
  );
  const extra = new Program(["agent", "x"]);
  assert.deepEqual([await extra.ended, extra.output], [1, "==> Unexpected extra arguments: [x]\n"]);
});

test("agent: a client's SIGINT leaves, a server's SIGTERM just ends", async () => {
  client.child.kill("SIGINT");
  assert.equal(await client.ended, 0);
  assert.match(
    client.output,
    /Caught signal: interrupt[\s\S]*Gracefully shutting down agent\.\.\.[\s\S]*Graceful exit completed/,
  );
  await until(
    async () => /c1 .* left /.test((await ask("members")).stdout),
    () => "c1 left",
  );
  const { existsSync, readFileSync } = await import("node:fs");
  assert.equal(readFileSync(join(folder, "pid"), "utf8"), String(server.child.pid));
  server.child.kill("SIGTERM");
  assert.equal(await server.ended, 1);
  assert.ok(!existsSync(join(folder, "pid")));
});
