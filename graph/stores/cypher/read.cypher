// one
WITH $key AS key %found% WITH %vars% WHERE r.seq IS NOT NULL RETURN %fields%

// page
%placed% WITH %vars% ORDER BY r.seq LIMIT $limit RETURN max(r.seq), %columns%

// tail
%placed% WITH %vars% ORDER BY r.seq LIMIT $limit RETURN collect([r.seq, %fields%])

// count
%placed% RETURN count(r)

// count removals
MATCH (t:KithRemoval) USING INDEX SEEK t:KithRemoval(seq) WHERE t.seq > $after AND t.seq <= $until RETURN count(t)

// removals
MATCH (t:KithRemoval) USING INDEX SEEK t:KithRemoval(seq) WHERE t.seq > $after AND t.seq <= $until
WITH t ORDER BY t.seq LIMIT $limit RETURN collect([t.seq, t.kind, t.key])

// ring
UNWIND $people AS id MATCH (:Customer {id: id})-[r:%name%]-(other:Customer) WHERE r.seq IS NOT NULL
RETURN collect(DISTINCT other.id)

// among
UNWIND $people AS id MATCH (a:Customer {id: id})-[r:%name%]->(b:Customer) WHERE b.id IN $people AND r.seq IS NOT NULL
RETURN collect(%fields%)

// counts
RETURN %counts%
