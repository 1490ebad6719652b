#!/usr/bin/env bash
# Brings the programs that the interop and end-to-end tests run against: serf, dnsmasq, apache2, dig and friends from this
# machine's own Debian release, consul 1.8.7 (with prometheus 2.24.1) from the release named bullseye, unpacked beside the
# project in .peers/ without being installed, and the npm package consul beside them. Safe to run again: what is there is left alone,
# and a machine that has all of it needs no network. Downloads are tried several times.
set -euo pipefail
cd "$(dirname "$0")/.."
peers="$PWD/.peers"
mkdir -p "$peers"
tmp=$(mktemp -d)
policy=/usr/sbin/policy-rc.d
own_policy=""
cleanup() {
  rm -rf "$tmp"
  [ -z "$own_policy" ] || rm -f "$policy"
}
trap cleanup EXIT

say() { printf '==> %s\n' "$*"; }

# Runs a command again after a pause when it fails: mirrors and registries have bad moments.
retry() {
  local pause
  for pause in 3 10 30 0; do
    "$@" && return 0
    [ "$pause" -eq 0 ] || { say "failed: $* -- again in $pause s" >&2; sleep "$pause"; }
  done
  say "failed for good: $*" >&2
  return 1
}

if [ "$(id -u)" -ne 0 ]; then
  echo "interop/setup.sh installs Debian packages and needs root: run it with sudo" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "interop/setup.sh needs Debian's apt-get; on another system install serf 0.9.4, dnsmasq, apache2, dig and put consul 1.8.7 at .peers/consul" >&2
  exit 1
fi
# Another apt or dpkg at work (a machine's first minutes) is waited for.
export DEBIAN_FRONTEND=noninteractive
patient=(-o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Acquire::http::Timeout=60)

packages=(serf dnsmasq-base bind9-dnsutils apache2 dnsperf wrk haproxy python3-consul2 curl iproute2 procps util-linux)
wanted=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || wanted+=("$p")
done
if [ "${#wanted[@]}" -gt 0 ]; then
  # No service may start by itself: the tests run their own.
  if [ ! -e "$policy" ]; then
    own_policy=1
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  fi
  install_wanted() {
    say "apt-get update"
    apt-get "${patient[@]}" update -qq || return 1
    say "installing ${wanted[*]}"
    apt-get "${patient[@]}" install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
  }
  retry install_wanted
fi

# bullseye: the same mirror and key as the machine's own release, in an apt configuration of its own.
fetch_bullseye() { # package, file inside it, name in .peers
  [ -x "$peers/$3" ] && return 0
  local work mirror signed
  work=$(mktemp -d -p "$tmp")
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -v security | head -1 || true)
  [ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list 2>/dev/null | head -1 || true)
  [ -n "$mirror" ] || { say "no Debian mirror found in /etc/apt" >&2; return 1; }
  signed=$(sed -n 's/^Signed-By: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -m1 debian || true)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  printf 'deb %s%s bullseye main\n' "${signed:+[signed-by=$signed] }" "$mirror" >"$work/sources.list"
  local apt=("${patient[@]}" -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false)
  say "fetching $1 (bullseye)"
  apt-get "${apt[@]}" update -qq || return 1
  (cd "$work" && apt-get "${apt[@]}" download -qq "$1/bullseye") || return 1
  dpkg -x "$work"/"$1"_*.deb "$work/root" || return 1
  # Whole or not at all.
  install -m 755 "$work/root/$2" "$peers/.$3.new" && mv "$peers/.$3.new" "$peers/$3"
}
retry fetch_bullseye consul usr/bin/consul consul
missing=()
retry fetch_bullseye prometheus usr/bin/prometheus prometheus || missing+=("prometheus 2.24.1")

# A client library of another ecosystem, in a folder of its own: it is no dependency of the project.
fetch_npm_consul() {
  say "fetching consul 2.x (npm)"
  mkdir -p "$peers/npm-consul"
  npm install --prefix "$peers/npm-consul" --no-save --no-audit --no-fund --loglevel=error consul@2 >/dev/null
}
[ -d "$peers/npm-consul/node_modules/consul" ] || retry fetch_npm_consul || missing+=("the npm package consul 2.x")

for m in "${missing[@]}"; do
  say "MISSING: $m could not be fetched. Its tests in interop/clients.test.ts are skipped, and fail where CI is set; run this again with network." >&2
done
say "peers: $(serf version | head -1), $("$peers/consul" version | head -1)"
