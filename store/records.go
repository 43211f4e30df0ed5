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
