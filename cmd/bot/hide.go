package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/store"
)

// hide makes the bot's redactor know what a Secret holds, but for what is part of a name that people use: a Secret may well hold
// "production", and without that word no answer could be read.
func (r *rooms) hide(values [][]byte) {
	known := strings.Join(r.words(), "\n")
	r.redactor.Add(slices.DeleteFunc(values, func(v []byte) bool { return strings.Contains(known, strings.TrimSpace(string(v))) })...)
}

// words are the names of the configuration and of what was discovered.
func (r *rooms) words() []string {
	var words []string
	for _, c := range r.cfg.Clusters {
		words = append(words, c.Name)
	}
	for _, e := range r.cfg.Environments {
		words = append(append(words, e.Name, e.Namespace), e.Aliases...)
	}
	for _, s := range r.cfg.Services {
		words = append(append(words, s.Name), s.Aliases...)
	}
	for _, t := range r.catalog.Known(context.Background()) {
		words = append(words, t.Service, t.Name)
	}
	return words
}

// hidingTx stores no secret that the redactor knows: what Slack must not show the database must not keep. It embeds nothing, so that a
// method that is added to commands.Tx doesn't compile until somebody has said here what of it is hidden.
type hidingTx struct {
	tx       *store.Tx
	redactor *redact.Redactor
}

var _ commands.Tx = hidingTx{}

// Create implements commands.RequestTx.
func (t hidingTx) Create(r algesta.Request) error {
	r.Plan, r.Command.Reason = t.redactor.Plan(r.Plan), t.redactor.String(r.Command.Reason)
	if r.Glass != nil {
		glass := *r.Glass
		glass.Reason = t.redactor.String(glass.Reason)
		r.Glass = &glass
	}
	return t.tx.Create(r)
}

// Move implements commands.RequestTx.
func (t hidingTx) Move(m algesta.Move) (algesta.Request, bool, error) {
	m.Note = t.redactor.String(m.Note)
	return t.tx.Move(m)
}

// Post implements commands.MessageTx.
func (t hidingTx) Post(p algesta.Post) error {
	p.Report = t.redactor.Report(p.Report)
	return t.tx.Post(p)
}

// Edit implements commands.MessageTx.
func (t hidingTx) Edit(p algesta.Post) error {
	p.Report = t.redactor.Report(p.Report)
	return t.tx.Edit(p)
}

// EditDirect implements commands.MessageTx.
func (t hidingTx) EditDirect(command string, of algesta.PostKind, r algesta.Report) error {
	return t.tx.EditDirect(command, of, t.redactor.Report(r))
}

// SaveIncident implements commands.IncidentTx.
func (t hidingTx) SaveIncident(i algesta.Incident) (bool, error) {
	return t.tx.SaveIncident(t.redactor.Incident(i))
}

// SaveIncidentChannel implements commands.IncidentTx.
func (t hidingTx) SaveIncidentChannel(c algesta.IncidentChannel) error {
	c.Shows = t.redactor.Incident(c.Shows)
	return t.tx.SaveIncidentChannel(c)
}

// SaveAlert implements commands.IncidentTx.
func (t hidingTx) SaveAlert(a algesta.Alert) error {
	a.Says = t.redactor.String(a.Says)
	return t.tx.SaveAlert(a)
}

// AppendIncident implements commands.IncidentTx.
func (t hidingTx) AppendIncident(e algesta.IncidentEvent) error {
	e.Says = t.redactor.String(e.Says)
	return t.tx.AppendIncident(e)
}

// Release implements commands.MessageTx: it stores no text.
func (t hidingTx) Release(request, next string) error { return t.tx.Release(request, next) }

// Append implements commands.MessageTx.
func (t hidingTx) Append(e algesta.Entry) error {
	e.Data = maps.Clone(e.Data)
	for key, value := range e.Data {
		e.Data[key] = hideIn(t.redactor, value)
	}
	return t.tx.Append(e)
}

// hideIn is a value without secrets: the texts in it, in lists and maps, too.
func hideIn(redactor *redact.Redactor, value any) any {
	switch v := value.(type) {
	case string:
		return redactor.String(v)
	case []string:
		out := slices.Clone(v)
		for i := range v {
			out[i] = redactor.String(v[i])
		}
		return out
	case []any:
		out := slices.Clone(v)
		for i := range v {
			out[i] = hideIn(redactor, v[i])
		}
		return out
	case map[string]any:
		out := maps.Clone(v)
		for key := range v {
			out[key] = hideIn(redactor, v[key])
		}
		return out
	}
	return value
}

// Approve implements commands.RequestTx.
func (t hidingTx) Approve(a algesta.Approval) (bool, error) {
	a.Reason = t.redactor.String(a.Reason)
	return t.tx.Approve(a)
}

// Offer implements commands.MessageTx: what it moves is shown beside the button.
func (t hidingTx) Offer(o algesta.Offer) error {
	o.Moves = t.redactor.String(o.Moves)
	return t.tx.Offer(o)
}

// Intend implements commands.ExecutionTx: an execution holds hashes, names and versions, no text of a cluster or a person.
func (t hidingTx) Intend(all ...algesta.Execution) (blocker string, err error) {
	return t.tx.Intend(all...)
}

// Settle implements commands.ExecutionTx.
func (t hidingTx) Settle(e algesta.Execution, from algesta.ExecutionState) (settled bool, err error) {
	return t.tx.Settle(e, from)
}

