/**
 * One figure as one line. statsd and statsite: `name:value|type`, the labels' values appended to the name. DogStatsD: labels as
 * tags, `name:value|type|#key:value,...`. Six decimals, and names cleaned, as observed in Consul 1.8.7.
 */
import type { Labels } from "../../ports/metrics.ts";
import type { FigureType } from "./collector.ts";

/** Marks of the format, and whatever would begin another line: names carry what users and peers called their things. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant
const MARKS = /[:|\s\x00-\x1f\x7f]/g;
const clean = (text: string): string => text.replace(MARKS, "_");

export function statsdLine(name: string, value: number, type: FigureType, labels: Labels): string {
  let whole = name;
  for (const key in labels) whole += `.${labels[key]}`;
  return `${clean(whole)}:${value.toFixed(6)}|${type}\n`;
}

/** `tags`: what every line carries, as configured. Counters are whole numbers here. */
export function dogstatsdLine(
  name: string,
  value: number,
  type: FigureType,
  labels: Labels,
  tags: readonly string[],
): string {
  const all = [...tags];
  for (const key in labels) all.push(`${cleanTag(key)}:${cleanTag(labels[key]!)}`);
  const number = type === "c" ? String(Math.trunc(value)) : value.toFixed(6);
  return `${clean(name)}:${number}|${type}${all.length === 0 ? "" : `|#${all.join(",")}`}`;
}

const cleanTag = (text: string): string => clean(text).replaceAll(",", "_");
