/** The process' own figures under the names that Prometheus' client libraries agreed on. */
export function processMetrics(): string {
  const cpu = process.cpuUsage();
  const memory = process.memoryUsage();
  const rows: readonly (readonly [string, string, string, number])[] = [
    [
      "process_cpu_seconds_total",
      "counter",
      "Total user and system CPU time spent in seconds.",
      (cpu.user + cpu.system) / 1e6,
    ],
    ["process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", memory.rss],
    [
      "process_start_time_seconds",
      "gauge",
      "Start time of the process since unix epoch in seconds.",
      Math.round(performance.timeOrigin) / 1000,
    ],
    [
      "nodejs_heap_size_used_bytes",
      "gauge",
      "Process heap size used from Node.js in bytes.",
      memory.heapUsed,
    ],
    ["nodejs_heap_size_total_bytes", "gauge", "Process heap size from Node.js in bytes.", memory.heapTotal],
    ["nodejs_external_memory_bytes", "gauge", "Node.js external memory size in bytes.", memory.external],
  ];
  return rows
    .map(([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`)
    .join("");
}
