-- Servers by name. The id follows from the name, so both ends of a pair know it without asking each other.
CREATE TABLE IF NOT EXISTS servers (
  server_id INT UNSIGNED NOT NULL PRIMARY KEY,
  name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  journal_id BINARY(16) NOT NULL,
  seen_at BIGINT UNSIGNED NOT NULL COMMENT 'ms since 1970; the last start'
) ENGINE=InnoDB;

-- One row for each start of a server: the ids of what it makes begin with this number.
CREATE TABLE IF NOT EXISTS incarnations (
  incarnation INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  server_id INT UNSIGNED NOT NULL,
  taken_at BIGINT UNSIGNED NOT NULL COMMENT 'ms since 1970'
) ENGINE=InnoDB;

-- Up to where a server's journal is in these tables.
CREATE TABLE IF NOT EXISTS watermarks (
  server_id INT UNSIGNED NOT NULL PRIMARY KEY,
  seq BIGINT UNSIGNED NOT NULL COMMENT 'its own revision'
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS accounts (
  account_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  revision BIGINT UNSIGNED NOT NULL COMMENT 'of its roster'
) ENGINE=InnoDB;

-- The first half of a row is as the roster says (roster_revision), the second is what somebody owns (revision).
CREATE TABLE IF NOT EXISTS characters (
  character_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  account_id BIGINT UNSIGNED NULL,
  position TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'in the roster',
  name VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  class SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'as it was made',
  team TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'as it was made',
  is_gone TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'struck from the roster',
  roster_revision BIGINT UNSIGNED NOT NULL DEFAULT 0,
  is_owner TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'was played, and has what follows',
  estate_class SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '0 until it is born',
  estate_team TINYINT UNSIGNED NOT NULL DEFAULT 0,
  experience BIGINT UNSIGNED NOT NULL DEFAULT 0,
  coins BIGINT UNSIGNED NOT NULL DEFAULT 0,
  skills VARBINARY(3072) NOT NULL DEFAULT '' COMMENT 'three bytes each: id, little-endian, and rank',
  server_id INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'who said so',
  revision BIGINT UNSIGNED NOT NULL DEFAULT 0,
  KEY by_account (account_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS names (
  folded VARBINARY(96) NOT NULL PRIMARY KEY,
  character_id BIGINT UNSIGNED NULL COMMENT 'NULL: free',
  account_id BIGINT UNSIGNED NULL,
  reserved_at BIGINT UNSIGNED NOT NULL COMMENT 'ms since 1970; when it was taken or freed',
  epoch BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB;

-- Items, and heaps of coins, which are items of kind 0. Who holds it, or where it lies and on whose ground.
CREATE TABLE IF NOT EXISTS items (
  item_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  kind SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  count INT UNSIGNED NOT NULL DEFAULT 0,
  durability SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  character_id BIGINT UNSIGNED NULL,
  slot TINYINT UNSIGNED NULL,
  x INT NULL COMMENT 'subunits, as y and z',
  y INT NULL,
  z INT NULL,
  coins BIGINT UNSIGNED NULL COMMENT 'of a heap',
  server_id INT UNSIGNED NULL COMMENT 'whose ground it lies on',
  is_gone TINYINT UNSIGNED NOT NULL DEFAULT 0,
  gone_at BIGINT UNSIGNED NULL COMMENT 'ms since 1970',
  revision BIGINT UNSIGNED NOT NULL,
  KEY by_character (character_id),
  KEY by_ground (server_id)
) ENGINE=InnoDB;

-- Transactions, once each. Its id begins with an incarnation and counts, so rows come in at the end of the tree.
CREATE TABLE IF NOT EXISTS ledger (
  transaction_id BINARY(16) NOT NULL PRIMARY KEY COMMENT 'big-endian',
  server_id INT UNSIGNED NOT NULL,
  seq BIGINT UNSIGNED NOT NULL,
  at_ms BIGINT UNSIGNED NOT NULL,
  body MEDIUMBLOB NOT NULL,
  KEY by_journal (server_id, seq)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS ledger_characters (
  character_id BIGINT UNSIGNED NOT NULL,
  transaction_id BINARY(16) NOT NULL,
  PRIMARY KEY (character_id, transaction_id)
) ENGINE=InnoDB;

-- What came into the world of a server's journal by some way, in all.
CREATE TABLE IF NOT EXISTS sums (
  server_id INT UNSIGNED NOT NULL,
  way VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  kind INT NOT NULL COMMENT '-1: coins',
  amount BIGINT NOT NULL,
  revision BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (server_id, way, kind)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS checkpoints (
  character_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  revision BIGINT UNSIGNED NOT NULL,
  record MEDIUMBLOB NOT NULL
) ENGINE=InnoDB;

-- Who may write a character. Undrained: its owner's journal may hold what these tables do not.
CREATE TABLE IF NOT EXISTS leases (
  character_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  server_id INT UNSIGNED NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL,
  is_undrained TINYINT UNSIGNED NOT NULL,
  taken_at BIGINT UNSIGNED NOT NULL COMMENT 'ms since 1970',
  KEY by_server (server_id, is_undrained)
) ENGINE=InnoDB;
