// nodes
UNWIND $rows AS row MATCH (r:%name% {%key%: row[0]}) USING INDEX r:%name%(%key%) SET r += row[1] RETURN count(DISTINCT r)
