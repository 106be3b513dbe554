-- DuckDB (tested 2.0.0): verify every chain in one statement. Tables:
--   events(chain text, seq bigint, t bigint, gprev text, salt text, body text, bc text, link text)   gprev only on seq 0; bc only on erased rows
--   checkpoints(chain text, size bigint, head text)   one row per device-signed checkpoint whose SIGNATURE was checked outside SQL
WITH d AS (SELECT DISTINCT chain, seq, t, gprev, salt, body, bc, link FROM events),          -- at-least-once delivery: exact duplicates are not forks
h AS (
  SELECT chain, seq, t, gprev, salt, body, link,
    CASE WHEN body IS NULL THEN bc WHEN length(salt) = 32 THEN sha256('b1|'||salt||'|'||body) END AS c   -- of another salt nobody knows where it ends
  FROM d
),
p AS (SELECT h.*, count(body) OVER (PARTITION BY chain, seq, t, gprev, link, c) AS whole FROM h),
x AS (
  SELECT chain, seq, t, link, salt, body IS NULL AS is_erased, c,
    COALESCE(LAG(link) OVER w, gprev) AS prev, LAG(seq) OVER w AS pseq, LAG(t) OVER w AS pt
  FROM p WHERE body IS NOT NULL OR whole = 0 OR c IS NULL     -- a row that also came whole counts as that: its event was given up, or erased, later
  WINDOW w AS (PARTITION BY chain ORDER BY seq, link)
),
v AS (
  SELECT chain, seq, t, link, salt, is_erased, pseq, pt,
    CASE WHEN sha256('\x00'::BLOB||encode('e1|'||seq||'|'||t||'|'||prev||'|'||c)) = link THEN 0 ELSE 1 END AS is_bad
  FROM x
),
s AS (
  SELECT chain, count(*) AS n, max(seq) + 1 AS top,
    sum(CASE WHEN is_erased THEN 1 ELSE 0 END) AS erased,
    sum(CASE WHEN is_erased AND salt IS NOT NULL THEN 1 ELSE 0 END) AS half_erased,         -- body gone but salt kept: guessable, finish the erasure
    sum(is_bad) AS bad_link,
    sum(CASE WHEN pseq IS NULL AND (seq <> 0 OR link <> chain) THEN 1 ELSE 0 END) AS no_genesis,
    sum(CASE WHEN seq > pseq + 1 THEN 1 ELSE 0 END) AS gaps,
    sum(CASE WHEN seq = pseq THEN 1 ELSE 0 END) AS forks,
    sum(CASE WHEN t < pt THEN 1 ELSE 0 END) AS time_back,
    min(CASE WHEN is_bad = 1 OR seq <> COALESCE(pseq + 1, 0) OR (pseq IS NULL AND link <> chain) OR t < pt THEN seq END) AS first_bad
  FROM v GROUP BY chain
),
k AS (
  SELECT c.chain AS chain, max(c.size) AS signed_size,
    sum(CASE WHEN d.link <> c.head AND d.link <> '' THEN 1 ELSE 0 END) AS head_mismatch          -- '' is how some databases join nothing: a row that is missing
  FROM checkpoints c LEFT JOIN d ON d.chain = c.chain AND d.seq = c.size - 1
  GROUP BY c.chain
)
SELECT COALESCE(s.chain, k.chain) AS chain_id, s.n AS n, s.erased AS erased, s.half_erased AS half_erased, s.bad_link AS bad_link,
  s.no_genesis AS no_genesis, s.gaps AS gaps, s.forks AS forks, s.time_back AS time_back, s.first_bad AS first_bad,
  k.signed_size - s.top AS missing_tail, k.head_mismatch AS head_mismatch,
  CASE WHEN s.chain IS NULL THEN 'DROPPED'
       WHEN s.bad_link + s.no_genesis + s.gaps + s.forks + s.time_back > 0 THEN 'TAMPERED'
       WHEN k.chain IS NULL THEN 'UNSIGNED'
       WHEN k.head_mismatch > 0 THEN 'REWRITTEN'
       WHEN k.signed_size > s.top THEN 'TRUNCATED'
       ELSE 'OK' END AS verdict
FROM s FULL OUTER JOIN k ON k.chain = s.chain
