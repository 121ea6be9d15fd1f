// A database that marketers look at. Its mark is a node of its own: a graph of record never has it.

// database
CALL db.info() YIELD id RETURN id

// found
OPTIONAL MATCH (mark:KithProjection)
RETURN EXISTS { MATCH (n) WHERE NOT n:KithPlace }, mark.maker

// claim
MERGE (mark:KithProjection {name: 'graph'}) SET mark.maker = $maker

// maker
MATCH (mark:KithProjection {name: 'graph'}) RETURN mark.maker

// clear ties
MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 20000 ROWS

// clear nodes
MATCH (n) WHERE NOT n:KithPlace AND NOT n:KithProjection CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 20000 ROWS

// begin
MATCH (place:KithPlace {name: 'graph'}) SET place = $state SET place.name = 'graph'

// finish
CREATE (p:Projection {asOf: $asOf, people: $people, withheld: $withheld})
SET p.products = COUNT { (:Product) }, p.relationships = COUNT { ()-->() }
RETURN p.products, p.relationships
