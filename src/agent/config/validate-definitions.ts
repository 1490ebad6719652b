/** Services and checks of the files, judged as the agent will judge them at its start: `validate` must find what a start would. */
import type { CheckDefinition, ServiceDefinition } from "../../model/definition.ts";
import { checkDefinitionError, isScriptCheck } from "../core/check-definition.ts";
import { serviceDefinitionError } from "../service-definition.ts";
import type { Place } from "./decode.ts";
import type { Issues } from "./issues.ts";
import type { RuntimeConfig } from "./runtime-config.ts";
import type { CheckInput, ServiceInput } from "./schema.ts";

interface Written<I, D> {
  readonly input: I;
  readonly definition: D;
}

export function validateDefinitions(
  services: readonly Written<ServiceInput, ServiceDefinition>[],
  checks: readonly Written<CheckInput, CheckDefinition>[],
  config: Pick<RuntimeConfig, "enableLocalScriptChecks">,
  issues: Issues,
  placeOf: (definition: object) => Place | undefined,
): void {
  const scriptsOff = (d: CheckDefinition): string | undefined =>
    isScriptCheck(d) && !config.enableLocalScriptChecks
      ? "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true"
      : undefined;
  for (const { input, definition } of services) {
    const place = placeOf(input);
    const id = definition.ID || definition.Name;
    if (definition.Name === "") {
      issues.at(
        `Failed to register service ${JSON.stringify(id)}: Service name missing`,
        place,
        "this service has no name",
        'add name = "..."',
      );
      continue;
    }
    const problem = serviceDefinitionError(definition);
    if (problem !== undefined)
      issues.at(
        `Failed to register service ${JSON.stringify(id)}: ${problem.text}`,
        place,
        `service ${JSON.stringify(id)}`,
      );
    const inputs = [...(input.check === undefined ? [] : [input.check]), ...(input.checks ?? [])];
    for (const [i, d] of (definition.Checks ?? []).entries()) {
      const text = checkDefinitionError(d) ?? scriptsOff(d);
      if (text === undefined) continue;
      issues.at(
        `Failed to validate checks for service ${JSON.stringify(id)}: ${text}`,
        placeOf(inputs[i]!) ?? place,
        `this check of service ${JSON.stringify(id)}`,
        hintFor(d),
      );
    }
  }
  for (const { input, definition } of checks) {
    const text = checkDefinitionError(definition) ?? scriptsOff(definition);
    const name = definition.ID || definition.Name;
    if (name === "")
      issues.at(
        "Failed to register check '': CheckID missing",
        placeOf(input),
        "this check has no name",
        'add name = "..."',
      );
    else if (text !== undefined)
      issues.at(
        `Failed to register check '${name}': Check is not valid: ${text}`,
        placeOf(input),
        `check ${JSON.stringify(name)}`,
        hintFor(definition),
      );
  }
}

function hintFor(d: CheckDefinition): string {
  if (isScriptCheck(d) || d.HTTP !== "" || d.TCP !== "" || d.GRPC !== "")
    return d.Interval === 0n ? 'add interval = "10s"' : "";
  return d.TTL === 0n && d.AliasNode === "" && d.AliasService === ""
    ? "say what to check: args and interval, http and interval, tcp and interval, or ttl"
    : "";
}
