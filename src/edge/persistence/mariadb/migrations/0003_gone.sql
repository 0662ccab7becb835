-- What is gone is looked for by when that was, to be pruned; of living items and taken names there is no entry to speak of.
ALTER TABLE items ADD INDEX IF NOT EXISTS by_gone (gone_at);

ALTER TABLE names ADD INDEX IF NOT EXISTS by_character (character_id);
