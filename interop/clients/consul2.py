"""Debian's python3-consul2 at work against the agent at argv[1]; a second agent of the same cluster is argv[2].

Each step prints its name when it has held; an assertion ends the script with its line.
"""
import sys
import threading
import time

import consul

here = consul.Consul(host=sys.argv[1], port=8500)
there = consul.Consul(host=sys.argv[2], port=8500)


def step(name):
    print("ok", name, flush=True)


def until(what, probe, seconds=90):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("not within %d s: %s" % (seconds, what))


# Keys: bytes, flags, cas, recursion, keys with a separator, deletion.
assert here.kv.put("py/a", b"one \x00\xff", flags=3500)
index, entry = there.kv.get("py/a")
assert entry["Value"] == b"one \x00\xff" and entry["Flags"] == 3500, entry
assert here.kv.put("py/a", "two", cas=entry["ModifyIndex"]) is True
assert here.kv.put("py/a", "three", cas=entry["ModifyIndex"]) is False
assert here.kv.put("py/new", "x", cas=0) is True
assert here.kv.put("py/dir/b", "deep") is True
index, entries = here.kv.get("py/", recurse=True)
assert [e["Key"] for e in entries] == ["py/a", "py/dir/b", "py/new"], entries
index, keys = here.kv.get("py/", keys=True, separator="/")
assert keys == ["py/a", "py/dir/", "py/new"], keys
assert here.kv.delete("py/dir", recurse=True) is True
index, gone = here.kv.get("py/dir/b")
assert gone is None and int(index) > 0
step("kv")

# A blocking read on another agent hears of a write.
index, _ = there.kv.get("py/a")
heard = []
thread = threading.Thread(target=lambda: heard.append(there.kv.get("py/a", index=index, wait="20s")))
thread.start()
time.sleep(0.2)
assert heard == []
here.kv.put("py/a", "changed")
thread.join(60)
assert heard[0][1]["Value"] == b"changed" and int(heard[0][0]) > int(index), heard
started = time.monotonic()
index, _ = there.kv.get("py/a", index=heard[0][0], wait="300ms")
assert 0.25 < time.monotonic() - started < 60  # not the default wait of five minutes
step("blocking kv")

# Locks by session.
session = here.session.create(name="py", ttl=900, lock_delay=0, behavior="delete")
other = there.session.create(name="py-2", ttl=900, lock_delay=0)
assert here.kv.put("py/lock", "mine", acquire=session) is True
assert there.kv.put("py/lock", "theirs", acquire=other) is False
index, entry = there.kv.get("py/lock")
assert entry["Session"] == session and entry["LockIndex"] == 1, entry
renewed = here.session.renew(session)
assert renewed["TTL"] == "900s" and renewed["Behavior"] == "delete", renewed
index, info = there.session.info(session)
assert info["Name"] == "py", info
index, sessions = there.session.list()
assert {session, other} <= {s["ID"] for s in sessions}
assert here.session.destroy(session) is True
index, entry = there.kv.get("py/lock")
assert entry is None, entry
assert there.kv.put("py/lock", "theirs", acquire=other) is True
assert there.kv.put("py/lock", "free", release=other) is True
assert there.session.destroy(other) is True
step("sessions and locks")

# A transaction, and one that is refused as a whole.
import base64  # noqa: E402

b64 = base64.b64encode(b"t").decode()
done = here.txn.put([{"KV": {"Verb": "set", "Key": "py/t1", "Value": b64}}, {"KV": {"Verb": "get", "Key": "py/t1"}}])
assert [r["KV"]["Key"] for r in done["Results"]] == ["py/t1", "py/t1"], done
try:
    here.txn.put([{"KV": {"Verb": "set", "Key": "py/t2", "Value": b64}}, {"KV": {"Verb": "get", "Key": "py/none"}}])
    raise SystemExit("a transaction with a missing key was not refused")
except consul.base.ClientError as refused:
    assert refused.args[0].startswith("409 ") and "py/none" in refused.args[0], refused
assert here.kv.get("py/t2")[1] is None
step("transactions")

# A service with a TTL check, watched from the other agent.
assert here.agent.service.register(
    "py-web", service_id="py-web-1", address="10.0.0.7", port=8080, tags=["v1", "blue"], meta={"team": "a"},
    check=consul.Check.ttl("900s"))
