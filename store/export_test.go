package store

import "database/sql"

// Reader lets tests look at the tables.
func (s *Store) Reader() *sql.DB { return s.read }

// WriterDB lets tests damage the tables; only while nothing else is written.
func (s *Store) WriterDB() *sql.DB { return s.write }

// Sweep is the start-up sweep.
var Sweep = sweep
