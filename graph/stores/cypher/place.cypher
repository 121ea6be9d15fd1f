// The one node KithPlace tells how far the order of writes has come. Whoever writes takes its lock first: one writer at a time.

// create
MERGE (place:KithPlace {name: 'graph'})
ON CREATE SET place += $state

// lock
MATCH (place:KithPlace {name: 'graph'}) SET place.writing = $token

// read
MATCH (place:KithPlace {name: 'graph'}) RETURN properties(place)

// save
MATCH (place:KithPlace {name: 'graph'}) SET place += $state

// used
MATCH (n) WITH count(n) AS nodes OPTIONAL MATCH (place:KithPlace {name: 'graph'}) RETURN nodes, count(place), max(place.last)
