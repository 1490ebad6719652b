import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import test, { type TestContext } from "node:test";
import { LogRecord, MembersResponse, RequestHeader, ResponseHeader } from "../model/cli-rpc.ts";
import { MsgpackWriter } from "../wire/msgpack.ts";
import { decode } from "../wire/schema.ts";
import { MsgpackSplitter } from "../wire/value-splitter.ts";
import { CliRpcClient, CliRpcError } from "./cli-rpc.ts";
import { ClientConfigError, ClientError } from "./errors.ts";

const HOST = "127.2.8.1";

/** An agent's end that answers by script: called with each command's name and Seq. */
async function agent(
  t: TestContext,
  script: (socket: Socket, command: string, seq: bigint) => void,
): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    t.after(() => socket.destroy());
    const splitter = new MsgpackSplitter(1 << 20);
    socket.on("data", (bytes: Buffer) => {
      splitter.push(bytes);
      for (let v = splitter.next(); v !== undefined; v = splitter.next()) {
        const { Command, Seq } = decode(RequestHeader, v);
        if (Command === "handshake") answer(socket, Seq);
        else if (Command !== "") script(socket, Command, Seq);
      }
    });
  });
  server.listen(0, HOST);
  await once(server, "listening");
  t.after(() => server.close());
  return `${HOST}:${(server.address() as { port: number }).port}`;
}

function answer(socket: Socket, seq: bigint, error = "", more: (w: MsgpackWriter) => void = () => {}): void {
  const w = new MsgpackWriter();
  ResponseHeader.encode(w, { Error: error, Seq: seq });
  more(w);
  socket.write(w.finish());
}
const line = (socket: Socket, seq: bigint, Log: string): void =>
  answer(socket, seq, "", (w) => LogRecord.encode(w, { Log }));

test("members: addresses of four bytes, of sixteen, and IPv4 in sixteen", async (t) => {
  const member = (Name: string, hex: string) => ({
    Name,
    Addr: Buffer.from(hex, "hex"),
    Port: 8301,
    Tags: new Map([["role", "node"]]),
    Status: "alive",
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  });
  const address = await agent(t, (socket, _command, seq) =>
    answer(socket, seq, "", (w) =>
      MembersResponse.encode(w, {
        Members: [
          member("a", "7f00040c"),
          member("b", "fd000000000000000000000000000001"),
          member("c", "00000000000000000000ffff7f00040d"),
        ],
      }),
    ),
  );
  const client = await CliRpcClient.connect(address);
  t.after(() => client.close());
  assert.deepEqual(
    (await client.membersLan()).map((m) => m.addr),
    ["127.0.4.12", "fd00::1", "127.0.4.13"],
  );
});

test("an error is typed, the connection goes on", async (t) => {
  const address = await agent(t, (socket, command, seq) =>
    answer(socket, seq, command === "leave" ? "cannot leave" : ""),
  );
  const client = await CliRpcClient.connect(address);
  t.after(() => client.close());
  await assert.rejects(
    client.leave(),
    (error) => error instanceof CliRpcError && error.message === "cannot leave",
  );
  await client.reload();
});

test("monitor: lines between other answers, stopped by the signal; its late lines disturb nothing", async (t) => {
  let monitorSeq = -1n;
  const address = await agent(t, (socket, command, seq) => {
    if (command === "monitor") {
      monitorSeq = seq;
      answer(socket, seq);
      line(socket, seq, "one");
      line(socket, seq, "two");
    } else if (command === "stop") {
      answer(socket, seq);
      line(socket, monitorSeq, "late");
    } else {
      line(socket, monitorSeq, "between");
      answer(socket, seq);
    }
  });
  const client = await CliRpcClient.connect(address);
  t.after(() => client.close());
  const abort = new AbortController();
  const got: string[] = [];
  for await (const text of client.monitor("INFO", { signal: abort.signal })) {
    got.push(text);
    if (text === "two") await client.reload();
    if (text === "between") abort.abort();
  }
  assert.deepEqual(got, ["one", "two", "between"]);
  await client.reload();
});

test("the end of the agent ends calls and monitors", async (t) => {
  const address = await agent(t, (socket, command, seq) => {
    if (command === "monitor") {
      answer(socket, seq);
      line(socket, seq, "last");
      socket.end();
    } else socket.destroy();
  });
  const client = await CliRpcClient.connect(address);
  const got: string[] = [];
  for await (const text of client.monitor("INFO")) got.push(text);
  assert.deepEqual(got, ["last"]);
  await assert.rejects(client.leave(), ClientError);
  const other = await CliRpcClient.connect(address);
  await assert.rejects(other.leave(), ClientError);
});

test("nonsense from the agent is a typed error", async (t) => {
  const address = await agent(t, (socket) => socket.write(Buffer.of(0xc1)));
  const client = await CliRpcClient.connect(address);
  await assert.rejects(client.leave(), /cannot be read/);
});

test("nobody listens: said as Go says it", async () => {
  await assert.rejects(CliRpcClient.connect(`${HOST}:1`), (error) => {
    assert.ok(error instanceof ClientConfigError);
    assert.equal(error.message, `dial tcp ${HOST}:1: connect: connection refused`);
    return true;
  });
  await assert.rejects(CliRpcClient.connect("/nowhere/rpc.sock"), ClientConfigError);
});
