package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// scanRecord reads one of the bot's own records, such as a freeze, from the only column of a row.
func scanRecord[T any](row scanner) (record T, err error) {
	var text string
	if err = row.Scan(&text); err != nil {
		return record, err
	}
	return record, decode(text, &record)
}

// recordOf is the record that a request made, and whether it has ended; found is false where it made none. query selects the record and
// the moment of its end by the request; what is the kind of record, for an error.
func recordOf[T any](ctx context.Context, s *Store, what, query, request string) (record T, ended, found bool, err error) {
	var text string
	var endedAt int64
	err = s.read.row(ctx, query, request).Scan(&text, &endedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return record, false, false, nil
	}
	if err == nil {
		err = decode(text, &record)
	}
	if err != nil {
		return record, false, false, fmt.Errorf("reading %s %s: %w", what, request, err)
	}
	return record, endedAt != 0, true, nil
}

// openRecords are the records that query selects; what is their kind, for an error.
func openRecords[T any](ctx context.Context, q queryer, what, query string, args ...any) (*[]T, error) {
	all, err := list(ctx, q, scanRecord[T], query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the %ss: %w", what, err)
	}
	return &all, nil
}

// keepRecord stores a record, once: again it changes nothing. insert takes its ID, its JSON, and more; what is its kind, for an error.
func keepRecord[T any](t *Tx, what, id, insert string, record T, more ...any) error {
	text, err := encode(record)
	if err != nil {
		return fmt.Errorf("storing the %s %s: %w", what, id, err)
	}
	return t.exec("storing the "+what+" "+id, insert, append([]any{id, text}, more...)...)
}
