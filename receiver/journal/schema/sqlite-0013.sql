-- Sessions of the console. Nothing here opens one: of its cookie there is a digest, of its token a mark.
CREATE TABLE session (
  digest TEXT PRIMARY KEY,
  mark TEXT NOT NULL,
  began REAL NOT NULL,
  seen REAL NOT NULL
) WITHOUT ROWID;
