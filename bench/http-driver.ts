/** The bench's own HTTP client: many requests over a fixed number of connections. */
import { Agent, request } from "node:http";

const agents = new Map<number, Agent>();

function agentOf(connections: number): Agent {
  let agent = agents.get(connections);
  if (agent === undefined) {
    agent = new Agent({ keepAlive: true, maxSockets: connections });
    agents.set(connections, agent);
  }
  return agent;
}

/** Closes what is idle: the program behind it is about to end. */
export function closeConnections(): void {
  for (const agent of agents.values()) agent.destroy();
  agents.clear();
}

/**
 * One request; rejects unless the answer is 200. A kept connection that the other side closes in the very moment of the request is
 * no failure of either: the request is made once more on a new one.
 */
export function send(method: string, url: string, body?: string, connections = 32): Promise<string> {
  return attempt(method, url, body, connections).catch((error: Error) =>
    error instanceof StaleConnection ? attempt(method, url, body, connections) : Promise.reject(error),
  );
}

class StaleConnection extends Error {}

function attempt(
  method: string,
  url: string,
  body: string | undefined,
  connections: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method, agent: agentOf(connections), timeout: 30_000 }, (res) => {
      const parts: Buffer[] = [];
      res.on("data", (part: Buffer) => parts.push(part));
      res.on("error", reject);
      res.on("end", () => {
        const text = Buffer.concat(parts).toString("utf8");
        if (res.statusCode === 200) resolve(text);
        else reject(new Error(`${method} ${url}: ${res.statusCode} ${text}`));
      });
    });
    req.on("timeout", () => req.destroy(new Error(`${method} ${url}: no answer in 30 s`)));
    req.on("error", (error: NodeJS.ErrnoException) =>
      reject(req.reusedSocket && error.code === "ECONNRESET" ? new StaleConnection(error.message) : error),
    );
    req.end(body);
  });
}

export const getJson = async (url: string): Promise<unknown> => JSON.parse(await send("GET", url));

/** Runs `count` tasks, `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  task: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}
