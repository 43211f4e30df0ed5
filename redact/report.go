package redact

import (
	"slices"

	"github.com/3astronautas/algesta"
)

// Text is the text without secrets. Who is mentioned stays.
func (r *Redactor) Text(t algesta.Text) algesta.Text {
	if t == nil {
		return nil
	}
	out := make(algesta.Text, len(t))
	for i, span := range t {
		span.Text = r.String(span.Text)
		if span.Kind == algesta.Link {
			span.ID = r.String(span.ID)
		}
		out[i] = span
	}
	return out
}

// Report is the report without secrets, as the store may keep it.
func (r *Redactor) Report(in algesta.Report) algesta.Report {
	out := in
	out.Title, out.Push, out.Small = r.Text(in.Title), r.Text(in.Push), r.Text(in.Small)
	out.Body, out.Buttons = slices.Clone(in.Body), slices.Clone(in.Buttons)
	for i, b := range out.Body {
		out.Body[i] = r.block(b)
	}
	if in.File != nil {
		out.File = &algesta.File{Name: r.String(in.File.Name), Text: r.String(in.File.Text), Else: r.Text(in.File.Else)}
	}
	for i, b := range out.Buttons {
		out.Buttons[i].Label = r.String(b.Label)
		if c := b.Confirm; c != nil {
			out.Buttons[i].Confirm = &algesta.Confirm{
				Title: r.String(c.Title), Text: r.String(c.Text), Yes: r.String(c.Yes),
				No: r.String(c.No),
			}
		}
	}
	return out
}

// Plan is the plan with its sentences without secrets. What would be written is not touched: algesta.Plan.Redacted hashes it.
func (r *Redactor) Plan(p algesta.Plan) algesta.Plan {
	for _, t := range []*algesta.Text{&p.Summary, &p.Nothing, &p.Done, &p.Doing, &p.Title, &p.Keep} {
		*t = r.Text(*t)
	}
	p.Facts, p.Warnings, p.Diff = r.fields(p.Facts), r.texts(p.Warnings), r.String(p.Diff)
	return p
}

// Incident is the incident with its sentences without secrets.
func (r *Redactor) Incident(i algesta.Incident) algesta.Incident {
	i.Signals = slices.Clone(i.Signals)
	for n := range i.Signals {
		i.Signals[n].Says = r.String(i.Signals[n].Says)
	}
	for _, s := range []*string{
		&i.Cause.What, &i.Cause.Sentence, &i.Cause.Impact, &i.Cause.Change, &i.Cause.Next, &i.Cause.Command, &i.Unchecked, &i.Recent,
		&i.Ended, &i.Waiting,
	} {
		*s = r.String(*s)
	}
	if i.Silence != nil {
		z := *i.Silence
		z.Reason = r.String(z.Reason)
		i.Silence = &z
	}
	i.Buttons = r.Report(algesta.Report{Buttons: i.Buttons}).Buttons
	return i
}

func (r *Redactor) block(b algesta.Block) algesta.Block {
	b.Text, b.List, b.Fields, b.Pre = r.Text(b.Text), r.texts(b.List), r.fields(b.Fields), r.String(b.Pre)
	if b.Table != nil {
		t := algesta.Table{Head: make([]string, len(b.Table.Head)), Rows: make([][]algesta.Text, len(b.Table.Rows))}
		for i, h := range b.Table.Head {
			t.Head[i] = r.String(h)
		}
		for i, row := range b.Table.Rows {
			t.Rows[i] = r.texts(row)
		}
		b.Table = &t
	}
	return b
}

func (r *Redactor) texts(in []algesta.Text) []algesta.Text {
	out := slices.Clone(in)
	for i, t := range in {
		out[i] = r.Text(t)
	}
	return out
}

func (r *Redactor) fields(in []algesta.Field) []algesta.Field {
	out := slices.Clone(in)
	for i, f := range in {
		out[i] = algesta.Field{Label: r.String(f.Label), Value: r.Text(f.Value)}
	}
	return out
}
