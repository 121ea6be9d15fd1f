// Saved queries for the Neo4j Browser on a projection that kith neo4j project made; docs/howto/neo4j-browser.md tells what each answers.
// A blank line ends a query, its first line is its title. Lines with :param are typed once before it. Times are microseconds since 1970.

// How fresh this graph is, and how many people are not in it
MATCH (n:Projection)
RETURN datetime({epochMillis: n.asOf / 1000}) AS asOf, n.people AS people, n.withheld AS withheld,
       n.products AS products, n.relationships AS relationships;

// What the friends of a person bought that the person has not
// :param customer => 'c1'
MATCH (me:Customer {id: $customer})-[:FRIEND_OF]-(friend:Customer)-[:BOUGHT]->(p:Product)
WHERE NOT EXISTS { (me)-[:BOUGHT|DISLIKES]->(p) }
RETURN p.id AS product, p.name AS name, count(DISTINCT friend) AS friends
ORDER BY friends DESC, product
LIMIT 25;

// Whose friends bought a product that they have not yet (friends: the newest 5,000 buyers)
// :param product => 'p1'
MATCH (p:Product {id: $product})<-[b:BOUGHT]-(friend:Customer)
WITH p, friend, max(coalesce(b.at, 0)) AS at
ORDER BY at DESC, friend.id
LIMIT 5000
MATCH (friend)-[:FRIEND_OF]-(other:Customer)
WHERE NOT EXISTS { (other)-[:BOUGHT|DISLIKES]->(p) }
RETURN other.id AS customer, other.name AS name, count(friend) AS friends
ORDER BY friends DESC, customer
LIMIT 50;

// Products that most pairs of friends both bought (of the 50 with most buyers, and of each the newest 2,000 buyers)
MATCH (p:Product) WHERE p.buyers > 1
WITH p ORDER BY p.buyers DESC, p.id LIMIT 50
CALL (p) {
  MATCH (p)<-[b:BOUGHT]-(one:Customer)
  WITH p, one, max(coalesce(b.at, 0)) AS at ORDER BY at DESC, one.id LIMIT 2000
  MATCH (one)-[:FRIEND_OF]->(other:Customer) WHERE EXISTS { (other)-[:BOUGHT]->(p) }
  RETURN count(*) AS pairs
}
WITH p, pairs WHERE pairs > 0
RETURN p.id AS product, p.name AS name, pairs, p.buyers AS buyers
ORDER BY pairs DESC, product
LIMIT 25;

// Who bought a product before friends did, within 30 days (of the newest 5,000 buyers)
// :param product => 'p1'
MATCH (p:Product {id: $product})<-[b:BOUGHT]-(c:Customer) WHERE b.at IS NOT NULL
WITH p, c, min(b.at) AS at
ORDER BY at DESC, c.id
LIMIT 5000
MATCH (c)-[f:FRIEND_OF]-(friend:Customer)-[later:BOUGHT]->(p)
WHERE later.at IS NOT NULL AND coalesce(f.since, at) <= at
WITH c, at, friend, min(later.at) AS followed
WHERE followed > at AND followed <= at + 30 * 86400000000
RETURN c.id AS customer, c.name AS name, count(friend) AS followers, collect(friend.id)[..5] AS some
ORDER BY followers DESC, customer
LIMIT 25;

// The community of a product: its newest 100 buyers and the friendships among them (look at it as a graph)
// :param product => 'p1'
MATCH (p:Product {id: $product})<-[b:BOUGHT]-(c:Customer)
WITH p, c, max(coalesce(b.at, 0)) AS at
ORDER BY at DESC, c.id
LIMIT 100
WITH p, collect(c) AS buyers
UNWIND buyers AS c
MATCH (c)-[b:BOUGHT]->(p)
OPTIONAL MATCH (c)-[f:FRIEND_OF]->(other:Customer) WHERE other IN buyers
RETURN p, b, c, f, other;

