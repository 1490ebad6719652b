#!/usr/bin/env bash
# Brings the programs that the interop and end-to-end tests run against: serf, dnsmasq, apache2, dig and friends from this
# machine's own Debian release, consul 1.8.7 (with prometheus 2.24.1) from the release named bullseye, unpacked beside the
# project in .peers/ without being installed, and the npm package consul beside them. Safe to run again: what is there is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
peers="$PWD/.peers"
mkdir -p "$peers"

say() { printf '==> %s\n' "$*"; }

if [ "$(id -u)" -ne 0 ]; then
  echo "interop/setup.sh installs Debian packages and needs root: run it with sudo" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "interop/setup.sh needs Debian's apt-get; on another system install serf 0.9.4, dnsmasq, apache2, dig and put consul 1.8.7 at .peers/consul" >&2
  exit 1
fi

packages=(serf dnsmasq-base bind9-dnsutils apache2 dnsperf wrk haproxy python3-consul2 curl iproute2 procps util-linux)
wanted=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || wanted+=("$p")
done
updated=""
update() { [ -n "$updated" ] || { say "apt-get update"; apt-get update -qq; updated=1; }; }
if [ "${#wanted[@]}" -gt 0 ]; then
  update
  say "installing ${wanted[*]}"
  # No service may start by itself: the tests run their own.
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
  rm -f /usr/sbin/policy-rc.d
fi

# bullseye: the same mirror and key as the machine's own release, in an apt configuration of its own.
fetch_bullseye() { # package, file inside it, name in .peers
  [ -x "$peers/$3" ] && return 0
  local work mirror signed
  work=$(mktemp -d)
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -v security | head -1)
  [ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list | head -1)
  signed=$(sed -n 's/^Signed-By: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -m1 debian || true)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  printf 'deb %s%s bullseye main\n' "${signed:+[signed-by=$signed] }" "$mirror" >"$work/sources.list"
  local apt=(-o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false)
  say "fetching $1 (bullseye)"
  apt-get "${apt[@]}" update -qq
  (cd "$work" && apt-get "${apt[@]}" download -qq "$1/bullseye")
  dpkg -x "$work"/"$1"_*.deb "$work/root"
  install -m 755 "$work/root/$2" "$peers/$3"
  rm -rf "$work"
}
fetch_bullseye consul usr/bin/consul consul
fetch_bullseye prometheus usr/bin/prometheus prometheus

# A client library of another ecosystem, in a folder of its own: it is no dependency of the project.
if [ ! -d "$peers/npm-consul/node_modules/consul" ]; then
  say "fetching consul 2.x (npm)"
  mkdir -p "$peers/npm-consul"
  npm install --prefix "$peers/npm-consul" --no-save --no-audit --no-fund --loglevel=error consul@2 >/dev/null
fi

say "peers: $(serf version | head -1), $("$peers/consul" version | head -1)"
