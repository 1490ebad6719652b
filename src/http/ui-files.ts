/** The web page's files under `ui_content_path`; a path that is no file is the page itself, which finds its way by the URL. */
import { readFile } from "node:fs/promises";
import { extname, join, normalize, sep } from "node:path";
import type { NodeExchange } from "./exchange.ts";
import { respond } from "./respond.ts";

/** Where the files come from: a folder, or what the executable carries. */
export interface UiAssets {
  /** Bytes of a file by its path below the page's root ("index.html", "assets/app.js"); undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
  ".map": "application/json",
};

/** Files of a folder (`ui_dir`). Nothing outside of it can be named. */
export function uiFolder(root: string): UiAssets {
  const base = normalize(root);
  return {
    read: async (path) => {
      const full = normalize(join(base, path));
      if (full !== base && !full.startsWith(base.endsWith(sep) ? base : `${base}${sep}`)) return undefined;
      try {
        return await readFile(full);
      } catch {
        return undefined;
      }
    },
  };
}

/** `responseHeaders`: name and value in turn. */
export async function serveUi(
  assets: UiAssets,
  exchange: NodeExchange,
  path: string,
  responseHeaders: readonly string[],
): Promise<void> {
  const headers: string[] = [...responseHeaders];
  const { req, res } = exchange;
  if (req.method !== "GET" && req.method !== "HEAD")
    return respond(exchange, 405, ["Allow", "GET,HEAD", ...headers], "");
  let name = path === "" ? "index.html" : path;
  let body = await assets.read(name);
  if (body === undefined && name !== "robots.txt") {
    name = "index.html";
    body = await assets.read(name);
  }
  if (body === undefined) return respond(exchange, 404, headers, "");
  headers.push("Content-Type", TYPES[extname(name)] ?? "application/octet-stream");
  if (req.method === "HEAD") {
    headers.push("Content-Length", String(body.byteLength));
    res.writeHead(200, headers);
    res.end();
  } else respond(exchange, 200, headers, body);
}
