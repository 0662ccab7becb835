-- What is older than what is there never replaces it, whoever brings it. Rows that come by replication
-- (slave_run_triggers_for_rbr=ENFORCE) from a database that was away and knows less come as updates, if it had the row when it
-- went, and otherwise as inserts, over a row that is here: for these the server runs the trigger before the insert and then
-- writes the row over the other without asking the trigger before the update. The sessions of game servers, whose statements
-- look at revisions themselves, say so (@is_guarded), for a row that is read for each insert costs time. The lock sees the row
-- as it is now, not as it was when the replica's transaction began.
--
-- That each trigger before an update names its table in a statement that is never reached (a key is not NULL) is for the
-- replica, too: of a statement that updated one row and then inserted another it opens the tables that the triggers of the
-- first need, and stops at the second (error 1146, table doesn't exist; MariaDB 10.11).
CREATE OR REPLACE TRIGGER servers_update BEFORE UPDATE ON servers FOR EACH ROW
BEGIN
  IF NEW.server_id IS NULL THEN
    SET @nothing = (SELECT COUNT(*) FROM servers LOCK IN SHARE MODE);
  END IF;
  IF NEW.seen_at < OLD.seen_at THEN
    SET NEW.name = OLD.name, NEW.journal_id = OLD.journal_id, NEW.seen_at = OLD.seen_at;
  END IF;
END;

CREATE OR REPLACE TRIGGER servers_insert BEFORE INSERT ON servers FOR EACH ROW
BEGIN
  IF @is_guarded IS NULL THEN
    BEGIN
      DECLARE was ROW TYPE OF servers;
      SELECT * INTO was FROM servers WHERE server_id = NEW.server_id LOCK IN SHARE MODE;
      IF NEW.seen_at < was.seen_at THEN
        SET NEW.name = was.name, NEW.journal_id = was.journal_id, NEW.seen_at = was.seen_at;
      END IF;
    END;
  END IF;
END;

CREATE OR REPLACE TRIGGER watermarks_update BEFORE UPDATE ON watermarks FOR EACH ROW
BEGIN
  IF NEW.server_id IS NULL THEN
    SET @nothing = (SELECT COUNT(*) FROM watermarks LOCK IN SHARE MODE);
  END IF;
  IF NEW.seq < OLD.seq THEN
    SET NEW.seq = OLD.seq;
  END IF;
END;

CREATE OR REPLACE TRIGGER watermarks_insert BEFORE INSERT ON watermarks FOR EACH ROW
BEGIN
  IF @is_guarded IS NULL THEN
    BEGIN
      DECLARE was ROW TYPE OF watermarks;
      SELECT * INTO was FROM watermarks WHERE server_id = NEW.server_id LOCK IN SHARE MODE;
      IF NEW.seq < was.seq THEN
        SET NEW.seq = was.seq;
      END IF;
    END;
  END IF;
END;

CREATE OR REPLACE TRIGGER accounts_update BEFORE UPDATE ON accounts FOR EACH ROW
BEGIN
  IF NEW.account_id IS NULL THEN
    SET @nothing = (SELECT COUNT(*) FROM accounts LOCK IN SHARE MODE);
  END IF;
  IF NEW.revision < OLD.revision THEN
    SET NEW.revision = OLD.revision;
  END IF;
END;

CREATE OR REPLACE TRIGGER accounts_insert BEFORE INSERT ON accounts FOR EACH ROW
BEGIN
  IF @is_guarded IS NULL THEN
    BEGIN
      DECLARE was ROW TYPE OF accounts;
      SELECT * INTO was FROM accounts WHERE account_id = NEW.account_id LOCK IN SHARE MODE;
      IF NEW.revision < was.revision THEN
        SET NEW.revision = was.revision;
      END IF;
    END;
  END IF;
END;

CREATE OR REPLACE TRIGGER characters_update BEFORE UPDATE ON characters FOR EACH ROW
BEGIN
  IF NEW.character_id IS NULL THEN
    SET @nothing = (SELECT COUNT(*) FROM characters LOCK IN SHARE MODE);
  END IF;
  IF NEW.roster_revision < OLD.roster_revision THEN
    SET NEW.account_id = OLD.account_id, NEW.position = OLD.position, NEW.name = OLD.name, NEW.class = OLD.class,
      NEW.team = OLD.team, NEW.is_gone = OLD.is_gone, NEW.roster_revision = OLD.roster_revision;
  END IF;
  IF NEW.revision < OLD.revision THEN
    SET NEW.is_owner = OLD.is_owner, NEW.estate_class = OLD.estate_class, NEW.estate_team = OLD.estate_team,
      NEW.experience = OLD.experience, NEW.coins = OLD.coins, NEW.skills = OLD.skills, NEW.server_id = OLD.server_id,
      NEW.revision = OLD.revision;
  END IF;
END;

CREATE OR REPLACE TRIGGER characters_insert BEFORE INSERT ON characters FOR EACH ROW
BEGIN
  IF @is_guarded IS NULL THEN
    BEGIN
      DECLARE was ROW TYPE OF characters;
      SELECT * INTO was FROM characters WHERE character_id = NEW.character_id LOCK IN SHARE MODE;
      IF NEW.roster_revision < was.roster_revision THEN
        SET NEW.account_id = was.account_id, NEW.position = was.position, NEW.name = was.name, NEW.class = was.class,
          NEW.team = was.team, NEW.is_gone = was.is_gone, NEW.roster_revision = was.roster_revision;
      END IF;
      IF NEW.revision < was.revision THEN
        SET NEW.is_owner = was.is_owner, NEW.estate_class = was.estate_class, NEW.estate_team = was.estate_team,
          NEW.experience = was.experience, NEW.coins = was.coins, NEW.skills = was.skills,
          NEW.server_id = was.server_id, NEW.revision = was.revision;
      END IF;
    END;
  END IF;
END;

CREATE OR REPLACE TRIGGER items_update BEFORE UPDATE ON items FOR EACH ROW
BEGIN
  IF NEW.item_id IS NULL THEN
    SET @nothing = (SELECT COUNT(*) FROM items LOCK IN SHARE MODE);
  END IF;
  IF NEW.revision < OLD.revision THEN
    SET NEW.kind = OLD.kind, NEW.count = OLD.count, NEW.durability = OLD.durability,
      NEW.character_id = OLD.character_id, NEW.slot = OLD.slot, NEW.x = OLD.x, NEW.y = OLD.y, NEW.z = OLD.z,
      NEW.coins = OLD.coins, NEW.server_id = OLD.server_id, NEW.is_gone = OLD.is_gone, NEW.gone_at = OLD.gone_at,
      NEW.revision = OLD.revision;
  END IF;
END;

CREATE OR REPLACE TRIGGER items_insert BEFORE INSERT ON items FOR EACH ROW
BEGIN
  IF @is_guarded IS NULL THEN
    BEGIN
      DECLARE was ROW TYPE OF items;
      SELECT * INTO was FROM items WHERE item_id = NEW.item_id LOCK IN SHARE MODE;
      IF NEW.revision < was.revision THEN
        SET NEW.kind = was.kind, NEW.count = was.count, NEW.durability = was.durability,
          NEW.character_id = was.character_id, NEW.slot = was.slot, NEW.x = was.x, NEW.y = was.y, NEW.z = was.z,
          NEW.coins = was.coins, NEW.server_id = was.server_id, NEW.is_gone = was.is_gone, NEW.gone_at = was.gone_at,
          NEW.revision = was.revision;
      END IF;
    END;
  END IF;
END;

CREATE OR REPLACE TRIGGER sums_update BEFORE UPDATE ON sums FOR EACH ROW
BEGIN
  IF NEW.server_id IS NULL THEN
    SET @nothing = (SELECT COUNT(*) FROM sums LOCK IN SHARE MODE);
  END IF;
  IF NEW.revision < OLD.revision THEN
    SET NEW.amount = OLD.amount, NEW.revision = OLD.revision;
  END IF;
END;

CREATE OR REPLACE TRIGGER sums_insert BEFORE INSERT ON sums FOR EACH ROW
BEGIN
  IF @is_guarded IS NULL THEN
    BEGIN
      DECLARE was ROW TYPE OF sums;
      SELECT * INTO was FROM sums WHERE server_id = NEW.server_id AND way = NEW.way AND kind = NEW.kind LOCK IN SHARE MODE;
      IF NEW.revision < was.revision THEN
        SET NEW.amount = was.amount, NEW.revision = was.revision;
      END IF;
    END;
  END IF;
END;

CREATE OR REPLACE TRIGGER checkpoints_update BEFORE UPDATE ON checkpoints FOR EACH ROW
BEGIN
  IF NEW.character_id IS NULL THEN
    SET @nothing = (SELECT COUNT(*) FROM checkpoints LOCK IN SHARE MODE);
  END IF;
  IF NEW.revision < OLD.revision THEN
    SET NEW.record = OLD.record, NEW.revision = OLD.revision;
  END IF;
END;

CREATE OR REPLACE TRIGGER checkpoints_insert BEFORE INSERT ON checkpoints FOR EACH ROW
BEGIN
  IF @is_guarded IS NULL THEN
    BEGIN
      DECLARE was ROW TYPE OF checkpoints;
      SELECT * INTO was FROM checkpoints WHERE character_id = NEW.character_id LOCK IN SHARE MODE;
      IF NEW.revision < was.revision THEN
        SET NEW.record = was.record, NEW.revision = was.revision;
      END IF;
    END;
  END IF;
END;

-- Of two that took it at the two ends of a pair that was cut apart one has it in the end, the same at both ends, and undrained.
CREATE OR REPLACE TRIGGER leases_update BEFORE UPDATE ON leases FOR EACH ROW
BEGIN
  IF NEW.character_id IS NULL THEN
    SET @nothing = (SELECT COUNT(*) FROM leases LOCK IN SHARE MODE);
  END IF;
  IF NEW.epoch < OLD.epoch OR (NEW.epoch = OLD.epoch AND NEW.server_id < OLD.server_id) THEN
    SET NEW.server_id = OLD.server_id, NEW.epoch = OLD.epoch, NEW.is_undrained = OLD.is_undrained,
      NEW.taken_at = OLD.taken_at;
  ELSEIF NEW.epoch = OLD.epoch AND NEW.server_id = OLD.server_id AND NEW.is_undrained > OLD.is_undrained THEN
    SET NEW.is_undrained = OLD.is_undrained;
  END IF;
END;

CREATE OR REPLACE TRIGGER leases_insert BEFORE INSERT ON leases FOR EACH ROW
BEGIN
  IF @is_guarded IS NULL THEN
    BEGIN
      DECLARE was ROW TYPE OF leases;
      SELECT * INTO was FROM leases WHERE character_id = NEW.character_id LOCK IN SHARE MODE;
      IF NEW.epoch < was.epoch OR (NEW.epoch = was.epoch AND NEW.server_id < was.server_id) THEN
        SET NEW.server_id = was.server_id, NEW.epoch = was.epoch, NEW.is_undrained = was.is_undrained,
          NEW.taken_at = was.taken_at;
      ELSEIF NEW.epoch = was.epoch AND NEW.server_id = was.server_id AND NEW.is_undrained > was.is_undrained THEN
        SET NEW.is_undrained = was.is_undrained;
      END IF;
    END;
  END IF;
END;

-- Likewise of two that took a name; the first keeps it.
CREATE OR REPLACE TRIGGER names_update BEFORE UPDATE ON names FOR EACH ROW
BEGIN
  IF NEW.folded IS NULL THEN
    SET @nothing = (SELECT COUNT(*) FROM names LOCK IN SHARE MODE);
  END IF;
  IF NEW.epoch < OLD.epoch
    OR (NEW.epoch = OLD.epoch AND (NEW.reserved_at, NEW.character_id) > (OLD.reserved_at, OLD.character_id)) THEN
    SET NEW.character_id = OLD.character_id, NEW.account_id = OLD.account_id, NEW.reserved_at = OLD.reserved_at,
      NEW.epoch = OLD.epoch;
  END IF;
END;

CREATE OR REPLACE TRIGGER names_insert BEFORE INSERT ON names FOR EACH ROW
BEGIN
  IF @is_guarded IS NULL THEN
    BEGIN
      DECLARE was ROW TYPE OF names;
      SELECT * INTO was FROM names WHERE folded = NEW.folded LOCK IN SHARE MODE;
      IF NEW.epoch < was.epoch
    OR (NEW.epoch = was.epoch AND (NEW.reserved_at, NEW.character_id) > (was.reserved_at, was.character_id)) THEN
        SET NEW.character_id = was.character_id, NEW.account_id = was.account_id, NEW.reserved_at = was.reserved_at,
          NEW.epoch = was.epoch;
      END IF;
    END;
  END IF;
END;
