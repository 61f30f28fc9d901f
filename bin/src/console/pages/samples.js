// Two samples of counters make rates, and what lies between them makes percentiles. Nothing here touches the page.

// What was counted between two samples of a distribution.
export function between(former, latter) {
  const before = new Map(former.buckets);
  const counts = latter.buckets.map(([value, count]) => [value, count - (before.get(value) ?? 0)]);
  return { count: latter.count - former.count, sum: latter.sum - former.sum, buckets: counts.filter(([, count]) => count > 0) };
}

// The value below which this part of all lies; null of none.
export function percentile(distribution, quantile) {
  const all = distribution.buckets.reduce((sum, [, count]) => sum + count, 0);
  if (all === 0) return null;
  let left = Math.max(1, Math.ceil(quantile * all));
  for (const [value, count] of distribution.buckets) {
    left -= count;
    if (left <= 0) return value;
  }
  return distribution.buckets.at(-1)[0];
}

// A point of all plots; null where the counters began anew in between.
export function point(former, latter) {
  const seconds = (latter.at_ms - former.at_ms) / 1000;
  const [reads, updates, syncs] = ["reads", "updates", "syncs"].map((name) => between(former[name], latter[name]));
  const atOnce = latter.at_once - former.at_once;
  const isAnother = seconds <= 0 || latter.started_ms !== former.started_ms;
  if (isAnother || [reads.count, updates.count, syncs.count, atOnce].some((count) => count < 0)) return null;
  return {
    reads: (reads.count + atOnce) / seconds,
    writes: updates.count / seconds,
    read50: percentile(reads, 0.5),
    read99: percentile(reads, 0.99),
    write50: percentile(updates, 0.5),
    write99: percentile(updates, 0.99),
    syncs: syncs.count / seconds,
    sync50: percentile(syncs, 0.5),
    sync99: percentile(syncs, 0.99),
    connections: latter.connections,
    outstanding: latter.outstanding,
  };
}
