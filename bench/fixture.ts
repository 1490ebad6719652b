/** What the cluster of the read rows holds: 101 keys, 100 further nodes, a service of 3 and one of 300 instances. */
import { inParallel, send } from "./http-driver.ts";
import { until } from "./until.ts";

const NODES = 100;
const VALUE = "x".repeat(64);

const pad = (n: number): string => String(n).padStart(3, "0");

/** One instance of `service` on a node outside the cluster, with a check that passes. */
export const registration = (
  node: string,
  address: string,
  service: string,
  id: string,
  ip: string,
): string =>
  JSON.stringify({
    Node: node,
    Address: address,
    SkipNodeUpdate: false,
    Service: {
      ID: id,
      Service: service,
      Address: ip,
      Port: 8080,
      Tags: ["v1", "primary"],
      Meta: { version: "1" },
    },
    Check: { CheckID: `service:${id}`, Name: "alive", Status: "passing", ServiceID: id, Output: "ok" },
  });

export async function fill(http: string): Promise<void> {
  await send("PUT", `${http}/v1/kv/bench/one`, VALUE);
  await inParallel(100, 16, (i) => send("PUT", `${http}/v1/kv/bench/prefix/${pad(i)}`, VALUE));
  const put = (i: number, service: string): Promise<string> => {
    const n = i % NODES;
    return send(
      "PUT",
      `${http}/v1/catalog/register`,
      registration(
        `node-${pad(n)}`,
        `10.0.0.${n + 1}`,
        service,
        `${service}-${i}`,
        `10.1.${i >> 8}.${i & 255}`,
      ),
    );
  };
  await inParallel(3, 3, (i) => put(i, "few"));
  await inParallel(300, 16, (i) => put(i, "many"));
  await until("fixture", 10_000, async () => {
    const all = JSON.parse(await send("GET", `${http}/v1/health/service/many?passing`)) as unknown[];
    return all.length === 300;
  });
}
