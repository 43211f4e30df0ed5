package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/3astronautas/algesta"
)

// line is one row of the audit.
type line struct {
	seq                  int64
	request, kind, actor string
	at                   int64
	data, prev, hash     string
}

// sum is the hash of a line: of everything in it and the hash of the line before, as a JSON array, so that no
// two different lines read the same.
func (l line) sum() (string, error) {
	text, err := encode([]any{l.prev, l.seq, l.request, l.kind, l.actor, l.at, l.data})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), nil
}

// Append adds a line to the audit. The lines form a chain: each carries the SHA-256 of the one before, and triggers refuse
// to change or delete them. Anyone who can write the file can rewrite the whole chain, so only a Head that was kept elsewhere proves
// anything: VerifyAudit compares with it.
func (t *Tx) Append(e algesta.Entry) error {
	data, err := encode(e.Data)
	if err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	l := line{request: e.Request, kind: e.Kind, actor: e.Actor, at: ms(e.At), data: data}
	if err := t.row(`SELECT seq + 1, hash FROM audit_head`).Scan(&l.seq, &l.prev); err != nil {
		return fmt.Errorf("reading the end of the audit: %w", err)
	}
	if l.hash, err = l.sum(); err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	if err := t.exec(
		"writing the audit", `INSERT INTO audit (seq, request, kind, actor, at, data, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, l.seq,
		l.request, l.kind, l.actor, l.at, l.data, l.prev, l.hash,
	); err != nil {
		return err
	}
	return t.exec("writing the end of the audit", `UPDATE audit_head SET seq = ?, hash = ?`, l.seq, l.hash)
}

// AuditBefore are the lines before this number, the last one first, most at most, down to those of since. A number of 0 means the end.
func (s *Store) AuditBefore(ctx context.Context, seq int64, since time.Time, most int) ([]algesta.AuditLine, error) {
	if seq <= 0 {
		seq = math.MaxInt64
	}
	all, err := list(ctx, s.read, func(row scanner) (l algesta.AuditLine, err error) {
		var at int64
		var data string
		if err = row.Scan(&l.Seq, &l.Request, &l.Kind, &l.Actor, &at, &data); err != nil {
			return l, err
		}
		l.At = moment(at)
		return l, decode(data, &l.Data)
	}, `SELECT seq, request, kind, actor, at, data FROM audit WHERE seq < ? AND at >= ? ORDER BY seq DESC LIMIT ?`, seq, ms(since), most)
	if err != nil {
		return nil, fmt.Errorf("reading the audit: %w", err)
	}
	return all, nil
}

// Audit are the lines about one request, oldest first.
func (s *Store) Audit(ctx context.Context, request string) ([]algesta.Entry, error) {
	all, err := list(ctx, s.read, func(row scanner) (e algesta.Entry, err error) {
		var at int64
		var data string
		if err = row.Scan(&e.Request, &e.Kind, &e.Actor, &at, &data); err != nil {
			return e, err
		}
		e.At = moment(at)
		return e, decode(data, &e.Data)
	}, `SELECT request, kind, actor, at, data FROM audit WHERE request = ? ORDER BY seq`, request)
	if err != nil {
		return nil, fmt.Errorf("reading the audit of %s: %w", request, err)
	}
	return all, nil
}
