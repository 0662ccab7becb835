-- Journals that are lost: what they had not carried is given up, and if one is found after all, nothing of it is taken.
CREATE TABLE IF NOT EXISTS forgotten (
  journal_id BINARY(16) NOT NULL PRIMARY KEY,
  server_id INT UNSIGNED NOT NULL,
  forgotten_at BIGINT UNSIGNED NOT NULL COMMENT 'ms since 1970'
) ENGINE=InnoDB;
