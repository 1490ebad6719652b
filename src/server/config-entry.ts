/** ConfigEntry.*: settings of services and proxies, written in the primary datacenter. */

import type { ProxyConfigEntry, ServiceConfigEntry, UpstreamConfig } from "../model/config-entry.ts";
import { type ConfigEntry, configEntryType } from "../model/config-entry-box.ts";
import { configEntries, configEntry } from "../state/config-entry.ts";
import type { StateView } from "../state/tracked-read.ts";
import type { GoValue } from "../wire/schema.ts";
import { checkConfigEntry, normalizeConfigEntry } from "./config-entry-rules.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { InvalidRequestError } from "./errors.ts";

const GLOBAL = "global";

export function configEntryEndpoints(core: ServerCore) {
  function normalized(entry: ConfigEntry | null): ConfigEntry {
    if (entry === null) throw new InvalidRequestError("invalid config entry kind: ");
    return normalizeConfigEntry(entry);
  }

  /** The settings that concern the proxies of one service: its own over those of all. */
  function resolve(view: StateView, name: string, upstreams: readonly string[]) {
    const global = configEntry(view, "proxy-defaults", GLOBAL);
    const own = configEntry(view, "service-defaults", name);
    let index = Math.max(global.index, own.index);
    const proxy = global.value as ProxyConfigEntry | undefined;
    const service = own.value as ServiceConfigEntry | undefined;
    let ProxyConfig: ReadonlyMap<string, GoValue> | null = proxy?.Config ?? null;
    if (service !== undefined && service.Protocol !== "")
      ProxyConfig = new Map<string, GoValue>([...(ProxyConfig ?? []), ["protocol", service.Protocol]]);
    const configs: UpstreamConfig[] = [];
    for (const ID of upstreams) {
      const found = configEntry(view, "service-defaults", ID);
      index = Math.max(index, found.index);
      const own = (found.value as ServiceConfigEntry | undefined)?.Protocol ?? "";
      const protocol = own !== "" ? own : proxy?.Config?.get("protocol");
      if (typeof protocol === "string" && protocol !== "")
        configs.push({ Upstream: { ID }, Config: new Map<string, GoValue>([["protocol", protocol]]) });
    }
    const gateway =
      service !== undefined && service.MeshGateway.Mode !== "" ? service.MeshGateway : proxy?.MeshGateway;
    const expose =
      service !== undefined && (service.Expose.Checks || service.Expose.Paths !== null)
        ? service.Expose
        : proxy?.Expose;
    return {
      index,
      value: {
        ProxyConfig,
        MeshGateway: gateway ?? { Mode: "" },
        Expose: expose ?? { Checks: false, Paths: null },
        configs,
      },
    };
  }

  return {
    "ConfigEntry.Apply": async (request) => {
      const Entry = normalized(request.Entry);
      checkConfigEntry(Entry);
      const Op = request.Op === "upsert-cas" ? "upsert-cas" : "upsert";
      const started = core.clock.now();
      const result = await core.commit("configEntry", { ...request, Op, Entry });
      core.metrics.sample("config_entry.apply", core.clock.now() - started);
      return result === true;
    },
    "ConfigEntry.Delete": async (request) => {
      const Entry = normalized(request.Entry);
      const started = core.clock.now();
      await core.commit("configEntry", { ...request, Op: "delete", Entry });
      core.metrics.sample("config_entry.delete", core.clock.now() - started);
      return {};
    },
    "ConfigEntry.Get": (request, call) => {
      configEntryType(request.Kind);
      return core.read(
        request,
        call,
        (view) => configEntry(view, request.Kind, request.Name),
        (found) => ({ Entry: found ?? null }),
      );
    },
    "ConfigEntry.List": (request, call) => {
      if (request.Kind !== "") configEntryType(request.Kind);
      return core.read(
        request,
        call,
        (view) => configEntries(view, request.Kind === "" ? undefined : request.Kind),
        (Entries) => ({ Kind: request.Kind, Entries }),
      );
    },
    "ConfigEntry.ListAll": (request, call) =>
      core.read(
        request,
        call,
        (view) => configEntries(view),
        (Entries) => ({ Entries }),
      ),
    "ConfigEntry.ResolveServiceConfig": (request, call) => {
      // Agents of 1.8 name upstreams by ID and get a list; older ones by name and get a map.
      const byId = (request.UpstreamIDs ?? []).length > 0;
      const names = byId ? request.UpstreamIDs!.map((u) => u.ID) : (request.Upstreams ?? []);
      return core.read(
        request,
        call,
        (view) => resolve(view, request.Name, names),
        ({ configs, ...rest }) => ({
          ...rest,
          UpstreamConfigs:
            byId || configs.length === 0 ? null : new Map(configs.map((c) => [c.Upstream.ID, c.Config])),
          UpstreamIDConfigs: byId && configs.length > 0 ? configs : null,
        }),
      );
    },
  } satisfies Partial<Handlers>;
}
