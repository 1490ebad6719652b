/**
 * What the single executable starts: runs the bundle `commands` with its compiled code.
 *
 * The program lies in the executable as two bundles: `commands`, small, with all that asks an agent and ends; `agent` with what
 * runs one or knows its configuration, loaded when such a command is called. Beside each lies V8's code cache of it as it was
 * after the bundle had worked for a while (executable-warm-up.ts), so that little is parsed or compiled at a start. Of a cache
 * that was made under other flags or by another V8 nothing is used, and all works as without.
 *
 * No flag for V8 in the executable: with one, V8 takes neither these caches nor those of Node's own modules. What an agent needs is
 * set when its bundle is loaded.
 */
import { getRawAsset } from "node:sea";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

/**
 * The old generation is collected when it has grown by this much, instead of two to four times: under ten minutes of hostile
 * load a server grew by 160 MB instead of 200 and more (the bound of fuzz/).
 */
const HEAP_GROWTH = "--heap-growing-percent=40";

/** What a bundle is: a function with CommonJS' names, see build.ts `bundle`. */
type Bundle = (require: (id: string) => unknown, module: { exports: unknown }) => void;

const builtin = (id: string): unknown => process.getBuiltinModule(id);

const bytes = (asset: string): Buffer => Buffer.from(getRawAsset(asset) as ArrayBuffer);

function run(name: "commands" | "agent", resolve: (id: string) => unknown): unknown {
  // The bundler writes ASCII alone.
  const script = new Script(bytes(`${name}.cjs`).toString("latin1"), {
    filename: `${name}.cjs`,
    cachedData: bytes(`${name}.cache`),
  });
  const module = { exports: {} };
  (script.runInThisContext() as Bundle)(resolve, module);
  return module.exports;
}

let agent: Record<string, unknown> | undefined;

/** `./agent.ts`, as `commands` asks for a module that it does not hold: build.ts `AGENT_COMMANDS`. */
function ofAgent(id: string): unknown {
  if (agent === undefined) {
    agent = run("agent", builtin) as Record<string, unknown>;
    setFlagsFromString(HEAP_GROWTH);
  }
  return agent[id];
}

run("commands", (id) => (id.startsWith("./") ? ofAgent(id) : builtin(id)));
