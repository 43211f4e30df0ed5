package store

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
)

// zapHandler passes River's warnings and errors to the bot's log. The rest is noise about every poll.
type zapHandler struct{ log *zap.Logger }

// Enabled is true for warnings and errors.
func (h zapHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle writes one record.
func (h zapHandler) Handle(_ context.Context, r slog.Record) error {
	fields := make([]zap.Field, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		fields = append(fields, zap.Any(a.Key, a.Value.Any()))
		return true
	})
	if r.Level >= slog.LevelError {
		h.log.Error(r.Message, fields...)
		return nil
	}
	h.log.Warn(r.Message, fields...)
	return nil
}

// WithAttrs keeps the handler: River's own attributes are its client's ID only.
func (h zapHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup keeps the handler.
func (h zapHandler) WithGroup(string) slog.Handler { return h }
