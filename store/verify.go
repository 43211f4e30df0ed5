package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// ErrAuditBroken says that the audit is not what was written.
var ErrAuditBroken = errors.New("the audit was changed")

// Head is an end that the audit has or once had: the number and the hash of its last line. A head that is kept outside the file
// is an anchor: it shows whether the lines up to it are still those that were written.
type Head struct {
	Seq  int64  // 0 for an audit without lines
	Hash string // 64 hexadecimal digits; "" for an audit without lines
}

// String is the head as ParseHead reads it: "12:5f3a…".
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, h.Hash) }

// ParseHead reads SEQ:HASH.
func ParseHead(text string) (Head, error) {
	number, hash, _ := strings.Cut(text, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil || seq < 0 {
		return Head{}, fmt.Errorf("the head %.100q does not look like 12:5f3a…, the number of a line and its hash", text)
	}
	if raw, err := hex.DecodeString(hash); seq > 0 && (err != nil || len(raw) != 32) || seq == 0 && hash != "" {
		return Head{}, fmt.Errorf("the hash of the head %.100q is not the 64 hexadecimal digits of a SHA-256", text)
	}
	return Head{Seq: seq, Hash: strings.ToLower(hash)}, nil
}

// Head is the end of the audit now.
func (s *Store) Head(ctx context.Context) (Head, error) {
	var h Head
	if err := s.read.row(ctx, `SELECT seq, hash FROM audit_head`).Scan(&h.Seq, &h.Hash); err != nil {
		return Head{}, fmt.Errorf("reading the end of the audit: %w", err)
	}
	return h, nil
}

// Verify recomputes the whole chain, compares it with the anchors, and returns its end. ErrAuditBroken comes with a sentence about
// the first line that is not right. Without an anchor a file that was rewritten, or cut off at its end, looks right.
func (s *Store) Verify(ctx context.Context, anchors ...Head) (Head, error) {
	return verify(ctx, s.read.db, anchors)
}

// VerifyAudit does the same as Verify with the file at address, "file:/var/lib/algesta/algesta.db", whether or not a bot works on it.
// It takes no lock, migrates nothing and changes no line. The folder must allow SQLite to make its -shm file.
func VerifyAudit(ctx context.Context, address string, anchors ...Head) (Head, error) {
	path, err := fileOf(address)
	if err != nil {
		return Head{}, fmt.Errorf("verifying the audit: %w", err)
	}
	if err := isDatabase(path); err != nil {
		return Head{}, fmt.Errorf("verifying the audit: %w", err)
	}
	db, err := pool(path, 1, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}})
	if err != nil {
		return Head{}, fmt.Errorf("verifying the audit: %w", err)
	}
	defer func() { _ = db.Close() }() // it was only read
	return verify(ctx, db, anchors)
}

// isDatabase says what is wrong with a path in clearer words than SQLite's, and with a file that would count as an audit without lines.
func isDatabase(path string) error {
	f, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	const magic = "SQLite format 3\x00"
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != magic {
		return fmt.Errorf("opening the store: %s is not a SQLite database", path)
	}
	return nil
}

func verify(ctx context.Context, db *sql.DB, anchors []Head) (Head, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one view of both tables
	if err != nil {
		return Head{}, fmt.Errorf("verifying the audit: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	c := &chain{anchors: map[int64][]string{}}
	for _, a := range anchors {
		c.anchors[a.Seq] = append(c.anchors[a.Seq], a.Hash)
	}
	err = c.walk(ctx, tx)
	if err == nil {
		err = c.ends(ctx, tx)
	}
	if err = errors.Join(err, c.rewritten); err != nil {
		return c.end, fmt.Errorf("verifying the audit: %w", err)
	}
	return c.end, nil
}

// chain is the part of the audit that was read so far.
type chain struct {
	end       Head
	anchors   map[int64][]string // the hashes that lines had, by number
	anchored  int64              // the last line that an anchor confirms
	rewritten error              // the first line that is not what its anchor says
}

// walk reads line after line until the end or the first one that does not follow from the one before.
func (c *chain) walk(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT seq, request, kind, actor, at, data, prev, hash FROM audit ORDER BY seq`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		var l line
		if err := rows.Scan(&l.seq, &l.request, &l.kind, &l.actor, &l.at, &l.data, &l.prev, &l.hash); err != nil {
			return fmt.Errorf("reading what follows line %d: %w", c.end.Seq, err)
		}
		if err := c.follow(l); err != nil {
			return err
		}
	}
	return rows.Err()
}

// follow takes the next line if it is what it says it is, and follows from the one before.
func (c *chain) follow(l line) error {
	sum, err := l.sum()
	switch {
	case err != nil:
		return err
	case l.seq != c.end.Seq+1:
		return fmt.Errorf("line %d is missing: line %d comes after line %d: %w", c.end.Seq+1, l.seq, c.end.Seq, ErrAuditBroken)
	case l.hash != sum:
		return fmt.Errorf("line %d is not what was written: its hash is that of another content: %w", l.seq, ErrAuditBroken)
	case l.prev != c.end.Hash:
		return fmt.Errorf("line %d does not follow line %d: it was written after another line: %w", l.seq, c.end.Seq, ErrAuditBroken)
	}
	c.end = Head{Seq: l.seq, Hash: l.hash}
	for _, hash := range c.anchors[l.seq] {
		if hash == l.hash {
			c.anchored = l.seq
		} else if c.rewritten == nil {
			c.rewritten = fmt.Errorf("line %d had the hash %s and has %s: the audit was rewritten somewhere after line %d: %w",
				l.seq, hash, l.hash, c.anchored, ErrAuditBroken)
		}
	}
	return nil
}

// ends compares the last line with what the file says and with what the anchors say.
func (c *chain) ends(ctx context.Context, tx *sql.Tx) error {
	var head Head
	if err := tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head`).Scan(&head.Seq, &head.Hash); err != nil {
		return err
	}
	if head != c.end {
		return fmt.Errorf("its last line is %s, and the file says that it is %s: %w", c.end, head, ErrAuditBroken)
	}
	var last int64
	for seq := range c.anchors {
		last = max(last, seq)
	}
	if last > c.end.Seq {
		return fmt.Errorf("it ends at line %d, and once had a line %d: its end was cut off: %w", c.end.Seq, last, ErrAuditBroken)
	}
	return nil
}
