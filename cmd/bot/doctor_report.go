package main

import (
	"context"
	"os"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// askedWithin bounds the doctor that is asked for in Slack.
const askedWithin = 20 * time.Second

// doctor checks the running bot; nil where it isn't in Slack. It reads the files anew: what it says is what a start would find now.
func (r *rooms) doctor() func(context.Context) algesta.Report {
	if r.connection == nil {
		return nil
	}
	return func(ctx context.Context) algesta.Report {
		ctx, cancel := context.WithTimeout(ctx, askedWithin)
		defer cancel()
		return reportOf(examine(ctx, r.cfg.path, os.Getenv, r.connection))
	}
}

// reportOf is what was found, for Slack: what has to be done first.
func reportOf(all []examination) algesta.Report {
	counts := map[state]int{}
	table := algesta.Table{Head: []string{"about", "", "what", "what to do"}}
	for _, wanted := range []state{broken, unchecked, attention, fine} {
		for _, e := range all {
			for _, f := range e.findings {
				if f.state != wanted {
					continue
				}
				counts[wanted]++
				do := f.do
				if do == "" {
					do = "–"
				}
				table.Rows = append(table.Rows, []algesta.Text{
					algesta.Say("{}", e.title), algesta.Say("{}", string(f.state)), algesta.Say("{}", f.what), algesta.Say("{}", do),
				})
			}
		}
	}
	total := len(table.Rows)
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{}, all ok", words.Count(total, "check"))}
	switch {
	case counts[broken] > 0:
		report.Tone, report.Title = algesta.Bad, algesta.Say("{} of {} found something to repair", counts[broken], words.Count(total, "check"))
	case counts[unchecked] > 0:
		report.Tone, report.Title = algesta.Warning, algesta.Say("{} of {} couldn't be made", counts[unchecked], words.Count(total, "check"))
	case counts[attention] > 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say("{} of {} found something to know", counts[attention], words.Count(total, "check"))
	}
	report.Body = []algesta.Block{{Table: &table}}
	return report
}
