import { dnsCatalog } from "../../interop/lib/dns-catalog.ts";
import { type Ask, defaultAsks, tunedAsks } from "../../src/dns/conformance.ts";
import { type Case, del, dns, family, http, named, put } from "../case.ts";

/** What earlier families left of these names would be in the answers. */
const clear: readonly Case[] = [
  ...["ext3", "ext4", "ext2"].map((Node) => put("/v1/catalog/deregister", { Node })),
  put("/v1/agent/service/deregister/web1", undefined, { at: "c1" }),
  del("/v1/config/service-router/web"),
  del("/v1/config/ingress-gateway/igw2"),
  del("/v1/config/proxy-defaults/global"),
];

const ask = (name: string, type: Ask["type"], rest: Partial<Ask> = {}): Ask => ({
  name: `${name}.`,
  type,
  ...rest,
});

export const dnsFamily = family("dns", [
  named("fill the catalog", ...[...clear, ...dnsCatalog.map(([m, p, b]) => http(m, p, b))].map(quiet)),
  ...defaultAsks.map((a) => dns(a)),
  ...tunedAsks.map((a) => dns(a, { at: "t1" })),
  ...[
    "n1.node.consul",
    "web.service.consul",
    "nosuch.service.consul",
    "q1.query.consul",
    "t-web.query.consul",
  ].map((n) => dns(ask(n, "A"), { at: "c1" })),
  ...[
    "d1.node.dc2.consul",
    "consul.service.dc2.consul",
    "far-web.service.dc2.consul",
    "far.node.dc2.consul",
  ].flatMap((n) => (["s1", "c1", "t1"] as const).map((at) => dns(ask(n, "A"), { at }))),
  ...["far-web.service.dc2.consul", "consul.service.dc2.consul"].flatMap((n) =>
    (["s1", "t1"] as const).map((at) => dns(ask(n, "SRV"), { at })),
  ),
  dns(ask("s1.node.consul", "A")),
  dns(ask("s1.node.consul", "TXT")),
  dns(ask("1.0.12.127.in-addr.arpa", "PTR")),
  dns(ask("9.9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", "PTR")),
]);

function quiet(c: Case): Case {
  return { ...c, steps: c.steps.map((s) => ({ ...s, view: "none" as const })) };
}
