-- Erased rows without a record in an operator's chain; any engine. It can't tell whose chain that is: check that it is
-- signed with `nymtrail verify`, or put its id in place of the condition on row 0.
SELECT e.chain AS chain, e.seq AS seq
FROM events e
WHERE e.body IS NULL AND NOT EXISTS (
  SELECT 1 FROM events r JOIN events o ON o.chain = r.chain AND o.seq = 0 AND o.body LIKE '%"x":"operator"}'
  WHERE r.body LIKE '{"chain":"' || e.chain || '","seq":' || e.seq || ',"why":"%","x":"erase"}')
-- Nor a record of a range, whose first and last row are erased too.
AND NOT EXISTS (
  SELECT 1 FROM events f
  JOIN events l ON l.chain = f.chain AND l.seq > f.seq AND l.body IS NULL
  JOIN events r ON r.body LIKE '{"chain":"' || f.chain || '","seq":' || f.seq || ',"to":' || l.seq || ',"why":"%","x":"erase"}'
  JOIN events o ON o.chain = r.chain AND o.seq = 0 AND o.body LIKE '%"x":"operator"}'
  WHERE f.chain = e.chain AND f.body IS NULL AND e.seq BETWEEN f.seq AND l.seq)
ORDER BY chain, seq
