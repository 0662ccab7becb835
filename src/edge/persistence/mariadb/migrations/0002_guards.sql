-- What is older than what is there never replaces it, whoever brings it: these also run for rows that come by replication
-- (slave_run_triggers_for_rbr), where a database that was away sends what it had written before.
CREATE OR REPLACE TRIGGER servers_guard BEFORE UPDATE ON servers FOR EACH ROW
BEGIN
  IF NEW.seen_at < OLD.seen_at THEN
    SET NEW.name = OLD.name, NEW.journal_id = OLD.journal_id, NEW.seen_at = OLD.seen_at;
  END IF;
END;

CREATE OR REPLACE TRIGGER watermarks_guard BEFORE UPDATE ON watermarks FOR EACH ROW
BEGIN
  IF NEW.seq < OLD.seq THEN
    SET NEW.seq = OLD.seq;
  END IF;
END;

CREATE OR REPLACE TRIGGER accounts_guard BEFORE UPDATE ON accounts FOR EACH ROW
BEGIN
  IF NEW.revision < OLD.revision THEN
    SET NEW.revision = OLD.revision;
  END IF;
END;

CREATE OR REPLACE TRIGGER characters_guard BEFORE UPDATE ON characters FOR EACH ROW
BEGIN
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

CREATE OR REPLACE TRIGGER items_guard BEFORE UPDATE ON items FOR EACH ROW
BEGIN
  IF NEW.revision < OLD.revision THEN
    SET NEW.kind = OLD.kind, NEW.count = OLD.count, NEW.durability = OLD.durability, NEW.character_id = OLD.character_id,
      NEW.slot = OLD.slot, NEW.x = OLD.x, NEW.y = OLD.y, NEW.z = OLD.z, NEW.coins = OLD.coins,
      NEW.server_id = OLD.server_id, NEW.is_gone = OLD.is_gone, NEW.gone_at = OLD.gone_at, NEW.revision = OLD.revision;
  END IF;
END;

CREATE OR REPLACE TRIGGER sums_guard BEFORE UPDATE ON sums FOR EACH ROW
BEGIN
  IF NEW.revision < OLD.revision THEN
    SET NEW.amount = OLD.amount, NEW.revision = OLD.revision;
  END IF;
END;

CREATE OR REPLACE TRIGGER checkpoints_guard BEFORE UPDATE ON checkpoints FOR EACH ROW
BEGIN
  IF NEW.revision < OLD.revision THEN
    SET NEW.record = OLD.record, NEW.revision = OLD.revision;
  END IF;
END;

-- Of two that took it at the two ends of a pair that was cut apart one has it in the end, the same at both ends, and undrained.
CREATE OR REPLACE TRIGGER leases_guard BEFORE UPDATE ON leases FOR EACH ROW
BEGIN
  IF NEW.epoch < OLD.epoch OR (NEW.epoch = OLD.epoch AND NEW.server_id < OLD.server_id) THEN
    SET NEW.server_id = OLD.server_id, NEW.epoch = OLD.epoch, NEW.is_undrained = OLD.is_undrained,
      NEW.taken_at = OLD.taken_at;
  ELSEIF NEW.epoch = OLD.epoch AND NEW.server_id = OLD.server_id AND NEW.is_undrained > OLD.is_undrained THEN
    SET NEW.is_undrained = OLD.is_undrained;
  END IF;
END;

-- Likewise of two that took a name; the first keeps it.
CREATE OR REPLACE TRIGGER names_guard BEFORE UPDATE ON names FOR EACH ROW
BEGIN
  IF NEW.epoch < OLD.epoch OR (NEW.epoch = OLD.epoch AND (NEW.reserved_at, NEW.character_id) > (OLD.reserved_at, OLD.character_id)) THEN
    SET NEW.character_id = OLD.character_id, NEW.account_id = OLD.account_id, NEW.reserved_at = OLD.reserved_at,
      NEW.epoch = OLD.epoch;
  END IF;
END;