// A person, their friends, and what both of them bought (look at it as a graph)
// :param customer => 'c1'
MATCH (me:Customer {id: $customer})
OPTIONAL MATCH (me)-[f:FRIEND_OF]-(friend:Customer)
WITH me, f, friend ORDER BY friend.id LIMIT 50
OPTIONAL MATCH (me)-[mine:BOUGHT]->(p:Product)<-[theirs:BOUGHT]-(friend)
RETURN me, f, friend, mine, p, theirs
LIMIT 500;

// Bridges between two categories: who bought in both, and has friends who know only the one (of the 500 with most friends)
// :param one => 'running'
// :param other => 'camping'
MATCH (:Category {name: $one})<-[:IN_CATEGORY]-(:Product)<-[:BOUGHT]-(c:Customer)
WITH DISTINCT c WHERE EXISTS { (c)-[:BOUGHT]->(:Product)-[:IN_CATEGORY]->(:Category {name: $other}) }
WITH c ORDER BY c.friends DESC, c.id LIMIT 500
MATCH (c)-[:FRIEND_OF]-(friend:Customer)
WHERE EXISTS { (friend)-[:BOUGHT]->(:Product)-[:IN_CATEGORY]->(:Category {name: $one}) }
  AND NOT EXISTS { (friend)-[:BOUGHT]->(:Product)-[:IN_CATEGORY]->(:Category {name: $other}) }
RETURN c.id AS customer, c.name AS name, count(friend) AS friends
ORDER BY friends DESC, customer
LIMIT 50;

// Customers going quiet whose friends still buy (of the 1,000 quiet ones with most purchases)
// :param days => 90
MATCH (n:Projection)
WITH n.asOf - $days * 86400000000 AS since
MATCH (c:Customer) WHERE c.purchases > 0 AND NOT EXISTS { (c)-[b:BOUGHT]->() WHERE b.at IS NULL OR b.at >= since }
WITH since, c ORDER BY c.purchases DESC, c.id LIMIT 1000
MATCH (c)-[:FRIEND_OF]-(friend:Customer) WHERE EXISTS { (friend)-[b:BOUGHT]->() WHERE b.at >= since }
RETURN c.id AS customer, c.name AS name, c.purchases AS purchases, count(friend) AS activeFriends
ORDER BY activeFriends DESC, customer
LIMIT 50;

// Products with dislikes among friends of their buyers (of the newest 20,000 dislikes)
MATCH (critic:Customer)-[d:DISLIKES]->(p:Product)
WITH critic, p, coalesce(d.at, 0) AS at, d.id AS id
ORDER BY at DESC, id
LIMIT 20000
MATCH (critic)-[:FRIEND_OF]-(buyer:Customer) WHERE EXISTS { (buyer)-[:BOUGHT]->(p) }
RETURN p.id AS product, p.name AS name, count(DISTINCT critic) AS critics, count(DISTINCT buyer) AS buyers
ORDER BY buyers DESC, product
LIMIT 25;

// Categories side by side (revenue in the smallest unit of the currency, reads every purchase once)
MATCH (g:Category)<-[:IN_CATEGORY]-(p:Product)
OPTIONAL MATCH (p)<-[b:BOUGHT]-(c:Customer)
RETURN g.name AS category, count(DISTINCT p) AS products, count(b) AS purchases, count(DISTINCT c) AS buyers,
       sum(b.quantity * coalesce(b.price, 0)) AS revenue
ORDER BY revenue DESC, category
LIMIT 100;

// Whose friends share their taste: friends with two products or more in common (of the 200 people with most friends)
MATCH (c:Customer) WHERE c.purchases > 1
WITH c ORDER BY c.friends DESC, c.id LIMIT 200
MATCH (c)-[:BOUGHT]->(p:Product)
WITH DISTINCT c, p
MATCH (c)-[:FRIEND_OF]-(friend:Customer) WHERE EXISTS { (friend)-[:BOUGHT]->(p) }
WITH c, friend, count(p) AS shared WHERE shared > 1
RETURN c.id AS customer, c.name AS name, count(friend) AS alike, c.friends AS friends, sum(shared) AS sharedProducts
ORDER BY alike DESC, sharedProducts DESC, customer
LIMIT 25;
