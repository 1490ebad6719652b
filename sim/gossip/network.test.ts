import assert from "node:assert/strict";
import { openTransport, transportSuite } from "../../src/gossip/memberlist/transport-suite.ts";
import { seededRandom } from "../../src/ports/random.ts";
import { SimClock, settle } from "../clock.ts";
import { SimNetwork } from "./network.ts";

transportSuite("simulated network", async () => {
  const clock = new SimClock();
  const network = new SimNetwork(
    { delayMsMin: 1, delayMsMax: 5, loss: 0 },
    { clock, random: seededRandom(1) },
  );
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    let done = false;
    const watched = promise.finally(() => {
      done = true;
    });
    watched.catch(() => {});
    await settle();
    while (!done && clock.step()) await settle();
    return watched;
  };
  return {
    a: await openTransport(network.transport("10.0.0.1", 0)),
    b: await openTransport(network.transport("10.0.0.2", 0)),
    nobody: { host: "10.0.0.3", port: 1 },
    until: async (condition) => {
      for (const end = clock.now() + 5000; !condition(); await clock.run(1))
        assert.ok(clock.now() < end, "not within 5 simulated s");
    },
    settled,
  };
});
