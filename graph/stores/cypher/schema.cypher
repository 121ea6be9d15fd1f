// constraint node
CREATE CONSTRAINT %constraint% IF NOT EXISTS FOR (r:%name%) REQUIRE r.%key% IS UNIQUE

// constraint tie
CREATE CONSTRAINT %constraint% IF NOT EXISTS FOR ()-[r:%name%]-() REQUIRE r.%key% IS UNIQUE

// index node
CREATE INDEX %index% IF NOT EXISTS FOR (r:%name%) ON (r.seq)

// index tie
CREATE INDEX %index% IF NOT EXISTS FOR ()-[r:%name%]-() ON (r.seq)

// names
SHOW INDEXES YIELD name RETURN name

// await
CALL db.awaitIndexes(300)

// version
CALL dbms.components() YIELD name, versions, edition WHERE name = 'Neo4j Kernel' RETURN versions[0], edition
