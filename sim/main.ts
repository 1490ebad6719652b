/** `npm run sim -- gossip|raft [options]`: the simulators, by name. Each prints its seed and a line that replays the run. */

/** A simulator: takes its arguments, returns the exit code. */
type Simulator = (args: readonly string[]) => Promise<number>;

const simulators: Readonly<Record<string, () => Promise<{ readonly main: Simulator }>>> = {
  gossip: () => import("./gossip/main.ts"),
  raft: () => import("./raft/main.ts"),
};

const [name, ...args] = process.argv.slice(2);
const load = name !== undefined && Object.hasOwn(simulators, name) ? simulators[name] : undefined;
if (load === undefined) {
  console.error(`usage: npm run sim -- ${Object.keys(simulators).join("|")} [options]`);
  process.exitCode = 1;
} else {
  process.exitCode = await (await load()).main(args);
}
