// Facts that people made, changed or deleted by hand, in the Neo4j Browser say.

// made node
MATCH (r:%name%) WHERE r.seq IS NULL RETURN collect([elementId(r), %fields%])

// made owned
MATCH (r:%name%) WHERE r.seq IS NULL
OPTIONAL MATCH (a:%start%)-[:%owned%]->(r)
RETURN collect([elementId(r), %fields%])

// made tie
MATCH (x)-[r:%name%]->(y) WHERE r.seq IS NULL
OPTIONAL MATCH (a:%start%) WHERE a = x
OPTIONAL MATCH (b:%end%) WHERE b = y
RETURN collect([elementId(r), %fields%])

// unmake owned
UNWIND $made AS made MATCH (r:%name%) WHERE elementId(r) = made DETACH DELETE r

// unmake tie
UNWIND $made AS made MATCH ()-[r:%name%]->() WHERE elementId(r) = made DELETE r

// stamped
%placed% WITH %vars% ORDER BY r.seq LIMIT $limit RETURN collect([r.seq, r.stamp, r.%key%, %fields%])

// held node
MATCH (r:%name%) RETURN count(r.seq), coalesce(sum(r.seq), 0)

// held owned
MATCH (r:%name%) RETURN count(r.seq), coalesce(sum(r.seq), 0)

// held tie
MATCH ()-[r:%name%]->() RETURN count(r.seq), coalesce(sum(r.seq), 0)
