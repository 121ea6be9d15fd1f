// Records travel as columns, each a list of a parameter's own: far cheaper to pack than a list for each record.

// known ids
UNWIND $keys AS key %found% RETURN collect(key)

// known rows
UNWIND $keys AS key %found% RETURN collect([key, r.seq, %fields%])

// create node
%each% CREATE (r:%name% {%values%}) RETURN count(*)

// create owned
%each% MATCH (a:%start% {id: $%from%[i]}) USING INDEX SEEK a:%start%(id) CREATE (a)-[:%owned%]->(r:%name% {%values%}) RETURN count(*)

// create tie
%each% MATCH (a:%start% {id: $%from%[i]}) USING INDEX SEEK a:%start%(id)
MATCH (b:%end% {id: $%to%[i]}) USING INDEX SEEK b:%end%(id)
CREATE (a)-[r:%name% {%values%}]->(b) RETURN count(*)

// change
%each% WITH i, $%key%[i] AS key %found% SET %changes% RETURN count(*)

// unlink
UNWIND $keys AS key MATCH (:%name% {%key%: key})-[old:%type%]->(s:%label%)
DELETE old
WITH DISTINCT s WHERE NOT EXISTS { (s)<-[:%type%]-() }
DELETE s

// link
UNWIND range(0, size($keys) - 1) AS i MATCH (r:%name% {%key%: $keys[i]}) USING INDEX SEEK r:%name%(%key%)
MERGE (s:%label% {name: $names[i]}) CREATE (r)-[:%type%]->(s)

// delete
UNWIND $keys AS key %found% WITH r, r.seq AS seq %delete% r RETURN collect(seq)

// bury
MERGE (t:KithRemoval {of: $of})
WITH t, t.seq AS before SET t.seq = $seq, t.kind = $kind, t.key = $key
RETURN collect(before)

// buried
MATCH (t:KithRemoval {kind: $kind}) RETURN collect([t.of, t.key])

// unbury
UNWIND $of AS of MATCH (t:KithRemoval {of: of})
WITH t, t.seq AS before DELETE t
RETURN collect(before)

// forget
MATCH (r:Customer {id: $id})
CALL (r) { MATCH (r)-[tie]-() WHERE tie.seq IS NOT NULL RETURN collect([type(tie), tie.seq]) AS ties }
CALL (r) { MATCH (r)-[:%owned%]->(o) WHERE o.seq IS NOT NULL RETURN collect([labels(o)[0], o.seq]) AS owned }
RETURN r.seq, ties + owned

// forget everything
MATCH (r:Customer {id: $id})
OPTIONAL MATCH (r)-[:%owned%]->(o)
DETACH DELETE o
WITH DISTINCT r
DETACH DELETE r
