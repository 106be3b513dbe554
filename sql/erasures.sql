-- Erased rows without a record in an operator's chain; any engine. It can't tell whose chain that is: check that it is
-- signed with `nymtrail verify`, or put its id in place of the condition on row 0.
SELECT e.chain AS chain, e.seq AS seq
FROM events e
WHERE e.body IS NULL AND NOT EXISTS (
  SELECT 1 FROM events r JOIN events o ON o.chain = r.chain AND o.seq = 0 AND o.body LIKE '%"x":"operator"}'
  WHERE r.body LIKE '{"chain":"' || e.chain || '","seq":' || e.seq || ',"why":"%","x":"erase"}')
ORDER BY chain, seq