// Watch implements commands.ExecutionTx: it stores nothing.
func (t hidingTx) Watch(request string) ([]byte, error) { return t.tx.Watch(request) }

// Remember implements commands.ExecutionTx: what a follower remembers are counts, times and names.
func (t hidingTx) Remember(request string, watch []byte) error { return t.tx.Remember(request, watch) }

// What follows stores no text.

// Locked implements commands.RequestTx.
func (t hidingTx) Locked(id string) (algesta.Request, error) { return t.tx.Locked(id) }

// Unwritten implements commands.RequestTx.
func (t hidingTx) Unwritten(w algesta.Object, writes []algesta.Object) ([]algesta.Request, error) {
	return t.tx.Unwritten(w, writes)
}

// Waiting implements commands.RequestTx.
func (t hidingTx) Waiting(objects []algesta.Object) ([]algesta.Request, error) {
	return t.tx.Waiting(objects)
}

// Approvals implements commands.RequestTx.
func (t hidingTx) Approvals(request string) ([]algesta.Approval, error) {
	return t.tx.Approvals(request)
}

// Followed implements commands.ExecutionTx.
func (t hidingTx) Followed(w algesta.Object, except string) ([]algesta.Request, error) {
	return t.tx.Followed(w, except)
}

// DropButton implements commands.MessageTx.
func (t hidingTx) DropButton(id string) error { return t.tx.DropButton(id) }

// Use implements commands.MessageTx.
func (t hidingTx) Use(offer, request string) (by string, err error) { return t.tx.Use(offer, request) }

// Answered implements commands.MessageTx.
func (t hidingTx) Answered(key string) error { return t.tx.Answered(key) }

// Schedule implements commands.JobTx.
func (t hidingTx) Schedule(kind algesta.JobKind, request string, at time.Time) error {
	return t.tx.Schedule(kind, request, at)
}

// hidingLog logs no secret that the redactor knows.
func hidingLog(log *zap.Logger, redactor *redact.Redactor) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return hidingCore{core, redactor} }))
}

type hidingCore struct {
	zapcore.Core
	redactor *redact.Redactor
}

// With implements zapcore.Core.
func (c hidingCore) With(fields []zapcore.Field) zapcore.Core {
	return hidingCore{c.Core.With(c.hide(fields)), c.redactor}
}

// Check implements zapcore.Core: without it the core inside would write the line itself.
func (c hidingCore) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

// Write implements zapcore.Core.
func (c hidingCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	e.Message, e.Stack = c.redactor.String(e.Message), c.redactor.String(e.Stack)
	return c.Core.Write(e, c.hide(fields))
}

// hide redacts what is text. Numbers, times and the bot's own types stay as they are.
func (c hidingCore) hide(fields []zapcore.Field) []zapcore.Field {
	out := slices.Clone(fields)
	for i, f := range fields {
		switch f.Type { //nolint:exhaustive // the others hold no text
		case zapcore.StringType:
			out[i].String = c.redactor.String(f.String)
		case zapcore.ByteStringType, zapcore.BinaryType:
			if b, ok := f.Interface.([]byte); ok {
				out[i] = zap.String(f.Key, c.redactor.String(string(b)))
			}
		case zapcore.ErrorType,
			zapcore.StringerType,
			zapcore.ReflectType,
			zapcore.ArrayMarshalerType,
			zapcore.ObjectMarshalerType,
			zapcore.InlineMarshalerType:
			if f.Interface != nil {
				out[i] = zap.String(f.Key, c.redactor.String(fmt.Sprint(f.Interface)))
			}
		}
	}
	return out
}

// Freeze implements commands.FreezeTx.
func (t hidingTx) Freeze(z algesta.Freeze) error {
	z.Reason = t.redactor.String(z.Reason)
	return t.tx.Freeze(z)
}

// Thaw implements commands.FreezeTx: it stores no text.
func (t hidingTx) Thaw(id string, at time.Time) (bool, error) { return t.tx.Thaw(id, at) }

// Freezes implements commands.FreezeTx: they were stored without secrets.
func (t hidingTx) Freezes() ([]algesta.Freeze, error) { return t.tx.Freezes() }

// SaveLive implements commands.LiveTx.
func (t hidingTx) SaveLive(l algesta.LiveAnswer) (bool, error) {
	l.Shown, l.Command.Reason = t.redactor.Report(l.Shown), t.redactor.String(l.Command.Reason)
	l.Trouble = t.redactor.Text(l.Trouble)
	return t.tx.SaveLive(l)
}

// LiveAnswers implements commands.LiveTx: they were stored without secrets.
func (t hidingTx) LiveAnswers() ([]algesta.LiveAnswer, error) { return t.tx.LiveAnswers() }

// BreakGlass implements commands.GlassTx.
func (t hidingTx) BreakGlass(b algesta.BreakGlass) error {
	b.Reason = t.redactor.String(b.Reason)
	return t.tx.BreakGlass(b)
}

// EndGlass implements commands.GlassTx: it stores no text.
func (t hidingTx) EndGlass(id string, at time.Time) (bool, error) { return t.tx.EndGlass(id, at) }

// Silence implements commands.SilenceTx.
func (t hidingTx) Silence(z algesta.Silence) error {
	z.Reason = t.redactor.String(z.Reason)
	return t.tx.Silence(z)
}

// EndSilence implements commands.SilenceTx: it stores no text.
func (t hidingTx) EndSilence(id string, at time.Time) (bool, error) { return t.tx.EndSilence(id, at) }
