-- Sessions of the console. Nothing here opens one: of its cookie there is a digest, of its token a mark.
CREATE TABLE session (
  digest text PRIMARY KEY,
  mark text NOT NULL,
  began double precision NOT NULL,
  seen double precision NOT NULL
);
