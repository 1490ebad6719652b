/** For tests: a server agent of one with its HTTP door on loopback, and requests that are sent as written. */
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunningAgent } from "../agent/agent.ts";
import { eventually, startTestAgent } from "../agent/fixture.ts";
import { createHttpDoor, type HttpDoor, type HttpDoorOptions } from "./door.ts";

export interface TestDoor {
  readonly agent: RunningAgent;
  readonly door: HttpDoor;
  readonly ip: string;
  readonly lines: readonly string[];
  close(): Promise<void>;
}

/** `ip`: where everything listens, on Consul's usual ports. The agent leads when this resolves. */
export async function startTestDoor(
  ip: string,
  hcl: string = "",
  options: HttpDoorOptions = {},
): Promise<TestDoor> {
  let door: HttpDoor | undefined;
  const folder = mkdtempSync(join(tmpdir(), "http-door-"));
  const { agent, lines } = await startTestAgent(
    `node_name = "srv1" server = true bootstrap_expect = 1 bind_addr = "${ip}" client_addr = "${ip}" data_dir = "${folder}"
     performance { raft_multiplier = 1 leave_drain_time = "10ms" } ${hcl}`,
    {
      level: "debug",
      hooks: {
        openDoors: async (a) => {
          const made = createHttpDoor(a, options);
          await made.start();
          door = made;
          return () => made.close();
        },
      },
    },
  );
  await eventually("serfHealth is in the catalog", async () => {
    const health = await send(ip, "GET", "/v1/health/node/srv1");
    return health.body.includes("serfHealth") && (await send(ip, "GET", "/v1/status/leader")).body !== '""';
  });
  return {
    agent,
    door: door!,
    ip,
    lines,
    close: async () => {
      await agent.shutdown(0);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Answered {
  readonly status: number;
  /** Names as they came on the wire. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly bytes: Buffer;
}

/** One request on a connection of its own. */
export function send(
  ip: string,
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const length =
      body === undefined || "Transfer-Encoding" in headers
        ? {}
        : { "Content-Length": String(Buffer.byteLength(body)) };
    const req = request(
      { host: ip, port: 8500, method, path, headers: { ...length, ...headers }, agent: false },
      (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (c: Buffer) => chunks.push(c));
        res.on("error", reject);
        res.on("end", () => {
          const bytes = Buffer.concat(chunks);
          const named = new Map<string, string>();
          for (let i = 0; i < res.rawHeaders.length; i += 2)
            named.set(res.rawHeaders[i]!, res.rawHeaders[i + 1]!);
          resolve({ status: res.statusCode ?? 0, headers: named, body: bytes.toString("utf8"), bytes });
        });
      },
    );
    req.on("error", reject);
    req.end(body);
  });
}

/** Bytes sent as they are; what comes back until the peer closes, or `untilMs` have passed. */
export function sendRaw(ip: string, bytes: string | Uint8Array, untilMs: number = 30_000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port: 8500 });
    let out = "";
    const timer = setTimeout(() => socket.destroy(), untilMs);
    socket.on("data", (d) => {
      out += d.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(out);
    });
    socket.write(bytes);
  });
}
