import assert from "node:assert/strict";
import { test } from "node:test";
import { TemplateError } from "./functions.ts";
import { addressText, addressValue, type HostNetwork } from "./interface-address.ts";
import { expandTemplate } from "./template.ts";

const at = (name: string, address: string, prefix: number, loopback = false) => ({
  name,
  address,
  prefix,
  loopback,
});
const host: HostNetwork = {
  addresses: [
    at("lo", "127.0.0.1", 8, true),
    at("lo", "::1", 128, true),
    at("docker0", "172.17.0.1", 16),
    at("eth0", "10.0.0.5", 24),
    at("eth0", "fe80::1", 64),
    at("eth1", "203.0.114.9", 24),
    at("eth1", "2a00::9", 64),
  ],
  defaultInterface: "eth0",
};

const cases: readonly (readonly [template: string, value: string])[] = [
  ["192.168.33.11", "192.168.33.11"],
  ["{{ GetPrivateIP }}", "10.0.0.5"],
  ["{{ GetPrivateIPs }}", "10.0.0.5 172.17.0.1"],
  ["{{ GetPublicIP }}", "203.0.114.9"],
  ["{{ GetPublicIPs }}", "203.0.114.9 2a00::9"],
  ['{{ GetInterfaceIP "eth1" }}', "203.0.114.9"],
  ['{{ GetInterfaceIP "lo" }}', "127.0.0.1"],
  ['{{ GetInterfaceIPs "eth" }}', "10.0.0.5 203.0.114.9 fe80::1 2a00::9"],
  ['{{ GetInterfaceIP "nope" }}', ""],
  ['{{ GetAllInterfaces | include "network" "10.0.0.0/8" | attr "address" }}', "10.0.0.5"],
  [
    '{{ GetAllInterfaces | exclude "name" "^(lo|docker)" | include "type" "ipv4" | join "address" "," }}',
    "10.0.0.5,203.0.114.9",
  ],
  [
    '{{ GetAllInterfaces | include "rfc" "1918" | sort "-address" | join "address" " " }}',
    "172.17.0.1 10.0.0.5",
  ],
  ['{{ GetAllInterfaces | include "flags" "loopback" | limit 1 | attr "name" }}', "lo"],
  ['{{ GetAllInterfaces | offset -1 | attr "address" }}', "2a00::9"],
  ['{{ GetAllInterfaces | unique "name" | join "name" " " }}', "lo docker0 eth0 eth1"],
  ['{{ GetAllInterfaces | include "size" "16" | attr "network" }}', "172.17.0.0/16"],
  ['{{ GetPrivateInterfaces | limit 1 | math "address" "+1" | attr "address" }}', "10.0.0.6"],
  ['{{ GetPrivateInterfaces | limit 1 | math "network" "+2" | attr "address" }}', "10.0.0.2"],
  ['{{ attr "address" (GetDefaultInterfaces) }}:8301', "10.0.0.5:8301"],
  ['{{ with GetInterfaceIP "nope" }}{{ . }}{{ else }}127.0.0.1{{ end }}', "127.0.0.1"],
  ["{{ range GetPrivateInterfaces }}{{ .address }} {{ end }}", "10.0.0.5 172.17.0.1 "],
  ['{{ if eq (GetPrivateIP) "10.0.0.5" }}a{{ else }}b{{ end }}', "a"],
  ["a {{- /* gone */ -}} b", "ab"],
  [
    '{{ GetAllInterfaces | include "rfc" "6890" | include "type" "IPv4" | sort "+type,+size,-address" | join "address" " " }}',
    "127.0.0.1 172.17.0.1 10.0.0.5",
  ],
  [
    '{{ with $x := GetAllInterfaces | include "name" "eth" | include "type" "ipv4" }}{{ range $x }}{{ attr "address" . }} {{ end }}{{ end }}',
    "10.0.0.5 203.0.114.9 ",
  ],
  [
    "{{ $a := GetPrivateIP }}{{ $a }}:{{ range $i := GetDefaultInterfaces }}{{ $i.type }}{{ end }}",
    "10.0.0.5:IPv4IPv6",
  ],
  ['{{ if $a := GetInterfaceIP "nope" }}x{{ else }}{{ $a }}none{{ end }}', "none"],
  ['{{ GetInterfaceIPs "lo|eth0" }}', "127.0.0.1 10.0.0.5 fe80::1 ::1"],
  ["{{ `raw` }}", "raw"],
];

for (const [template, value] of cases)
  test(`template: ${template}`, () => assert.equal(expandTemplate(template, host), value));

const refusals: readonly (readonly [template: string, text: RegExp])[] = [
  [
    "{{ nope }}",
    /^error parsing "\{\{ nope \}\}": unable to parse template "\{\{ nope \}\}": template: sockaddr\.Parse:1: function "nope" not defined$/,
  ],
  ["{{ GetPrivateIP", /unclosed action/],
  ["{{ if true }}x", /without end/],
  ["{{ end }}", /unexpected \{\{end\}\}/],
  ["{{ }}", /missing value/],
  ["{{ (GetPrivateIP }}", /unclosed left paren/],
  ['{{ GetAllInterfaces | include "colour" "red" }}', /unable to execute template .*colour is no filter/],
  ['{{ GetAllInterfaces | include "network" "x" }}', /no network in CIDR form/],
  ["{{ constructor }}", /function "constructor" not defined/],
];
for (const [template, text] of refusals)
  test(`template refused: ${template}`, () =>
    assert.throws(
      () => expandTemplate(template, host),
      (e: unknown) => e instanceof TemplateError && text.test(e.message),
    ));

for (const address of [
  "0.0.0.0",
  "10.0.0.5",
  "255.255.255.255",
  "::",
  "::1",
  "2001:db8::1",
  "fe80::1:0:0:1",
  "1:2:3:4:5:6:7:8",
])
  test(`address as a number and back: ${address}`, () =>
    assert.equal(addressText(addressValue(address), address.includes(":")), address));