index, nodes = until("registered", lambda: [r for r in [there.health.service("py-web")] if r[1]][0:1] or None)[0]
assert nodes[0]["Service"]["Address"] == "10.0.0.7" and nodes[0]["Service"]["Meta"] == {"team": "a"}, nodes
assert there.health.service("py-web", passing=True)[1] == []
watched = []
thread = threading.Thread(target=lambda: watched.append(there.health.service("py-web", index=index, wait="20s")))
thread.start()
time.sleep(0.2)
assert here.agent.check.ttl_pass("service:py-web-1", "all well") is True
thread.join(60)
assert int(watched[0][0]) > int(index), watched


def reported():
    checks = {c["CheckID"]: c for c in there.health.service("py-web")[1][0]["Checks"]}
    check = checks["service:py-web-1"]
    return check["Status"] == "passing" and check["Output"] == "all well"


# Another change may have woken the watch first.
until("its report is in the catalog", reported)
assert len(there.health.service("py-web", passing=True, tag="blue")[1]) == 1
assert there.health.checks("py-web")[1][0]["ServiceTags"] == ["v1", "blue"]
assert here.agent.check.ttl_fail("service:py-web-1", "down") is True
until("critical", lambda: [c for c in there.health.state("critical")[1] if c["CheckID"] == "service:py-web-1"])
assert here.agent.service.maintenance("py-web-1", True, "upgrade") is True
assert "_service_maintenance:py-web-1" in here.agent.checks()
assert here.agent.service.maintenance("py-web-1", False) is True
assert here.agent.check.register("py-http", check=consul.Check.http("http://%s:8500/v1/status/leader" % sys.argv[1], "1s"))
until("an HTTP check passes", lambda: here.agent.checks()["py-http"]["Status"] == "passing")
assert here.agent.check.deregister("py-http") is True
assert here.agent.services()["py-web-1"]["Port"] == 8080
step("services and checks")

# The catalog, also written to directly.
index, services = there.catalog.services()
assert services["py-web"] == ["blue", "v1"] or services["py-web"] == ["v1", "blue"], services
index, nodes = there.catalog.nodes()
assert {n["Node"] for n in nodes} >= {"t1", "t2"}, nodes
assert here.catalog.register(
    "py-outside", "10.9.9.9", service={"service": "py-db", "port": 5432, "tags": ["main"]},
    check={"name": "ping", "status": "passing"})
index, db = there.catalog.service("py-db")
assert db[0]["Address"] == "10.9.9.9" and db[0]["ServicePort"] == 5432, db
index, node = there.catalog.node("py-outside")
assert list(node["Services"]) == ["py-db"], node
assert here.catalog.deregister("py-outside") is True
assert there.catalog.service("py-db")[1] == []
assert there.catalog.datacenters() == ["dc1"]
step("catalog")

# Prepared queries, events, status, agent, coordinates, raft.
query = here.query.create("py-web", name="py-near", tags=["v1"], regexp="")
answer = there.query.execute("py-near")
assert answer["Service"] == "py-web" and answer["Datacenter"] == "dc1", answer
assert any(q["ID"] == query["ID"] for q in there.query.list())
assert here.query.delete(query["ID"]) is True
event = here.event.fire("py-deploy", "1609030")
found = until("the event arrives", lambda: [e for e in there.event.list(name="py-deploy")[1] if e["ID"] == event["ID"]])
assert found[0]["Payload"] == "1609030" or base64.b64decode(found[0]["Payload"]) == b"1609030", found
assert here.status.leader().endswith(":8300") and len(here.status.peers()) >= 2
assert here.agent.self()["Member"]["Tags"]["role"] == "consul"
assert {m["Name"] for m in here.agent.members()} >= {"t1", "t2"}
until("coordinates", lambda: {n["Node"] for n in here.coordinate.nodes()[1]} >= {"t1"})
assert here.operator.raft_config()["Servers"]
step("queries, events, status")

assert here.agent.service.deregister("py-web-1") is True
until("deregistered", lambda: there.health.service("py-web")[1] == [])
here.kv.delete("py/", recurse=True)
step("cleaned up")
